"""Make a reference of rows of features, predictions and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.reference.binning import as_numbers, counter_of, lengths, text_of
from threeways.artifact.reference.structure import (
    BLOCKS,
    CATEGORIES,
    COLUMNS,
    TEXT,
    Bins,
    Errors,
    Kind,
    Reference,
)

LEAST_ROWS = 200
"""Of fewer rows no honest share can be told."""
QUANTILES = 10
_RUNS, _RUN_ROWS = 32, 50
_NUMBERS = 400_000
"""How many counts a reference has at most, about."""
_FEW = 0.05
"""A day with less than this share of the rows of the usual one is no block: a stray date."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows by blocks of time. of: (n,) each row's block, -1 for none. days: see `Reference.block_days`."""

    of: NDArray[np.int64]
    count: int
    days: int
    first: str | None


def blocks_of(rows: int, times: NDArray[np.datetime64] | None) -> Blocks:
    """Part rows by the day, or by more days where there were too many; without times by runs of rows."""
    if times is None or np.isnat(times).all():
        count = max(1, min(_RUNS, rows // _RUN_ROWS))
        return Blocks(np.arange(rows) * count // max(rows, 1), count, 0, None)
    day = times.astype("datetime64[D]").astype(np.int64)
    known = ~np.isnat(times)
    found, each = np.unique(day[known], return_counts=True)
    usual = found[each >= _FEW * np.median(np.repeat(each, each))]
    first, days = int(usual[0]), -(-int(usual[-1] - usual[0] + 1) // BLOCKS)
    of = np.where(known & (day >= first) & (day <= usual[-1]), (day - first) // days, -1)
    return Blocks(of, int((usual[-1] - first) // days) + 1, days, str(np.datetime64(first, "D")))


def build(
    task: str,
    source: str,
    features: Mapping[str, NDArray[Any]],
    predictions: Mapping[str, NDArray[Any]],
    times: NDArray[np.datetime64] | None = None,
    errors: Errors | None = None,
    trained: Errors | None = None,
) -> Reference | None:
    """Return the reference of n rows; None where they are too few, or nothing of them can be counted.

    features, predictions: (n,) values by column. times: (n,) when each happened. errors, trained: see there.
    """
    taken = dict(list(features.items())[:COLUMNS])
    rows = len(next(iter(taken.values()), ()))
    if rows < LEAST_ROWS:
        return None
    blocks = blocks_of(rows, times)
    kept = int(np.count_nonzero(blocks.of >= 0))
    most = _NUMBERS // (blocks.count * max(1, len(taken) + len(predictions)))
    made = [
        [found for name, values in group.items() if (found := bins_of(name, values, blocks, most))]
        for group in (taken, predictions)
    ]
    if not made[0]:
        return None
    return Reference(
        1, task, kept, source[:1_000], blocks.days, blocks.first, made[0], made[1], errors, trained
    )


def errors_of(
    predicted: NDArray[Any], actual: NDArray[Any], times: NDArray[np.datetime64] | None
) -> Errors | None:
    """Return the errors of predictions of numbers by block; None of other predictions."""
    if predicted.dtype.kind not in "iuf" or actual.dtype.kind not in "iuf" or not len(actual):
        return None
    off, blocks = predicted.astype(np.float64) - actual, blocks_of(len(actual), times)
    sound = np.isfinite(off) & (blocks.of >= 0)
    of, off = blocks.of[sound], off[sound]
    sums = [np.bincount(of, weights, blocks.count).tolist() for weights in (off, off**2)]
    rows = np.bincount(of, minlength=blocks.count).tolist()
    return Errors(rows, sums[0], sums[1])


def bins_of(name: str, values: NDArray[Any], blocks: Blocks, most: int = CATEGORIES) -> Bins | None:
    """Return a column's bins and counts; None of times, or of what is neither numbers nor texts.

    most: how many categories it may have.
    """
    if values.dtype.kind in "mM" or values.ndim != 1:
        return None
    of = blocks.of
    if isinstance(values, np.ma.MaskedArray):  # what is masked is no row of this column
        values, of = values.compressed(), of[~np.ma.getmaskarray(values)]
    empty = Bins(name, "numbers", [])
    textual = values.dtype.kind not in "iufb" and any(isinstance(one, str) for one in values.tolist())
    shaped = _textual(empty, values, most) if textual else _numeric(empty, as_numbers(values), most)
    count = counter_of(shaped)
    counts = [count(values[of == block]).tolist() for block in range(blocks.count)]
    return _with(shaped, counts=counts)


def _numeric(empty: Bins, numbers: NDArray[np.float64], most: int) -> Bins:
    known = numbers[np.isfinite(numbers)]
    found, each = np.unique(known, return_counts=True)
    whole = len(found) <= CATEGORIES and bool((found == np.floor(found)).all())
    if len(found) and whole and np.abs(found).max() <= 2**53:
        order = np.argsort(-each, kind="stable")[: min(most, CATEGORIES)]
        return _with(empty, kind="codes", codes=found[order].astype(np.int64).tolist())
    return _sized(empty, known, "numbers")


def _sized(empty: Bins, known: NDArray[np.float64], kind: Kind) -> Bins:
    """Return bins of about as many values each; a value that many rows share is the end of its bin."""
    if not len(known):
        return _with(empty, kind=kind, means=[0.0])
    edges = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILES + 1)[1:-1], method="higher"))
    edges = edges[edges < known.max()]
    place = edges.searchsorted(known)
    rows = np.bincount(place, minlength=len(edges) + 1)
    sums = np.bincount(place, known, len(edges) + 1)
    means = sums / np.maximum(rows, 1)
    return _with(empty, kind=kind, edges=edges.tolist(), means=means.tolist())


def _textual(empty: Bins, values: NDArray[Any], most: int) -> Bins:
    """Return the most frequent texts, or the lengths of texts where hardly two are alike."""
    counts = Counter(text_of(one) for one in values.tolist())
    counts.pop(None, None)
    common = [one for one in counts.most_common(min(most, CATEGORIES)) if len(str(one[0])) <= TEXT]
    if sum(count for _, count in common) < 0.5 * counts.total():
        sizes = lengths(values)
        return _sized(empty, sizes[~np.isnan(sizes)], "lengths")
    return _with(empty, kind="texts", texts=[str(text) for text, _ in common])


def _with(bins: Bins, **given: Any) -> Bins:
    return msgspec.structs.replace(bins, **given)
