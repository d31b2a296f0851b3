"""Fit a serving model's intervals to the newest labels: a newer table, and whether it covers better.

The events' older half fits a table and the newer half judges it, beside the table that serves. What is to
serve is fitted to both, as in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.interval import IntervalTable
from threeways.errors import PromotionRefused
from threeways.lifecycle.fields import leaves, unix_times
from threeways.scoring import calibration, paired
from threeways.scoring.calibration import Coverage
from threeways.scoring.events import Events
from threeways.scoring.outcomes import Scored
from threeways.scoring.output import number_of
from threeways.scoring.outputs import Value
from threeways.scoring.paired import Difference
from threeways.scoring.service import ModelService

LEAST_EVENTS = 2 * calibration.FEWEST
"""The limit on the labelled events: a table's own for each half."""
_AT_ONCE = 10_000

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recalibration:
    """A newer interval table. before, after: coverage of the newest `before.rows` events by the two tables.

    after: by a table of the older events alone. change: of the share that is covered. events: that the table
    is fitted to.
    """

    window: str
    table: IntervalTable
    events: int
    before: Coverage
    after: Coverage
    change: Difference

    @property
    def fault(self) -> str | None:
        """Why the newer table must not take over; None where it may."""
        aim = self.table.coverage
        if self.change.is_sure and abs(self.after.share - aim) < abs(self.before.share - aim):
            return None
        return f"a newer table does not surely cover better: {self}"

    def __str__(self) -> str:
        before, after = (
            f"{100 * one.share:.1f} % (mean width {one.width:.3g})" for one in (self.before, self.after)
        )
        margin = "" if self.change.margin is None else f" ± {100 * self.change.margin:.1f} %"
        return (
            f"of {100 * self.table.coverage:g} % that intervals are to hold, {before} before and {after} "
            f"after, {100 * self.change.value:+.1f}{margin}, on the newest {self.before.rows:,} of "
            f"{self.events:,} events of {self.window}"
        )


@dataclass(frozen=True)
class _Labelled:
    """n events in the order of their time. by: the column of the table's groups, where it has some."""

    predicted: Floats
    actual: Floats
    times: Floats
    by: Floats | None

    def part(self, rows: NDArray[np.intp]) -> _Labelled:
        by = None if self.by is None else self.by[rows]
        return _Labelled(self.predicted[rows], self.actual[rows], self.times[rows], by)


def recalibrated(service: ModelService[Any], events: Events) -> Recalibration:
    """Fit the intervals of a model that serves to labelled events. Raises PromotionRefused, ModelFailed."""
    table = require_table(service)
    known = _scored(service, events)
    count = len(known.actual)
    if count < LEAST_EVENTS:
        raise PromotionRefused(
            f"{events.name}: {count} events with a prediction and a known truth are too few to recalibrate, "
            f"{LEAST_EVENTS} are the least; name a larger window, EVENTS=, and its column with what really "
            "was so, ACTUAL="
        )
    whole = isinstance(service.answered, Value) and service.answered.whole
    older, newer = (known.part(rows) for rows in np.array_split(np.arange(count), 2))
    tried = calibration.recalibrated(table, older.predicted, older.actual, older.by)
    told = newer.predicted, newer.actual, newer.by
    held = [calibration.held(one, *told, whole=whole).astype(np.float64) for one in (table, tried)]
    return Recalibration(
        events.name,
        calibration.recalibrated(table, known.predicted, known.actual, known.by),
        count,
        calibration.covered(table, *told, whole=whole),
        calibration.covered(tried, *told, whole=whole),
        paired.difference(held[1] - held[0], paired.clusters_of(newer.times)),
    )


def require_table(service: ModelService[Any]) -> IntervalTable:
    """Return the interval table that a model serves with. Raises PromotionRefused where there is none."""
    if service.intervals is not None:
        return service.intervals.table
    if not isinstance(service.answered, Value):
        raise PromotionRefused(
            f"{service.declared.name} predicts {', '.join(service.answered.fields)}, which is not one number "
            "and has no interval: there is nothing to recalibrate"
        )
    raise PromotionRefused(
        "the model has no interval table, neither its own nor one of the pointer's: train it again with "
        f"{calibration.FEWEST} labelled events or more in its validation set, and promote that"
    )


def _scored(service: ModelService[Any], events: Events) -> _Labelled:
    """Score events; return those with a prediction and a known number, in the order of their time."""
    predicted = np.full(len(events), np.nan)
    by = None if service.intervals is None or service.intervals.table.by is None else predicted.copy()
    time, said, place = service.task.time, list[Any](), 0
    payloads, arrived = events.payloads(), datetime.now(UTC)
    while chunk := list(islice(payloads, _AT_ONCE)):
        decoded, reasons = service.task.decode_all(chunk)
        rows = [place + row for row in range(len(chunk)) if row not in reasons]
        service.observed = []
        for row, outcome in zip(rows, service.score_events(decoded, [arrived] * len(decoded)), strict=True):
            if isinstance(outcome, Scored):
                predicted[row] = number_of(outcome.value)
        if by is not None and service.intervals is not None and rows:
            by[rows] = service.intervals.grouping(service.observed[0].take(range(len(rows))))
        said += [leaves(payload).get(time.field) for payload in chunk] if time else [None] * len(chunk)
        place += len(chunk)
    service.observed = None
    actual = _numbers(events.truth)
    known = np.flatnonzero(events.counted & np.isfinite(predicted) & np.isfinite(actual))
    times = unix_times([said[row] for row in known], time)
    order = np.argsort(times, kind="stable") if np.isfinite(times).all() else np.arange(len(known))
    return _Labelled(predicted[known], actual[known], times, None if by is None else by[known]).part(order)


def _numbers(truth: NDArray[Any]) -> Floats:
    """Return what really was as numbers, NaN where it is none."""
    try:
        return truth.astype(np.float64)
    except (TypeError, ValueError):
        raise PromotionRefused(
            "what really was is no number: name its column, ACTUAL=, as the model's number is"
        ) from None
