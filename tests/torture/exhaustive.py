"""Every single fault and every pair of faults, for every small batch: the schedules, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import faults as f
from faults import Point, Schedule, faults_at
from inputs import aggregated_pairs, small_batches
from world import World, run

_INTERRUPTS = f.ANSWERED_LATE | {f.KILLED_BEFORE, f.KILLED_AFTER, f.CLOCK}


@dataclass(frozen=True, slots=True)
class Counts:
    """Schedules that were run, by how many faults they hold."""

    none: int = 0
    single: int = 0
    pairs: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.none + other.none, self.single + other.single, self.pairs + other.pairs)

    @property
    def all(self) -> int:
        return self.none + self.single + self.pairs


def bases(batch: str) -> Iterator[Schedule]:
    """A batch without faults, in both orders where something goes to quarantine and something does not."""
    yield Schedule(batch)
    if len({word.endswith("!") for word in batch.replace("+", " ").split()}) == 2:
        yield Schedule(batch, quarantine_first=False)


def followed(schedule: Schedule, points: Iterable[Point]) -> Iterator[tuple[Schedule, Point]]:
    """A schedule with one fault more, for every fault at every one of these points."""
    for point in points:
        for fault in faults_at(point):
            faults = {**schedule.faults, (point.where, point.number): fault}
            yield replace(schedule, faults=faults), point


def interrupts(schedule: Schedule) -> bool:
    """Whether a call kills an invocation or uses up its time.

    Beside those two, delivery and quarantine have nothing in common: without them the run is the same for
    each of the two whatever their order, so that one order is enough.
    """
    return any(where in f.CALLS and fault in _INTERRUPTS for (where, _), fault in schedule.faults.items())


def explore(
    batch: str,
    *,
    pairs: bool = True,
    run_pair: Callable[[Schedule], object] = run,
    run: Callable[[Schedule], World] = run,
) -> Counts:
    """Run a batch's schedules: the second fault at every point, after the first, of the run that it leads to.

    run_pair: what is done with a schedule of two faults; one that does nothing only counts them. run: what is
    done with the others.

    Raises Violation with the first schedule that loses something.
    """
    counts = Counts()
    for base in bases(batch):
        points = run(base).network.points
        counts += Counts(none=1)
        for single, point in followed(base, points):
            later = run(single).network.points
            counts += Counts(single=1)
            if pairs:
                after = later[later.index(point) + 1 :]
                counts += Counts(pairs=_each(run_pair, (pair for pair, _ in followed(single, after))))
    return counts


def _each(run_pair: Callable[[Schedule], object], schedules: Iterable[Schedule]) -> int:
    count = 0
    for schedule in schedules:
        if schedule.quarantine_first or interrupts(schedule):
            run_pair(schedule)
            count += 1
    return count


def all_batches(longest: int = 4) -> list[str]:
    """Every aggregated pair, and every batch up to a length: the long ones first, for they take longest."""
    batches = [*aggregated_pairs(), *small_batches(longest)]
    return sorted(batches, key=length, reverse=True)


def length(batch: str) -> int:
    """How many records a batch has."""
    return len(batch.split())
