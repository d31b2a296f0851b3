"""Part events by a number. Free of NumPy: a join of labels, whose image has none, parts its outcomes so."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One way to part events, in a batch job's report and of live error: by a number that is a field.

    field: its name. title: what people call it. edges: the lower ends of bins, ascending; the last is open,
    and what is below the first belongs to it. Without edges the field holds whole numbers, each a part of its
    own from least to most; others are one part more. The report shows the `top` parts with the most events.
    """

    field: str
    title: str
    edges: tuple[float, ...] = ()
    least: int = 0
    most: int = 0
    top: int = 15

    def part(self, value: float) -> str:
        """Return the name of the part that a value belongs to."""
        if not self.edges:
            return str(int(value)) if value == value and self.least <= value <= self.most else "other"
        if value != value:
            return "other"
        place = max(0, bisect_right(self.edges, value) - 1)
        if place + 1 == len(self.edges):
            return f"{self.edges[place]:g}+"
        return f"{self.edges[place]:g}-{self.edges[place + 1]:g}"


HOUR = Slice(field="hour", title="hour of the day", least=0, most=23, top=24)
"""By the hour of the event's own clock."""
