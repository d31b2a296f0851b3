"""Make rows of named columns to compare two models on: each category, one that is none, extreme numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Table
from threeways.artifact.signature import Column

_ROWS = 2
_WHOLE = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**53), 2**53)}
"""The limits of whole numbers; of a long those that float64 holds."""


def edges(
    table: Table, columns: Sequence[Column], categories: Mapping[str, Collection[Any]]
) -> Iterator[Table]:
    """Yield tables of rows of a table, each row with one column set to another value.

    categories: a column's name -> the values that its encoder knows. All rows that a model may well accept
    are in one table; those with a value that it may refuse are in one for each.
    """
    few = table[list(range(0, len(table), max(1, len(table) // _ROWS)))]
    usual = []
    for name, column in zip(table.columns, columns, strict=True):
        known = _known(categories.get(name, ()), column)
        values = [*known, *_usual(table.columns[name], column)]
        usual.append(_with(few[[at % len(few) for at in range(len(values))]], name, values))
        for value in _odd(column, known):
            yield _with(few, name, [value] * len(few))
    yield Table({name: np.concatenate([one.columns[name] for one in usual]) for name in table.columns})


def _known(values: Collection[Any], column: Column) -> list[Any]:
    """Return an encoder's categories that are not missing, as events have them."""
    found = [one for one in values if one is not None and one == one]
    if column.type == "boolean":
        return []  # both are usual
    return [int(one) for one in found] if column.type in _WHOLE else found


def _with(table: Table, name: str, values: Sequence[Any]) -> Table:
    """Return a table with a column of other values."""
    column = table.columns[name]
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return Table({**table.columns, name: made if column.dtype == object else made.astype(column.dtype)})


def _usual(values: NDArray[Any], column: Column) -> list[Any]:
    """Return extreme values of a column's type."""
    if column.type == "boolean":
        return [False, True]
    if column.type not in {"double", "float", *_WHOLE}:
        return []
    seen = [one for one in values.tolist() if one is not None and np.isfinite(one)] or [0]
    least, most = min(seen), max(seen)
    if column.type in _WHOLE:
        low, high = _WHOLE[column.type]
        return [one for one in (0, -1, 1, least - 1, most + 1, low, high) if low <= one <= high]
    return [0.0, -0.0, 0.5, -1.0, least - 1, most + 1, most + 0.5, (least + most) / 2, 1e-300, 1e15, 1e38]


def _odd(column: Column, known: Collection[Any]) -> list[Any]:
    """Return values that a model may refuse: a text that no encoder knows, a missing value, infinity."""
    missing = [] if column.required else [None]
    if column.type == "string":
        unseen = "unseen"
        while unseen in known:
            unseen += "_"
        return [unseen, "", "\x00", *missing]
    if column.type in {"double", "float"}:
        return [*([np.nan] if missing else []), *((1e39, np.inf, -np.inf) if column.type == "double" else ())]
    if column.type in _WHOLE and known:
        return [max(known) + 1, *missing]
    return [] if column.type == "datetime" else missing
