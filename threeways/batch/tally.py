"""Add a run up while its chunks pass: enough for the summary and the report, however many events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk, Refused
from threeways.batch.layout import Layout
from threeways.batch.outcomes import Outcomes
from threeways.batch.parts import Part, edges_of, parts_of
from threeways.scoring.events import within
from threeways.scoring.outcomes import ColumnScores
from threeways.scoring.outputs import Value

type Floats = NDArray[np.float64]
type Table = Mapping[str, NDArray[Any]]
"""(n,) columns of predictions, by their names."""

_BARS = 60
_REASONS = 1_000  # a message may quote a row; more kinds than this are counted together
OTHER = ("other", "more kinds of reasons")


class Slices:
    """Events added up by a whole number from 0 to n - 1: how many, their predictions, and their errors.

    judged: the events whose output is known and, as the task's truth has it, one to judge by: those that
    training keeps; absolute and squared: their errors' sums.
    """

    def __init__(self, n: int) -> None:
        self.events, self.predicted, self.judged, self.absolute, self.squared = np.zeros((5, n))

    def add(self, at: NDArray[np.int64], predicted: Floats, actual: Floats, kept: NDArray[np.bool_]) -> None:
        """Add (m,) events: their slice, their predicted and real output, and which of them are judged."""
        n = len(self.events)
        self.events += np.bincount(at, minlength=n)
        self.predicted += np.bincount(at, predicted, n)
        where, off = at[kept], (predicted - actual)[kept]
        self.judged += np.bincount(where, minlength=n)
        self.absolute += np.bincount(where, np.abs(off), n)
        self.squared += np.bincount(where, off**2, n)

    def mean(self) -> Floats:
        """(n,) the mean prediction, NaN without an event."""
        return _share(self.predicted, self.events)

    def mae(self) -> Floats:
        """(n,) the mean absolute error, NaN where nothing is judged."""
        return _share(self.absolute, self.judged)


class Tally:
    """The whole run: counts, and events by hour, by the task's slices and by what is predicted of them.

    outcomes: what is predicted, where that is not one number; then the others have counts alone. held: the
    judged events whose interval holds their output. widths: the sum of the intervals' widths. beyond: events
    whose output is known, and not one to judge by.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.outcomes = (
            None
            if isinstance(layout.task.output, Value)
            else Outcomes(layout.task.output, list(layout.truths))
        )
        self.all = Slices(1)
        self.hours = Slices(24)
        self.parts: list[tuple[Part, Slices]] = []
        self.edges: tuple[float, ...] = ()
        self.bars = np.zeros(0)
        self.flags: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.quarantined = 0
        self.undated = self.beyond = 0
        self.held, self.widths = 0, 0.0

    @property
    def scored(self) -> int:
        """How many predictions there are."""
        return int(self.all.events[0])

    @property
    def judged(self) -> int:
        """The events whose output is known and one to judge by."""
        return self.outcomes.judged if self.outcomes else int(self.all.judged[0])

    @property
    def read(self) -> int:
        """How many rows were read: all of them are scored or quarantined."""
        return self.scored + self.quarantined

    def add(self, chunk: Chunk, columns: Table, scores: ColumnScores, rows: NDArray[np.int64]) -> None:
        """Add the events of a chunk that have a prediction: those at `rows`. columns: their predictions."""
        if not len(rows):
            return
        actual = chunk.actual[rows]
        kept = self.count(columns, actual)
        for flag, mask in scores.flags.items():
            self.flags[flag] += int(np.count_nonzero(mask[rows]))
        if self.outcomes is not None:
            return
        predicted = columns[self.layout.task.output.name]
        if not self.edges:
            self._begin(chunk, predicted)
        if self.layout.time:
            second = chunk.time[rows].astype("datetime64[s]").astype(np.int64)
            self.hours.add(second // 3600 % 24, predicted, actual, kept)
        for part, slices in self.parts:
            slices.add(part.of(chunk.numbers(part.slice.field)[rows]), predicted, actual, kept)
        bars = np.searchsorted(self.edges, predicted, side="right") - 1
        self.bars += np.bincount(np.clip(bars, 0, len(self.bars) - 1), minlength=len(self.bars))

    def count(self, columns: Table, actual: NDArray[Any]) -> NDArray[np.bool_]:
        """Add (n,) events to the whole run's alone; which of them are judged by their number."""
        everything = np.zeros(len(actual), np.int64)
        if self.outcomes is not None:
            self.outcomes.add(columns, actual)
            unknown = np.full(len(actual), np.nan)
            self.all.add(everything, unknown, unknown, np.zeros(len(actual), bool))
            return np.zeros(len(actual), bool)
        predicted = columns[self.layout.task.output.name]
        kept = within(self.layout.truth, actual)
        self.beyond += int(np.count_nonzero(np.isfinite(actual) & ~kept))
        self.all.add(everything, predicted, actual, kept)
        if bounds := self.layout.bounds:
            low, high = (columns[name][kept] for name in bounds)
            self.held += int(np.count_nonzero((actual[kept] >= low) & (actual[kept] <= high)))
            self.widths += float((high - low).sum(dtype=np.float64))
        return kept

    def _begin(self, chunk: Chunk, predicted: Floats) -> None:
        """Choose the parts by the first events, where neither the task's slices nor its truth tell them."""
        self.parts = [(part, Slices(part.count)) for part in parts_of(self.layout, chunk.numbers)]
        truth = self.layout.truth
        if truth and np.isfinite([truth.least, truth.most]).all():
            width = truth.most / _BARS if truth.most > 0 else 1.0
            self.edges = tuple(n * width for n in range(_BARS + 1))
        else:
            self.edges = edges_of(predicted, _BARS)
        self.bars = np.zeros(len(self.edges))

    def refuse(self, refused: list[Refused]) -> None:
        """Count rows that went to quarantine."""
        self.quarantined += len(refused)
        self.undated += sum(one.time is None for one in refused) if self.layout.time else 0
        for one in refused:
            reason = (one.code, one.message)
            self.reasons[reason if reason in self.reasons or len(self.reasons) < _REASONS else OTHER] += 1

    def coverage(self) -> float | None:
        """Return the share of the judged events whose interval holds their output; None without intervals."""
        return self.held / self.judged if self.layout.bounds and self.judged else None

    def mean_width(self) -> float | None:
        """Return the mean width of the judged events' intervals; None without intervals."""
        return self.widths / self.judged if self.layout.bounds and self.judged else None

    def mean(self) -> float | None:
        """Return the mean of the predictions."""
        return _number(self.all.mean())

    def mae(self) -> float | None:
        """Return the mean absolute error over the judged events."""
        return _number(self.all.mae())

    def rmse(self) -> float | None:
        """Return the root mean square error over the judged events."""
        return _number(np.sqrt(_share(self.all.squared, self.all.judged)))


def _share(total: Floats, count: Floats) -> Floats:
    shares: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return shares


def _number(values: Floats) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])
