"""Part events by the fields of a task's slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.slices import Slice

PART_EVENTS = 500
"""The limit on the events of a part that a gate judges by itself."""
WORSE = 0.05
"""A part is told as worse from this share of the champion's error on, where its interval says so, too."""


def parted(
    columns: Mapping[str, Sequence[Any]], slices: Sequence[Slice]
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Yield each part that there is: its slice's title, its own name, and the places of its events.

    columns: field -> the events' values; an event without a slice's field, or with no number there, is in no
    part of it.
    """
    for one in slices:
        places: dict[str, list[int]] = {}
        for at, value in enumerate(columns.get(one.field, ())):
            if isinstance(value, int | float) and not isinstance(value, bool):
                places.setdefault(one.part(value), []).append(at)
        for name, rows in places.items():
            yield one.title, name, np.array(rows)


def columns_of(events: Sequence[Mapping[str, Any]], slices: Sequence[Slice]) -> Mapping[str, Sequence[Any]]:
    """Return the fields of events that slices part them by, as `parted` takes them."""
    return {one.field: [event.get(one.field) for event in events] for one in slices}
