"""Fit the table of prediction intervals to what really happened, and measure how much it covers.

Split conformal prediction with quantiles of the residuals by bins of the predicted value: of n residuals that
the model did not learn from, the ends are the floor((n + 1) a / 2)-th and the ceil((n + 1) (1 - a / 2))-th.
Angelopoulos and Bates, 'A gentle introduction to conformal prediction', arxiv.org/abs/2107.07511
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.interval import MOST_OFFSETS, IntervalTable
from threeways.errors import DataError
from threeways.scoring.interval import Intervals

type Floats = NDArray[np.float64]

COVERAGE = 0.8
BINS = 20
FEWEST = 200
"""The limit on the residuals of a table, and on those of each bin: a smaller one borrows its neighbours'."""
WORTH, OFF = 1_000, 0.05
"""A part of so many events whose coverage is so far off has groups of its own in the table."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A column of n events by which a table may have groups. edges: the ascending values between parts."""

    name: str
    values: Floats
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many true values their intervals hold. share: of `rows`. width: the intervals' mean."""

    share: float
    width: float
    rows: int


def fitted(
    predicted: Floats,
    actual: Floats,
    *,
    coverage: float = COVERAGE,
    least: float | None = None,
    parts: Sequence[Parts] = (),
) -> IntervalTable:
    """Return the table of n predictions of events that the model did not learn from, and what was true.

    least: of an output that is never less, such as 0. parts: the table has groups by one of them, where bins
    of the predicted value alone leave parts of 1,000 events or more over 5 points off. Raises DataError for
    fewer than 200.
    """
    plain = _table(predicted, actual, IntervalTable(coverage, (), (0.0,), (0.0,), least), None)
    inside = held(plain, predicted, actual, None)
    off = [(_off(one, inside, coverage), one) for one in parts if len(one.edges) < MOST_OFFSETS // BINS]
    edges, worst = max(off, key=lambda one: len(one[0]), default=((), None))
    if worst is None or not edges:
        return plain
    config = IntervalTable(
        coverage, (), (0.0,) * (len(edges) + 1), (0.0,) * (len(edges) + 1), least, worst.name, edges
    )
    return _table(predicted, actual, config, worst.values)


def recalibrated(
    table: IntervalTable, predicted: Floats, actual: Floats, by: Floats | None = None
) -> IntervalTable:
    """Return a table like this one, fitted to newer events: n predictions, and what was true of them.

    by: (n,) the column `table.by`, where it has groups. Raises DataError for fewer than 200 events.
    """
    if table.by is not None and by is None:
        raise DataError(
            f"the interval table has groups by {table.by}, which the labels lack; keep it with them"
        )
    return _table(predicted, actual, table, by if table.by is not None else None)


def covered(
    table: IntervalTable, predicted: Floats, actual: Floats, by: Floats | None = None, *, whole: bool = False
) -> Coverage:
    """Measure a table on n predictions and what was true.

    by: as `recalibrated` takes it. whole: the predictions are integers, whose intervals end at integers.
    """
    ends = _ends(table, predicted, by, whole=whole)
    return measured(ends[:, 1], ends[:, 2], actual)


def held(
    table: IntervalTable, predicted: Floats, actual: Floats, by: Floats | None, *, whole: bool = False
) -> NDArray[np.bool_]:
    """(n,) which true values their intervals hold. by: as `recalibrated` takes it. whole: as `covered`."""
    ends = _ends(table, predicted, by, whole=whole)
    return (actual >= ends[:, 1]) & (actual <= ends[:, 2])


def measured(low: Floats, high: Floats, actual: Floats) -> Coverage:
    """Measure n intervals, as messages tell them. Without any the share and the width are NaN."""
    if not len(actual):
        return Coverage(math.nan, math.nan, 0)
    inside = (actual >= low) & (actual <= high)
    return Coverage(float(inside.mean()), float((high - low).mean()), len(actual))


def by_part(inside: NDArray[np.bool_], part: NDArray[np.int64]) -> Mapping[int, tuple[float, int]]:
    """Return part -> the share of its events that lie inside, and how many they are."""
    names, at = np.unique(part, return_inverse=True)
    count, held = np.bincount(at), np.bincount(at, inside)
    return {int(name): (float(h / c), int(c)) for name, h, c in zip(names, held, count, strict=True)}


def cross_measured(
    predicted: Floats,
    actual: Floats,
    order: NDArray[np.int64],
    *,
    least: float | None = None,
    parts: Sequence[Parts] = (),
) -> Coverage:
    """Measure the way of fitting on events that no table was fitted to: each half by the other half's.

    order: the positions of the n events in the order of their time, so that each half is one span of it.
    """
    halves = np.array_split(order, 2)
    found = []
    for fit, judge in (halves, halves[::-1]):
        some = [Parts(one.name, one.values[fit], one.edges) for one in parts]
        table = fitted(predicted[fit], actual[fit], least=least, parts=some)
        by = next((one.values[judge] for one in parts if one.name == table.by), None)
        found.append(covered(table, predicted[judge], actual[judge], by))
    rows = sum(one.rows for one in found)
    share, width = (sum(getattr(one, name) * one.rows for one in found) / rows for name in ("share", "width"))
    return Coverage(share, width, rows)


def _table(predicted: Floats, actual: Floats, config: IntervalTable, by: Floats | None) -> IntervalTable:
    sound = np.isfinite(predicted) & np.isfinite(actual)
    if np.count_nonzero(sound) < FEWEST:
        raise DataError(
            f"{np.count_nonzero(sound)} events have a prediction and a true value, and intervals are fitted "
            f"to {FEWEST} or more; wait for further labels, or take a longer window"
        )
    predicted, actual = predicted[sound], actual[sound]
    bins = min(BINS, len(predicted) // FEWEST)
    edges = np.unique(np.quantile(predicted, np.arange(1, bins) / bins))
    bin_of = edges.searchsorted(predicted, "right")
    group = (
        np.zeros(len(predicted), np.int64)
        if by is None
        else np.searchsorted(config.by_edges, by[sound], "right")
    )
    residual = actual - predicted
    every = [residual[bin_of == place] for place in range(len(edges) + 1)]
    offsets = []
    for number in range(config.groups):
        own = [residual[(bin_of == place) & (group == number)] for place in range(len(edges) + 1)]
        few = sum(map(len, own)) < FEWEST
        offsets += [
            _offsets(_near(every if few else own, place), config.coverage) for place in range(len(own))
        ]
    low, high = zip(*offsets, strict=True)
    return IntervalTable(
        config.coverage, tuple(edges.tolist()), low, high, config.least, config.by, config.by_edges
    )


def _near(bins: Sequence[Floats], place: int) -> Floats:
    """Return a bin's residuals, with those of so many bins on both sides that there are enough."""
    for more in range(len(bins)):
        found = np.concatenate(bins[max(0, place - more) : place + more + 1])
        if len(found) >= FEWEST:
            break
    return found


def _offsets(residuals: Floats, coverage: float) -> tuple[float, float]:
    """Return the two quantiles, with the correction for the number of residuals; 0 lies between them."""
    ordered, count = np.sort(residuals), len(residuals)
    outside = (1 - coverage) / 2
    low = max(math.floor((count + 1) * outside), 1) - 1
    high = min(math.ceil((count + 1) * (1 - outside)), count) - 1
    return min(float(ordered[low]), 0.0), max(float(ordered[high]), 0.0)


def _ends(table: IntervalTable, predicted: Floats, by: Floats | None, *, whole: bool) -> Floats:
    columns = [] if table.by is None else [table.by]
    rows = np.zeros((len(predicted), 0)) if by is None else by.reshape(-1, 1)
    return Intervals(table, columns, whole=whole).around(predicted, lambda _: rows)


def _off(parts: Parts, inside: NDArray[np.bool_], coverage: float) -> tuple[float, ...]:
    """Return those of the edges on whose two sides the coverage is off in different ways."""
    found = by_part(inside, np.searchsorted(parts.edges, parts.values, "right"))
    off = {
        one: (share > coverage + OFF) - (share < coverage - OFF) if rows >= WORTH else 0
        for one, (share, rows) in found.items()
    }
    return tuple(parts.edges[other - 1] for one, other in pairwise(sorted(off)) if off[one] != off[other])
