"""Judge a challenger against the champion on events that neither has learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from threeways.artifact.inputs import Table
from threeways.scoring.paired import Clusters, Difference, clusters_of, of_each, rmse_difference, within
from threeways.scoring.parts import PART_EVENTS, WORSE, parted
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Target


@dataclass(frozen=True)
class Errors:
    """A model's errors on the holdout. bias: the mean of predicted less actual."""

    rmse: float
    mae: float
    bias: float


@dataclass(frozen=True)
class PartResult:
    """A part of a slice: both models' RMSE there, and their difference."""

    slice: str
    part: str
    rows: int
    champion_rmse: float
    challenger_rmse: float
    difference: float
    margin: float

    @property
    def is_worse(self) -> bool:
        """Whether the challenger is worse here, and by more than a little."""
        return self.difference + self.margin < 0 and -self.difference > WORSE * self.champion_rmse


@dataclass(frozen=True)
class Verdict:
    """What the holdout says. stands: whether the challenger may be promoted. reasons: why, or why not."""

    champion: Errors
    challenger: Errors
    difference: Difference
    parts: tuple[PartResult, ...]
    stands: bool
    reasons: tuple[str, ...]


def judged(task: Task[Any], holdout: Examples[Any], champion: Target, challenger: Target) -> Verdict:
    """Compare the two models' (n,) predictions of the holdout."""
    off = champion - holdout.target, challenger - holdout.target
    clusters = clusters_of(_unix(holdout))
    difference = rmse_difference(*off, clusters)
    masks = [one for one in parted(_columns(task, holdout), task.slices) if len(one[2]) >= PART_EVENTS]
    # So that all parts together are told as worse by chance as rarely as one alone.
    confidence = of_each(len(masks))
    parts = tuple(
        _part(title, name, (off[0][rows], off[1][rows]), within(clusters, rows), confidence)
        for title, name, rows in masks
    )
    worse = [one for one in parts if one.is_worse]
    unit = getattr(task.output, "unit", "")
    told = f"{difference.value:+.3f} ± {_margin(difference):.3f} {unit}".rstrip()
    rows = f"on {difference.events:,} events that neither has learnt from"
    if difference.better:
        reasons = [f"its RMSE is lower by {told} {rows}"]
    elif difference.worse:
        reasons = [f"its RMSE is higher: {told} {rows}"]
    else:
        reasons = [f"no difference is certain: {told} {rows}"]
    reasons += [
        f"it is worse on {one.slice} {one.part}: {one.difference:+.3f} ± {one.margin:.3f}" for one in worse
    ]
    stands = difference.better and not worse
    return Verdict(_errors(off[0]), _errors(off[1]), difference, parts, stands, tuple(reasons))


def _errors(off: Target) -> Errors:
    return Errors(float(np.sqrt(np.mean(off**2))), float(np.mean(np.abs(off))), float(np.mean(off)))


def _part(
    title: str, name: str, off: tuple[Target, Target], clusters: Clusters, confidence: float
) -> PartResult:
    found = rmse_difference(*off, clusters, confidence)
    both = [float(np.sqrt(np.mean(one**2))) for one in off]
    return PartResult(title, name, found.events, both[0], both[1], found.value, _margin(found))


def _margin(found: Difference) -> float:
    return np.inf if found.margin is None else found.margin


def _unix(holdout: Examples[Any]) -> Target:
    """(n,) the events' times in seconds; NaN where one is unknown."""
    if holdout.times is None:
        return np.full(len(holdout.target), np.nan)
    seconds: Target = holdout.times.astype("datetime64[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(holdout.times), np.nan, seconds)


def _columns(task: Task[Any], holdout: Examples[Any]) -> dict[str, list[Any]]:
    """Return the columns that part the events, of the task's slices that are features of its models."""
    block, found = holdout.block, {}
    for one in task.slices:
        if one.field in task.columns:
            place = task.columns.index(one.field)
            values = block.columns[one.field] if isinstance(block, Table) else block[:, place]
            found[one.field] = np.asarray(values).tolist()
    return found
