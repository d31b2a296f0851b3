"""A measure: two sides timed in turn, their medians, the ratio of the two and how far it spreads.

A ratio is the median of the rounds' ratios, and its spread their quartiles: the two sides of a round met the
same machine, so what slows both leaves their ratio alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Literal

type Side = Callable[[], float]
"""Does its work once and gives what it took, in any unit that is better when lower: seconds, MB."""
type Against = Literal["usual", "floor"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table.

    name: what, and in which unit ours, usual and floor are, each the median of its rounds. ratio: ours over
    `against`. quartiles: the ratio's first and third. goal: what the ratio must reach, or, `at_most`, must
    not exceed; None: for orientation.
    """

    name: str
    ours: float
    usual: float | None
    floor: float | None
    ratio: float
    quartiles: tuple[float, float]
    goal: float | None = None
    at_most: bool = False
    against: Against = "usual"

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal

    def plain(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        return asdict(self) | {"met": self.met, "quartiles": list(self.quartiles)}


def timed(work: Callable[[], object]) -> Side:
    """A side that gives the seconds that `work` takes."""

    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return once


def in_turn(sides: Mapping[str, Side], rounds: int, *, warm_up: bool = True) -> dict[str, list[float]]:
    """What each side gave in each round: one after the other within a round, a first round left out."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + warm_up):
        for name, side in sides.items():
            spent = side()
            if number or not warm_up:
                found[name].append(spent)
    return found


def ratio_of(top: Sequence[float], bottom: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The median of the rounds' ratios, and their quartiles."""
    pairs = [one / other for one, other in zip(top, bottom, strict=True)]
    first, middle, third = quantiles(pairs, n=4, method="inclusive") if len(pairs) > 1 else pairs * 3
    return middle, (first, third)


def cost(
    name: str, found: Mapping[str, Sequence[float]], goal: float | None, *, ours: str = "ours"
) -> Measure:
    """A measure of what each side took: lower is better, and the goal is what ours may take of the usual."""
    ratio, quartiles = ratio_of(found[ours], found["usual"])
    return Measure(
        name, median(found[ours]), median(found["usual"]), _median(found.get("floor")), ratio, quartiles,
        goal, at_most=True,
    )  # fmt: skip


def rate(
    name: str,
    found: Mapping[str, Sequence[float]],
    counts: Mapping[str, int],
    goal: float | None,
    *,
    against: Against = "usual",
) -> Measure:
    """A measure of how many a second each side does: higher is better.

    found: seconds. counts: how many of them a side did in a round.
    """
    speeds = {side: [counts[side] / one for one in seconds] for side, seconds in found.items()}
    ratio, quartiles = ratio_of(speeds["ours"], speeds[against])
    usual, floor = (_median(speeds.get(side)) for side in ("usual", "floor"))
    return Measure(
        name, median(speeds["ours"]), usual, floor, ratio, quartiles, goal, against=against
    )  # fmt: skip


def _median(values: Sequence[float] | None) -> float | None:
    return median(values) if values else None
