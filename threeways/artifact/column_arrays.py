"""Rows by column for a ColumnTransformer that selects by position: each of its parts gets an array."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray


class ColumnArrays:
    """n rows, each column a one-dimensional array of its own type.

    `[:, positions]` is what a DataFrame of these columns is converted to where scikit-learn validates it: one
    array where they have one type. Columns of several types stay `ColumnArrays`: encoders take such a frame
    column by column (`iloc`), and everything else converts it to one array (`__array__`).
    """

    ndim = 2

    def __init__(self, columns: Sequence[NDArray[Any]]) -> None:
        self._columns = columns
        self.shape = (len(columns[0]), len(columns))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def iloc(self) -> ColumnArrays:
        """Return itself: columns are selected by position."""
        return self

    def take(self, places: Any, axis: int) -> Any:
        """Return the columns at some places: see `[:, positions]`."""
        return self[:, places] if axis == 1 else self._no_rows()

    def __getitem__(self, key: tuple[slice, Any]) -> Any:
        rows, at = key
        if rows != slice(None):
            self._no_rows()
        if isinstance(at, Integral):
            return self._columns[int(at)]
        chosen = [self._columns[place] for place in np.arange(self.shape[1])[at].tolist()]
        one_type = len({column.dtype for column in chosen}) == 1
        return _joined(chosen) if one_type else ColumnArrays(chosen)

    def _no_rows(self) -> NoReturn:
        raise TypeError("a model selected rows of its input, and these are columns")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        made = _joined(self._columns)
        return made if dtype is None else made.astype(dtype, copy=False)


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return a new array of the columns, by column in memory, as a DataFrame's columns lie.

    It is of objects where pandas makes such: of texts, and of booleans beside numbers.
    """
    types = {column.dtype for column in columns}
    if any(of.kind == "O" for of in types) or (len(types) > 1 and np.dtype(np.bool_) in types):
        of = np.dtype(object)
    else:
        of = np.result_type(*types)
    made = np.empty((len(columns[0]), len(columns)), of, order="F")
    for at, column in enumerate(columns):
        made[:, at] = column
    return made
