"""The input types of a model's `predict`: a block of numbers, or rows as dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

type Block = NDArray[np.float64]
"""A batch's features: one row an event, one column a feature, float64."""


class DictRows(Sequence[dict[str, Any]]):
    """A columnar sequence of n dicts with the same keys; a model may read the columns without building dicts.

    columns: name -> n values.
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = tuple(self.columns)
        return (dict(zip(names, values, strict=True)) for values in zip(*self.columns.values(), strict=True))

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> DictRows: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | DictRows:
        found = {name: values[index] for name, values in self.columns.items()}
        return DictRows(found) if isinstance(index, slice) else found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # mutable, like a list


class Table:
    """n rows by column, each column of its own type: what a model takes that was trained on a DataFrame.

    columns: name -> (n,) array: float64, int64, bool, datetime64[us], or objects where texts are, or integers
    or booleans that may be missing, which are None there. A missing float is NaN, a missing time NaT.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, rows: Sequence[int]) -> Table:
        return Table({name: values[rows] for name, values in self.columns.items()})

    def copy(self) -> Table:
        """Return a table of the same columns, copied."""
        return Table({name: values.copy() for name, values in self.columns.items()})


type Rows = Block | Table
"""A batch's features: one row an event."""
