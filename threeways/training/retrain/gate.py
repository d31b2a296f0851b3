"""Judge a challenger against the champion on events that neither has learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Table
from threeways.scoring.paired import CONFIDENCE, Difference, rmse_difference
from threeways.scoring.slices import Slice
from threeways.scoring.task import Task
from threeways.training.examples import Examples, Target

PART_ROWS = 500
"""The limit on the events of a part of a slice: a smaller one is not judged."""
WORSE = 0.05
"""A part is told as worse from this share of the champion's RMSE on, where its interval says so, too."""


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
    """Compare the two models' (n,) predictions of the holdout, which is in the order of time."""
    off = champion - holdout.target, challenger - holdout.target
    difference = rmse_difference(*off)
    masks = list(_parts(task, holdout))
    # So that all parts together are told as worse by chance as rarely as one alone.
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(masks))
    parts = tuple(
        _part(slice_, name, (off[0][mask], off[1][mask]), confidence) for slice_, name, mask in masks
    )
    worse = [one for one in parts if one.is_worse]
    unit = getattr(task.output, "unit", "")
    told = f"{difference.value:+.3f} ± {difference.margin:.3f} {unit}".rstrip()
    rows = f"on {difference.rows:,} events that neither has learnt from"
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


def _part(slice_: Slice, name: str, off: tuple[Target, Target], confidence: float) -> PartResult:
    found = rmse_difference(*off, confidence=confidence)
    both = [float(np.sqrt(np.mean(one**2))) for one in off]
    return PartResult(slice_.title, name, found.rows, both[0], both[1], found.value, found.margin)


def _parts(task: Task[Any], holdout: Examples[Any]) -> Iterator[tuple[Slice, str, NDArray[np.bool_]]]:
    """Yield the parts with enough events, of the task's slices that are features of its models."""
    for one in task.slices:
        if one.field not in task.columns:
            continue
        block, place = holdout.block, task.columns.index(one.field)
        values = block.columns[one.field] if isinstance(block, Table) else block[:, place]
        at = np.clip(np.searchsorted(one.edges, values, "right") - 1, 0, None) if one.edges else values
        for value in np.unique(at):
            mask = at == value
            if mask.sum() >= PART_ROWS:
                yield one, _name(one, int(value)), mask


def _name(one: Slice, place: int) -> str:
    if not one.edges:
        return str(place)
    end = f"-{one.edges[place + 1]:g}" if place + 1 < len(one.edges) else "+"
    return f"{one.edges[place]:g}{end}"
