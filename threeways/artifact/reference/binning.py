"""Count values into a reference's bins. NumPy only: the function on the stream does it between batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Rows, Table
from threeways.artifact.reference.structure import Bins

SAMPLED = 250
"""How many texts or other objects are counted at most, at even distances: they are looked at one by one."""
_SPAN = 2**16

type Count = Callable[[NDArray[Any]], NDArray[np.int64]]
"""Count (n,) values into the (width,) bins of a column."""


def counter_of(column: Bins, sampled: int | None = None) -> Count:
    """Return what counts a column's values. sampled: the most objects counted at a time; None: all."""
    if column.kind == "texts":
        count = _texts(column)
    elif column.kind == "lengths":
        sizes = _numbers(column)
        count = lambda values: sizes(lengths(values))  # noqa: E731
    else:
        count = _codes(column) if column.kind == "codes" else _numbers(column)
    if sampled is None:
        return count

    def some(values: NDArray[Any]) -> NDArray[np.int64]:
        step = 1 if values.dtype.kind != "O" else -(-len(values) // sampled)
        return count(values if step <= 1 else values[::step])

    return some


def counts_of(
    columns: Sequence[Bins], values: Mapping[str, NDArray[Any]], rows: NDArray[Any] | slice = slice(None)
) -> list[NDArray[np.int64]]:
    """Count some rows of each column; what is masked (`numpy.ma`) is no row of that column."""
    found = []
    for column in columns:
        mine = values[column.name][rows]
        found.append(counter_of(column)(mine.compressed() if isinstance(mine, np.ma.MaskedArray) else mine))
    return found


def named_columns(rows: Rows | Any, names: tuple[str, ...]) -> Mapping[str, NDArray[Any]]:
    """Return a block's or a table's columns by name; none of rows that are neither."""
    if isinstance(rows, Table):
        return rows.columns
    if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == len(names):
        return dict(zip(names, rows.T, strict=True))
    return {}


def as_numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return (n,) values as float64; what is missing or no number is NaN."""
    if values.dtype.kind in "iufb":
        return values if values.dtype == np.float64 else values.astype(np.float64)
    return np.array([one if isinstance(one, int | float) else np.nan for one in values.tolist()], np.float64)


def text_of(value: Any) -> str | None:
    """Return a category's text; None of what is missing."""
    if isinstance(value, str):
        return value
    return None if value is None or value != value else str(value)


def lengths(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the (n,) lengths of texts, NaN where one is missing."""
    return np.array([np.nan if (one := text_of(value)) is None else len(one) for value in values.tolist()])


def _numbers(column: Bins) -> Count:
    # NaN is sorted after infinity, so missing values get the bin beyond the last.
    edges, width = np.array([*column.edges, np.inf]), column.width

    def count(values: NDArray[Any]) -> NDArray[np.int64]:
        return np.bincount(edges.searchsorted(as_numbers(values)), minlength=width)

    return count


def _codes(column: Bins) -> Count:
    codes, width = np.array(column.codes, dtype=np.int64), column.width
    least, most = (int(codes.min()), int(codes.max())) if len(codes) else (0, -1)
    other, missing = width - 2, width - 1
    if most - least >= _SPAN:
        return _scattered(codes, width)
    # One place below the least and one above the most: that of all others.
    bin_of = np.full(most - least + 3, other, dtype=np.int64)
    bin_of[codes - least + 1] = np.arange(len(codes))

    def count(values: NDArray[Any]) -> NDArray[np.int64]:
        numbers = as_numbers(values)
        places = numbers - (least - 1.0)
        inside = np.fmin(np.fmax(places, 0.0), len(bin_of) - 1.0).astype(np.int64)  # of NaN: 0
        counts = np.bincount(bin_of[inside], minlength=width)
        if lacking := int(np.count_nonzero(numbers != numbers)):
            counts[other] -= lacking
            counts[missing] += lacking
        return counts

    return count


def _scattered(codes: NDArray[np.int64], width: int) -> Count:
    order = np.argsort(codes)
    ascending = codes[order].astype(np.float64)

    def count(values: NDArray[Any]) -> NDArray[np.int64]:
        numbers = as_numbers(values)
        places = np.minimum(ascending.searchsorted(numbers), len(ascending) - 1)
        found = np.where(ascending[places] == numbers, order[places], width - 2)
        return np.bincount(np.where(np.isnan(numbers), width - 1, found), minlength=width)

    return count


def _texts(column: Bins) -> Count:
    bin_of: dict[Any, int] = {text: place for place, text in enumerate(column.texts)}
    other, width = column.width - 2, column.width
    bin_of[None] = width - 1

    def count(values: NDArray[Any]) -> NDArray[np.int64]:
        places = [bin_of.get(text_of(one), other) for one in values.tolist()]
        return np.bincount(np.array(places, dtype=np.int64), minlength=width)

    return count
