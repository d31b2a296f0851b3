"""Part events by the fields of a task's slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.slices import Slice


def parted(
    events: Sequence[Mapping[str, Any]], slices: Sequence[Slice]
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Yield each part that there is: its slice's title, its own name, and the places of its events.

    events: their fields by name; one without a slice's field, or with no number there, is in no part of it.
    """
    for one in slices:
        places: dict[str, list[int]] = {}
        for at, event in enumerate(events):
            value = event.get(one.field)
            if isinstance(value, int | float) and not isinstance(value, bool):
                places.setdefault(one.part(value), []).append(at)
        for name, rows in places.items():
            yield one.title, name, np.array(rows)
