"""Turn Arrow tables into columns, whole columns at once; for parquet files and for Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from threeways.arrow_times import END, FIRST, wall_times
from threeways.batch import id_kinds, rows
from threeways.batch.columns import RowColumns, read
from threeways.batch.layout import Layout
from threeways.batch.leaf import Leaf

type Odd = NDArray[np.bool_]


def is_text(kind: Any) -> bool | None:
    """Return whether ids of an Arrow type are texts; None where such values are no ids."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if any(named(kind) for named in (types.is_string, types.is_large_string, types.is_string_view)):
        return True
    if any(named(kind) for named in (types.is_integer, types.is_floating, types.is_decimal, types.is_null)):
        return False
    return True if kind == pa.uuid() else None


def columns(table: Mapping[str, Any], layout: Layout, *, text_ids: bool) -> RowColumns:
    """Return Arrow columns by their keys (see `Layout.wanted`), each of n rows, as columns.

    text_ids: see `Source`; the ids' own type may be another.
    """
    given = {key: _plain(column) for key, column in table.items()}
    return read(_Values(given, layout.zone), layout, text_ids=text_ids)


class _Values:
    """Arrow's columns of one length. zone: the clock of their times."""

    def __init__(self, given: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._given, self._zone = given, zone
        self.keys = given.keys()

    def ids(self, key: str, *, text: bool) -> tuple[list[Any], Odd]:
        return _ids(self._given[key], text=text)

    def times(self, key: str) -> tuple[NDArray[np.datetime64], Odd]:
        return _times(self._given[key], self._zone)

    def checked(self, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
        return _checked(self._given[leaf.name], leaf)

    def numbers(self, key: str) -> NDArray[np.float64]:
        return _floats(self._given[key])

    def value(self, key: str, row: int, leaf: Leaf | None = None) -> Any:
        value = _scalar(self._given[key], row)
        return leaf.value(value) if leaf else value


def _plain(column: Any) -> Any:
    """Return a chunked array as one array, without a dictionary."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _ids(column: Any, *, text: bool) -> tuple[list[Any], Odd]:
    if pa.types.is_integer(column.type) and column.type != pa.uint64() and not text:
        return column.to_pylist(), _missing(column)
    return id_kinds.of_one_kind(_values(column), text=text)


def _missing(column: Any) -> Odd:
    missing: Odd = column.is_null().to_numpy(zero_copy_only=False)
    return missing


def _values(column: Any) -> list[Any]:
    """Return what each holds; a text that is no UTF-8 keeps its bytes as surrogates, as SQLite's do."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        return [_scalar(column, row) for row in range(len(column))]
    return values


def _scalar(column: Any, row: int) -> Any:
    try:
        return column[row].as_py()
    except UnicodeDecodeError:
        return str(column[row].as_buffer(), errors="surrogateescape")
    except (ValueError, OverflowError):  # a date or time that Python can't hold
        return str(column[row].value)


def _times(column: Any, zone: ZoneInfo) -> tuple[NDArray[np.datetime64], Odd]:
    """(n,) on the zone's clock, NaT and odd where there is no time an event can hold."""
    if not pa.types.is_timestamp(column.type):
        return (
            rows.times(_values(column), zone)
            if len(column)
            else (np.empty(0, "datetime64[us]"), _missing(column))
        )
    found = wall_times(column, zone)
    return found, ~((found >= FIRST) & (found < END))


def _checked(column: Any, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
    if leaf.kind == "integer":
        return _integers(column, leaf)
    if leaf.kind == "float":
        found = _floats(column)
        sound = np.isfinite(found) & leaf.inside(found)
        return found, ~(sound | (np.isnan(found) & _is_number(column.type))) if leaf.nullable else ~sound
    if leaf.kind == "boolean" and pa.types.is_boolean(column.type):
        missing = _missing(column)
        values = column.fill_null(False).to_numpy(zero_copy_only=False)
        return _nullable(values, missing) if leaf.nullable else (values, missing)
    return _by_value(column, leaf)


def _by_value(column: Any, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
    """Read what Arrow's own types do not tell, as a driver's values are read."""
    values = _values(column)
    if not values:
        return leaf.filled(0), np.zeros(0, bool)
    return rows.checked(values, leaf)


def _integers(column: Any, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
    missing = _missing(column)
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        found = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return (
            _nullable(found, missing, ~leaf.inside(found))
            if leaf.nullable
            else (found, missing | ~leaf.inside(found))
        )
    if pa.types.is_floating(column.type):  # how pandas writes integers with gaps between them
        values = column.fill_null(np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
        whole = (np.abs(values) <= id_kinds.EXACT) & (values == np.floor(values))
        found = np.where(whole, values, 0).astype(np.int64)
        if leaf.nullable:
            return _nullable(found, np.isnan(values), ~whole | ~leaf.inside(found))
        return found, ~whole | ~leaf.inside(found)
    found = np.zeros(len(column), np.int64)
    return found.astype(object) if leaf.nullable else found, np.ones(len(column), bool)


def _nullable(found: NDArray[Any], missing: Odd, odd: Odd | None = None) -> tuple[NDArray[Any], Odd]:
    """Return the same with None where there is null, which is sound there."""
    objects = found.astype(object)
    objects[missing] = None
    return objects, np.zeros(len(found), bool) if odd is None else odd & ~missing


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _floats(column: Any) -> NDArray[np.float64]:
    """(n,) numbers, NaN where there is none."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.array(
            column.to_numpy(zero_copy_only=False), dtype=np.float64
        )  # a copy: Arrow's is read-only
    return np.full(len(column), np.nan)
