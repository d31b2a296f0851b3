"""Part events by the fields of a task's slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.slices import Slice

OTHERS = "others"


def parted(
    events: Sequence[Mapping[str, Any]], slices: Sequence[Slice]
) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield each part of events that there is: its slice's title, its own name, and the places of its events.

    events: their fields by name; one without a slice's field, or with no number there, is in no part of it.
    """
    for one in slices:
        values = np.array([_number(event.get(one.field)) for event in events], dtype=np.float64)
        known = np.flatnonzero(np.isfinite(values))
        names = _names(values[known], one)
        for name in dict.fromkeys(names):
            yield one.title, name, known[[at for at, other in enumerate(names) if other == name]]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _names(values: NDArray[np.float64], one: Slice) -> list[str]:
    if not one.edges:
        inside = (values >= one.least) & (values <= one.most)
        return [f"{value:g}" if kept else OTHERS for value, kept in zip(values, inside, strict=True)]
    places = np.clip(np.searchsorted(one.edges, values, side="right") - 1, 0, len(one.edges) - 1)
    ends = [*(f"{low:g} to {high:g}" for low, high in zip(one.edges, one.edges[1:], strict=False)), ""]
    ends[-1] = f"from {one.edges[-1]:g}"
    return [ends[at] for at in places.tolist()]
