"""Convert a table of named columns to what a model takes: a DataFrame, an array, dicts or texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.column_arrays import ColumnArrays
from threeways.artifact.inputs import DictRows, Table
from threeways.artifact.signature import NUMPY_TYPES, Column
from threeways.errors import UnpredictableEvent

_NULLABLE = {"integer": "Int32", "long": "Int64", "boolean": "boolean"}
"""pandas' types for integers and booleans that may be missing."""
_NANOSECONDS = np.array(["1677-09-22", "2262-04-11"], dtype="datetime64[us]")
"""The times that pyfunc's datetime64[ns] can hold: pandas.pydata.org/docs/user_guide/timeseries.html"""


@dataclass(frozen=True, slots=True)
class TableTypes:
    """The types of a model's named columns, as its signature declares them.

    columns: the signature's, in order. kind: what the model takes: see `InputKind`. by_position: whether it
    takes `ColumnArrays` in the place of a DataFrame.
    """

    columns: tuple[Column, ...]
    kind: str
    by_position: bool = False

    def convert(self, table: Table) -> Any:
        """Return the input of `predict` for rows without an invalid one."""
        if self.kind == "columns":
            return table
        if self.kind == "dicts":
            return DictRows({name: values.tolist() for name, values in table.columns.items()})
        if self.kind == "texts":
            [texts] = table.columns.values()
            return texts.tolist()
        if self.by_position:
            declared = self._declared(table)
            return ColumnArrays(
                [_plain(values, declared.get(name)) for name, values in table.columns.items()]
            )
        if self.kind == "frame":
            return self._frame(table)
        return self._array(table)

    def as_doubles(self, table: Table) -> Any:
        """Return the same input with float columns in float64, rounded to float32."""
        declared = [Column("double" if one.type == "float" else one.type, one.name) for one in self.columns]
        rounded = {
            name: values.astype(np.float32).astype(np.float64) if one.type == "float" else values
            for (name, values), one in zip(table.columns.items(), self.columns, strict=True)
        }
        return replace(self, columns=tuple(declared)).convert(Table(rounded))

    def invalid_rows(self, table: Table) -> dict[int, UnpredictableEvent]:
        """Return the rows with a value that its column's type cannot hold: index -> error."""
        found: dict[int, UnpredictableEvent] = {}
        for name, declared in self._declared(table).items():
            values = table.columns[name]
            if declared.type == "float":
                with np.errstate(over="ignore"):
                    bad = np.isfinite(values) & ~np.isfinite(values.astype(np.float32))
            elif declared.type == "datetime" and self.kind == "frame":
                bad = ~np.isnat(values) & ((values < _NANOSECONDS[0]) | (values >= _NANOSECONDS[1]))
            else:
                continue
            for row in np.flatnonzero(bad).tolist():
                found[row] = UnpredictableEvent(
                    f"{name} is {values[row]}, and the model's signature has it as {declared.type}"
                )
        return found

    def _declared(self, table: Table) -> Mapping[str, Column]:
        return dict(zip(table.columns, self.columns, strict=True)) if self.columns else {}

    def _frame(self, table: Table) -> Any:
        import pandas as pd

        declared = self._declared(table)
        made = {name: _column(pd, values, declared.get(name)) for name, values in table.columns.items()}
        return pd.DataFrame(made, copy=False)

    def _array(self, table: Table) -> NDArray[Any]:
        """Return the one array that scikit-learn makes of such a DataFrame."""
        declared = self._declared(table)
        types = [
            np.dtype(NUMPY_TYPES[one.type]) if one.type in NUMPY_TYPES else None for one in declared.values()
        ]
        parts = [
            values if of is None else values.astype(of, copy=False)
            for values, of in zip(table.columns.values(), types or [None] * len(table.columns), strict=True)
        ]
        made = np.empty((len(table), len(parts)), np.result_type(*parts), order="F")  # as pandas' blocks lie
        for at, part in enumerate(parts):
            made[:, at] = part
        return made


def _plain(values: NDArray[Any], declared: Column | None) -> NDArray[Any]:
    """Return one column as scikit-learn has it of a DataFrame: a text that is missing is NaN."""
    of = declared.type if declared else None
    if of in NUMPY_TYPES and values.dtype.kind != "O":
        return values.astype(NUMPY_TYPES[of], copy=False)
    if of != "string" or declared is None or declared.required:
        return values
    missing = values == np.array(None)
    return np.where(missing, np.nan, values) if missing.any() else values


def _column(pandas: Any, values: NDArray[Any], declared: Column | None) -> Any:
    """Return one column in the type that a DataFrame of the training data has."""
    of = declared.type if declared else None
    if of in _NULLABLE and values.dtype.kind == "O":
        return pandas.array(values, dtype=_NULLABLE[of])
    if of in NUMPY_TYPES:
        return values.astype(NUMPY_TYPES[of], copy=False)
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]")
    return pandas.array(values, dtype="str") if values.dtype.kind == "O" else values
