"""Part labelled events by their time: what a challenger learns from, and what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError, UsageError
from threeways.scoring.paired import FEWEST
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Say, training_of
from threeways.training.times import times_of, typical

HELD_OUT = 0.2
"""The share of the newest events that is held out: where HOLDOUT names none, and to choose a window by."""
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Windows:
    """Two sets in the order of time: what is learnt from, and the newer one that is judged on.

    begins: of the holdout; nothing that is learnt from is newer.
    """

    learning: Examples[Any]
    holdout: Examples[Any]
    begins: np.datetime64


def windows(task: Task[Any], data: str | None, holdout: str | None, say: Say) -> Windows:
    """Read both sets. Raises DataError, and UsageError for a task whose training has no labelled events."""
    labelled = getattr(training_of(task), "labelled", None)
    if labelled is None:
        raise UsageError(
            f"TASK={task.name} cannot be retrained by time: {task.training} has no `labelled` that reads "
            "events with their times; add it, or train anew with make train"
        )
    found = _in_order(labelled(task, data, "DATA", say), "DATA")
    if holdout is None:
        say("holdout: the newest fifth of the data by time; HOLDOUT= names other data")
        begins = times_of(found)[int(len(found.target) * (1 - HELD_OUT))]
        later = times_of(found) >= begins
        return _sound(Windows(part(found, ~later), part(found, later), begins), "DATA")
    judging = _in_order(labelled(task, holdout, "HOLDOUT", say), "HOLDOUT")
    both = {one.sha256 for one in found.sources} & {one.sha256 for one in judging.sources}
    if both:
        raise DataError("HOLDOUT= and DATA= have a file in common; hold out one that is not learnt from")
    begins, ends = typical(times_of(judging))[0], typical(times_of(found))[1]
    if begins < ends:
        raise DataError(
            f"HOLDOUT begins on {_day(begins)}, and DATA goes on to {_day(ends)}: a model is judged on what "
            "is newer than all that it learns from; give a later HOLDOUT=, or leave it out"
        )
    return _sound(Windows(part(found, times_of(found) < begins), judging, begins), "HOLDOUT")


def part(examples: Examples[Any], mask: NDArray[np.bool_]) -> Examples[Any]:
    """Return some of the examples."""
    rows = np.flatnonzero(mask)
    return replace(
        examples, block=examples.block[rows], target=examples.target[rows], times=times_of(examples)[rows]
    )


def newest(examples: Examples[Any], days: float) -> NDArray[np.bool_]:
    """Tell which of the examples lie within so many days of the newest."""
    times = times_of(examples)
    last = typical(times)[1]
    return np.asarray(times > last - np.timedelta64(round(days * 86_400), "s"))


def ages(examples: Examples[Any]) -> NDArray[np.float64]:
    """Return how many days older than the newest each is, 0 at the least."""
    times = times_of(examples)
    return np.maximum((typical(times)[1] - times) / DAY, 0.0)


def _in_order(examples: Examples[Any], variable: str) -> Examples[Any]:
    times = times_of(examples)
    known = ~np.isnat(times)
    if not known.any():
        raise DataError(f"{variable}: {examples.name} has no event with a time; give others")
    order = np.flatnonzero(known)[np.argsort(times[known], kind="stable")]
    return replace(examples, block=examples.block[order], target=examples.target[order], times=times[order])


def _sound(found: Windows, variable: str) -> Windows:
    judged, learnt = len(found.holdout.target), len(found.learning.target)
    if judged < FEWEST or learnt < FEWEST:
        raise DataError(
            f"{variable}: {learnt:,} labelled events to learn from and {judged:,} newer ones to judge on; it "
            f"takes {FEWEST} of each: wait for further labels, or give more months"
        )
    return found


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")
