"""Part the events of a report by a number that each has, into a fixed count of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threeways.batch.layout import Layout
from threeways.scoring.slices import Slice

type Floats = NDArray[np.float64]

_SLICES, _BINS = 3, 10


@dataclass(frozen=True, slots=True)
class Part:
    """A slice and how a number finds its part in it. count: of the parts."""

    slice: Slice

    @property
    def is_binned(self) -> bool:
        """Whether its parts are ranges; else each is a whole number, the last those that are none of them."""
        return bool(self.slice.edges)

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self.slice.edges) if self.is_binned else self.slice.most - self.slice.least + 2

    def of(self, values: Floats) -> NDArray[np.int64]:
        """(n,) the part of each number, from 0."""
        if self.is_binned:
            found = np.searchsorted(self.slice.edges, values, side="right") - 1
            return np.clip(found, 0, self.count - 1).astype(np.int64)
        known = (values >= self.slice.least) & (values <= self.slice.most)
        return np.where(known, values - self.slice.least, self.count - 1).astype(np.int64)

    def names(self) -> list[str]:
        """Return the name of each part."""
        if not self.is_binned:
            return [*map(str, range(self.slice.least, self.slice.most + 1)), "unknown"]
        edges = self.slice.edges
        ends = [*(f"-{end:g}" for end in edges[1:]), "+"]
        return [f"{low:g}{end}" for low, end in zip(edges, ends, strict=True)]


def parts_of(layout: Layout, numbers: Callable[[str], Floats]) -> list[Part]:
    """Return the parts of a report: the task's slices, else ten ranges of its first fields with numbers.

    numbers: those that the first events have in a field.
    """
    if layout.task.slices:
        return list(map(Part, layout.task.slices))
    fields = [leaf.name for leaf in layout.leaves if leaf.kind in ("integer", "float")][:_SLICES]
    return [Part(Slice(field=one, title=one, edges=edges_of(numbers(one), _BINS))) for one in fields]


def edges_of(values: Floats, count: int) -> tuple[float, ...]:
    """Return the lower ends of `count` ranges of equal, round width that hold most of the numbers."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.01, 0.99]).tolist() if len(known) else (0.0, 1.0)
    width = _round_up((high - low) / count) if high > low else 1.0
    first = float(np.floor(low / width))
    return tuple((first + n) * width for n in range(count))


def _round_up(width: float) -> float:
    """1, 2 or 5 times a power of ten, the next that is no smaller."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(one * power for one in (1, 2, 5, 10) if one * power >= width * (1 - 1e-9)))
