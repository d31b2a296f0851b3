"""The types in which a model takes its columns: from the block's float64 to what its signature says.

What a type cannot hold is a fault of its row, never rounded or cut: 3.5 in a long, a missing value in an
integer, 2 in a boolean, 1e300 in a float. A number in a float is rounded to float32, as it was in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block

DOUBLE = np.dtype(np.float64)


class Typed(NamedTuple):
    """The columns of one type other than float64.

    columns: their places; None for all. name: the signature's for the type.
    """

    dtype: np.dtype[Any]
    columns: tuple[int, ...] | None
    name: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What becomes of an (n, width) float64 block before a model's `predict`.

    Made by `of_columns` or `of_tensor`. typed: the columns of other types than float64. common: the type of
    an array of all columns. order: how that lies in memory, by row or, as in a DataFrame, by column, which
    float32's sums depend on. mixed: whether a DataFrame keeps types apart that an array cannot. frame:
    whether the model gets a DataFrame. names: its columns' names, 0, 1, … where there are none.
    """

    typed: tuple[Typed, ...] = ()
    common: np.dtype[Any] = DOUBLE
    order: Literal["C", "F"] = "C"
    mixed: bool = False
    frame: bool = False
    names: tuple[str, ...] | None = None

    def refused(self, block: Block) -> dict[int, str]:
        """The rows with a value that its column's type cannot hold, and which it is."""
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

    def given(self, block: Block) -> Any:
        """What the model's `predict` gets for rows that are not refused: an array or a DataFrame."""
        if not self.frame:
            return self._array(block)
        import pandas as pd

        names: Sequence[Any] = self.names or range(block.shape[1])
        if not self.mixed:
            return pd.DataFrame(self._array(block), columns=list(names))
        dtypes = {column: one.dtype for one in self.typed for column in one.columns or ()}
        made = {name: block[:, at].astype(dtypes.get(at, DOUBLE)) for at, name in enumerate(names)}
        return pd.DataFrame(made)

    def _array(self, block: Block) -> NDArray[Any]:
        return self.rounded(block).astype(self.common, order=self.order) if self.typed else block

    def rounded(self, block: Block) -> Block:
        """The same numbers in float64, as the types hold them: what a graph gets."""
        if not self.typed:
            return block
        made = block.copy()
        for dtype, columns, _ in self.typed:
            at = slice(None) if columns is None else list(columns)
            made[:, at] = block[:, at].astype(dtype)
        return made


def of_columns(types: Sequence[tuple[str, str]]) -> Feed:
    """The feed of a DataFrame. types: for each column NumPy's name of its type, and the signature's.

    scikit-learn makes an array of it, of the type that holds all columns.
    """
    dtypes = [np.dtype(dtype) for dtype, _ in types]
    typed = tuple(
        Typed(np.dtype(dtype), tuple(place for place, one in enumerate(types) if one == (dtype, name)), name)
        for dtype, name in dict.fromkeys(types)
        if np.dtype(dtype) != DOUBLE
    )
    common = np.result_type(*dtypes) if dtypes else DOUBLE
    return Feed(typed, common, order="F", mixed=len(set(dtypes)) > 1)


def of_tensor(dtype: str) -> Feed:
    """The feed of an array of one type. dtype: NumPy's name for it."""
    of = np.dtype(dtype)
    return Feed() if of == DOUBLE else Feed((Typed(of, None, f"a tensor of {dtype}"),), of)


def _fits(values: Block, dtype: np.dtype[Any]) -> NDArray[np.bool_]:
    """Which values a type can hold; of a float all that are not too great for it."""
    fits: NDArray[np.bool_]
    if dtype.kind == "b":
        fits = (values == 0) | (values == 1)
        return fits
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.isfinite(values.astype(dtype)) | ~np.isfinite(values)
    limits = np.iinfo(dtype)  # the greatest of 64 bits is no float64; one more is
    fits = (values >= float(limits.min)) & (values < float(limits.max + 1)) & (values == np.floor(values))
    return fits
