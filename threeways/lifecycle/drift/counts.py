"""Compare windows of counts with the reference: which features and categories moved, since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.reference import Bins, Reference
from threeways.lifecycle.drift.distances import (
    LEAST_PSI,
    LEAST_WASSERSTEIN,
    Compared,
    quantile,
)
from threeways.lifecycle.drift.finding import FAMILY, Finding, Kind, Measured

LEAST_ROWS = 50
"""A window with fewer rows of a column is not judged by it."""
_SHOWN = 3
_MORNING = 6
"""A day of which so many hours are lacking at its begin or its end is not whole."""
_GRID = 1.3
"""Thresholds are computed for so many rows, and so many times as many, and so on."""
LEAST_SHARE = 0.002
"""A category's share has to move by so much, to be told."""


@dataclass(frozen=True)
class Window:
    """What was counted between two times. counts: by the reference's columns, by bin. days: its blocks."""

    start: datetime
    end: datetime
    counts: list[NDArray[np.int64]]
    days: int = 1

    @property
    def rows(self) -> int:
        """Of the column with the most."""
        return max((int(one.sum()) for one in self.counts), default=0)


def windows_of(
    counted: Iterable[tuple[datetime, list[NDArray[np.int64]]]], length: timedelta, block_days: int = 1
) -> list[Window]:
    """Add counts up by windows, which begin on a Monday at midnight, at 0:00 or at a whole hour.

    counted: the time and the counts, by column. A window's days are those that something was counted in: the
    first and the last are often cut off.
    """
    found: dict[datetime, list[NDArray[np.int64]]] = {}
    seen: dict[datetime, set[int]] = {}
    for at, counts in counted:
        zero = datetime(1970, 1, 5, tzinfo=at.tzinfo)
        start = zero + (at - zero) // length * length
        before = found.get(start)
        found[start] = counts if before is None else [a + b for a, b in zip(before, counts, strict=True)]
        seen.setdefault(start, set()).add((at - zero) // timedelta(days=max(1, block_days)))
    return [Window(start, start + length, found[start], len(seen[start])) for start in sorted(found)]


def whole_days(first: datetime, last: datetime) -> tuple[date, date]:
    """Return the first and the last day that are whole, or nearly so, between two times.

    A morning alone has other rows than a day of the reference, though nothing has moved.
    """
    begins = first.date() + (timedelta(days=1) if first.hour >= _MORNING else timedelta())
    ends = last.date() - (timedelta(days=1) if last.hour < 24 - _MORNING else timedelta())
    return begins, ends


def judge_counts(
    reference: Reference, windows: Sequence[Window], family: float = FAMILY
) -> tuple[list[Finding], list[Measured]]:
    """Return what moved, the strongest first, and each measure of each window with its threshold.

    family: how likely any finding is where nothing has moved: columns, categories and windows share it.
    """
    findings: list[tuple[float, Finding]] = []
    series: list[Measured] = []
    columns = reference.columns
    for place, column in enumerate(columns):
        kind: Kind = "feature" if place < len(reference.features) else "prediction"
        judge = _Judge(column, reference, kind, family / max(1, 3 * len(columns) * len(windows)))
        for window in windows:
            judge.look(window, window.counts[place])
        findings += judge.findings()
        series += judge.series
    return [one for _, one in sorted(findings, key=lambda pair: -pair[0])], series


class _Judge:
    """Compares one column's windows. tail: how likely each of three comparisons may be wrong."""

    def __init__(self, column: Bins, reference: Reference, kind: Kind, tail: float) -> None:
        self.column, self.kind, self.tail, self.first = column, kind, tail, reference.first
        self.whole = column.by_block.sum(axis=0)
        self.compared = Compared(column, reference.block_days)
        self.series: list[Measured] = []
        self._null: dict[tuple[int, int], tuple[float, float, NDArray[Any]]] = {}
        self._moved: list[tuple[Window, float, NDArray[Any]]] = []
        self._parts: dict[int, list[tuple[Window, float, float, int]]] = {}

    def look(self, window: Window, counts: NDArray[np.int64]) -> None:
        """Measure a window."""
        rows = int(counts.sum())
        if rows < LEAST_ROWS or self.whole.sum() < LEAST_ROWS:
            return
        most_psi, most_distance, deviation = self._at_rest(window.days, rows)
        index, distance = self.compared.distances(counts, self.whole)
        told = (self.column.name, window.start.isoformat(), window.end.isoformat(), rows)
        measured = [_measured(told, "PSI", float(index), most_psi)]
        if distance is not None:
            measured.append(_measured(told, "Wasserstein", float(distance), most_distance))
        self.series += measured
        strength = max(one.value / one.threshold for one in measured)
        if strength > 1:
            self._moved.append((window, strength, counts))
        if self.column.is_category:
            self._look_at_parts(window, counts, deviation)

    def findings(self) -> list[tuple[float, Finding]]:
        """Return what moved, with how far it is beyond its threshold."""
        found = []
        if self.compared.changed is not None:
            found.append((1.0, self._changed(self.compared.changed)))
        if self._moved:
            first, last = self._moved[0], self._moved[-1]
            strength = max(one[1] for one in self._moved)
            found.append((strength, self._finding(first[0], last[2])))
        for bin_, moved in self._parts.items():
            window, _, _, _ = moved[0]
            _, strength, now, rows = max(moved, key=lambda one: one[1])
            found.append((strength / 100, self._part(bin_, window, now, rows)))
        return found

    def _at_rest(self, days: int, rows: int) -> tuple[float, float, NDArray[Any]]:
        """Return both thresholds, and the deviation of each bin's share, of windows at rest."""
        step = int(np.log(rows) / np.log(_GRID))
        key = days, step
        if key not in self._null:
            drawn, reference = self.compared.replicates(days, int(_GRID**step), seed=days * 1_000 + step)
            index, distance = self.compared.distances(drawn, reference)
            shares = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
            others = reference / np.maximum(reference.sum(axis=1, keepdims=True), 1)
            far = 0.0 if distance is None else quantile(distance, self.tail)
            self._null[key] = (
                max(LEAST_PSI, quantile(index, self.tail)),
                max(LEAST_WASSERSTEIN, far),
                (shares - others).std(axis=0),
            )
        return self._null[key]

    def _look_at_parts(self, window: Window, counts: NDArray[np.int64], deviation: NDArray[Any]) -> None:
        """Find the categories whose count is too many or too few for a share that has not moved."""
        from scipy import stats

        rows = int(counts.sum())
        total = self.whole.sum()
        expected = rows * (self.whole + 0.5) / (total + 0.5 * len(self.whole))
        # negative binomial: Poisson's counts with the variance that the reference's own blocks show
        spread = np.maximum((rows * deviation) ** 2, expected * (1 + rows / total)) * 1.0001
        size = expected**2 / (spread - expected)
        chance = size / (size + expected)
        upper = stats.nbinom.sf(counts - 1, size, chance)
        lower = stats.nbinom.cdf(counts, size, chance)
        likely = np.minimum(upper, lower)
        shares, before = counts / rows, self.whole / total
        limit = self.tail / len(self.whole)
        far = np.abs(shares - before) > LEAST_SHARE
        for bin_ in np.flatnonzero((likely < limit) & far).tolist():
            strength = float(np.log(max(likely[bin_], 1e-300)) / np.log(limit))
            self._parts.setdefault(bin_, []).append((window, strength, float(shares[bin_]), rows))

    def _finding(self, window: Window, counts: NDArray[np.int64]) -> Finding:
        before, now = self.whole / self.whole.sum(), counts / counts.sum()
        terms = np.abs(now - before) * np.abs(np.log((now + 1e-4) / (before + 1e-4)))
        top = np.argsort(-terms)[:_SHOWN].tolist()
        labels = self.column.labels
        moves = "; ".join(f"{labels[one]}: {before[one]:.1%} before, {now[one]:.1%} now" for one in top)
        return Finding(
            self.kind, self.column.name, "", window.start.isoformat(), float(before[top[0]]),
            float(now[top[0]]), int(counts.sum()),
            f"{self.column.name} is distributed otherwise since {window.start:%Y-%m-%d %H:%M} ({moves})",
            _advice(self.kind, missing=top[0] == len(labels) - 1),
        )  # fmt: skip

    def _changed(self, block: int) -> Finding:
        """Return the change within the reference itself."""
        blocks = self.column.by_block
        parts = [part.sum(axis=0) / part.sum() for part in np.split(blocks, [block])]
        top = int(np.argmax(np.abs(parts[1] - parts[0])))
        since = (
            str(np.datetime64(self.first, "D") + np.timedelta64(block, "D"))
            if self.first
            else f"block {block}"
        )
        return Finding(
            self.kind, self.column.name, "", since,
            float(parts[0][top]), float(parts[1][top]), int(blocks.sum()),
            f"{self.column.name} changed within the reference itself, on {since} ({self.column.labels[top]}: "
            f"{parts[0][top]:.1%} before, {parts[1][top]:.1%} after)",
            "Train on rows from after the change alone, or leave the column out.",
        )  # fmt: skip

    def _part(self, bin_: int, window: Window, now: float, rows: int) -> Finding:
        label, before = self.column.labels[bin_], float(self.whole[bin_] / self.whole.sum())
        return Finding(
            "share", self.column.name, label, window.start.isoformat(), before, now, rows,
            f"the share of {label} in {self.column.name} moved from {before:.2%} to {now:.2%} since "
            f"{window.start:%Y-%m-%d %H:%M}",
            _advice("share", missing=label == "missing"),
        )  # fmt: skip


def _measured(told: tuple[str, str, str, int], measure: str, value: float, threshold: float) -> Measured:
    what, start, end, rows = told
    return Measured(what, measure, start, end, rows, value, threshold)


def _advice(kind: Kind, *, missing: bool) -> str:
    if missing:
        return "Ask the producer why it is missing; rows without it may be of another kind."
    if kind == "prediction":
        return "See which features moved; where none did, compare the served version with the reference's."
    return (
        "Find out what changed there; retrain on newer rows once the error by label outcomes is worse, too."
    )
