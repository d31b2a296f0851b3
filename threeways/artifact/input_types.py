"""Convert a float64 block to the column types that a model's signature declares.

A value that its column's type cannot hold makes its row invalid; it is never rounded or truncated: 3.5 in a
long, a missing value in an integer, 2 in a boolean, 1e300 in a float. A float column is rounded to float32,
as it was in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.column_arrays import ColumnArrays
from threeways.artifact.inputs import Block

DOUBLE = np.dtype(np.float64)


class TypedColumns(NamedTuple):
    """The columns of one type other than float64.

    columns: their indices; None for all. name: the signature's name for the type.
    """

    dtype: np.dtype[Any]
    columns: tuple[int, ...] | None
    name: str


@dataclass(frozen=True, slots=True)
class InputTypes:
    """The column types of a model's input, and how an (n, width) float64 block is converted to them.

    Build it with `of_columns` or `of_tensor`. typed: the columns of types other than float64. common: the
    dtype of an array that holds all columns. order: that array's memory layout, "C" by row or "F" by column,
    as in a DataFrame; float32 sums depend on it. mixed: whether a DataFrame keeps types apart that one array
    cannot. frame: whether the model takes a DataFrame. by_position: whether it takes `ColumnArrays` instead.
    names: the columns' names; None: 0, 1, ….
    """

    typed: tuple[TypedColumns, ...] = ()
    common: np.dtype[Any] = DOUBLE
    order: Literal["C", "F"] = "C"
    mixed: bool = False
    frame: bool = False
    by_position: bool = False
    names: tuple[str, ...] | None = None

    def invalid_rows(self, block: Block) -> dict[int, str]:
        """Return the rows with a value that its column's type cannot hold: index -> message."""
        faults: dict[int, str] = {}
        for dtype, columns, name in self.typed:
            places = range(block.shape[1]) if columns is None else columns
            part = block if columns is None else block[:, columns]
            fits = _fits(part, dtype)
            if fits.all():
                continue
            for row, place in np.argwhere(~fits).tolist():
                called = self.names[places[place]] if self.names else f"column {places[place]}"
                value = float(part[row, place])
                faults[row] = f"{called} is {value!r}, and the model's signature has it as {name}"
        return faults

    def convert(self, block: Block) -> Any:
        """Convert a block without invalid rows to the input of `predict`: an array or a DataFrame."""
        if not self.frame:
            return self._array(block)
        dtypes = {column: one.dtype for one in self.typed for column in one.columns or ()}
        if self.by_position:
            made_of = [
                block[:, at].astype(dtypes.get(at, DOUBLE), copy=False) for at in range(block.shape[1])
            ]
            return ColumnArrays(made_of)
        import pandas as pd

        names: Sequence[Any] = self.names or range(block.shape[1])
        if not self.mixed:
            return pd.DataFrame(self._array(block), columns=list(names))
        made = {name: block[:, at].astype(dtypes.get(at, DOUBLE)) for at, name in enumerate(names)}
        return pd.DataFrame(made)

    def _array(self, block: Block) -> NDArray[Any]:
        return self.rounded(block).astype(self.common, order=self.order) if self.typed else block

    def rounded(self, block: Block) -> Block:
        """Round a block's values to what the column types can represent, in float64, as ONNX takes them."""
        if not self.typed:
            return block
        made = block.copy()
        for dtype, columns, _ in self.typed:
            at = slice(None) if columns is None else list(columns)
            made[:, at] = block[:, at].astype(dtype)
        return made


def of_columns(types: Sequence[tuple[str, str]]) -> InputTypes:
    """Build the input types of a DataFrame. types: for each column its NumPy dtype and the signature's type.

    scikit-learn converts such a DataFrame to one array, of the dtype that holds all columns.
    """
    dtypes = [np.dtype(dtype) for dtype, _ in types]
    typed = tuple(
        TypedColumns(
            np.dtype(dtype), tuple(place for place, one in enumerate(types) if one == (dtype, name)), name
        )
        for dtype, name in dict.fromkeys(types)
        if np.dtype(dtype) != DOUBLE
    )
    common = np.result_type(*dtypes) if dtypes else DOUBLE
    return InputTypes(typed, common, order="F", mixed=len(set(dtypes)) > 1)


def of_tensor(dtype: str) -> InputTypes:
    """Build the input types of an array with one dtype, given by its NumPy name."""
    of = np.dtype(dtype)
    return InputTypes() if of == DOUBLE else InputTypes((TypedColumns(of, None, f"a tensor of {dtype}"),), of)


def _fits(values: Block, dtype: np.dtype[Any]) -> NDArray[np.bool_]:
    """Return a mask of the values that a dtype can hold; for a float dtype, all that do not overflow."""
    fits: NDArray[np.bool_]
    if dtype.kind == "b":
        fits = (values == 0) | (values == 1)
        return fits
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.isfinite(values.astype(dtype)) | ~np.isfinite(values)
    limits = np.iinfo(dtype)  # float64 cannot represent the largest 64-bit integer, but can represent max + 1
    fits = (values >= float(limits.min)) & (values < float(limits.max + 1)) & (values == np.floor(values))
    return fits
