"""Every single fault and every pair of faults, for every small batch: the schedules, and running them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import faults as f
from faults import Point, Schedule, faults_at
from inputs import aggregated_pairs, small_batches
from simulated import threads_run_at_once
from world import run

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


def explore(batch: str, *, pairs: bool = True) -> Counts:
    """Run a batch's schedules: the second fault at every point, after the first, of the run that it leads to.

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
                counts += Counts(pairs=_run_all(pair for pair, _ in followed(single, after)))
    return counts


def _run_all(schedules: Iterable[Schedule]) -> int:
    count = 0
    for schedule in schedules:
        if schedule.quarantine_first or interrupts(schedule):
            run(schedule)
            count += 1
    return count


def _explore_at_once(batch: str, pairs: bool) -> Counts:
    with threads_run_at_once():
        return explore(batch, pairs=pairs)


def explore_all(longest: int, longest_with_pairs: int, processes: int = 2) -> Counts:
    """Every batch up to a length, those up to another with pairs of faults, and every aggregated pair.

    Raises Violation.
    """
    batches = [*aggregated_pairs(), *small_batches(longest)]
    batches.sort(key=lambda batch: len(batch.split()), reverse=True)  # the long ones first: they take longest
    pairs = [len(batch.split()) <= longest_with_pairs for batch in batches]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_explore_at_once, batches, pairs), Counts())
