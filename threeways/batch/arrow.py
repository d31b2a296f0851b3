"""Arrow tables turned into columns, whole columns at once; for parquet files and for Spark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from threeways.batch import id_kinds, rows
from threeways.batch.chunk import FIELDS, Columns
from threeways.systems.taxi.trips import arrow

type Odd = NDArray[np.bool_]


def is_text(kind: Any) -> bool | None:
    """Whether ids of an Arrow type are texts; None where such values are no ids."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if any(named(kind) for named in (types.is_string, types.is_large_string, types.is_string_view)):
        return True
    if any(named(kind) for named in (types.is_integer, types.is_floating, types.is_decimal, types.is_null)):
        return False
    return True if kind == pa.uuid() else None


def columns(table: Any, *, text_ids: bool) -> Columns:
    """A `pyarrow.Table` of ride_id, `FIELDS` and dropoff_datetime, in this order, as columns.

    text_ids: see `Source`; the ids' own type may be another.
    """
    given, pickup_zone, dropoff_zone, distance, pickup, dropoff = (_plain(one) for one in table.itercolumns())
    ids, odd_ids = _ids(given, text=text_ids)
    began, odd_times = _times(pickup)
    ended, _ = _times(dropoff)
    from_zone, odd_from = _zones(pickup_zone)
    to_zone, odd_to = _zones(dropoff_zone)
    miles = _miles(distance)
    fields = dict(zip(FIELDS, (pickup_zone, dropoff_zone, distance, pickup), strict=True))

    def raw(row: int) -> dict[str, Any]:
        return {name: _value(name, column, row) for name, column in fields.items()}

    odd = odd_ids | odd_from | odd_to | odd_times | ~(np.isfinite(miles) & (miles >= 0))
    return Columns(ids, from_zone, to_zone, miles, began, ended, odd, raw, text_ids)


def _plain(column: Any) -> Any:
    """A chunked array as one array, without a dictionary."""
    array = column.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _ids(column: Any, *, text: bool) -> tuple[list[Any], Odd]:
    if pa.types.is_integer(column.type) and column.type != pa.uint64() and not text:
        return column.to_pylist(), column.is_null().to_numpy(zero_copy_only=False)
    return id_kinds.of_one_kind(_values(column), text=text)


def _values(column: Any) -> list[Any]:
    """What each holds; a text that is no UTF-8 keeps its bytes as surrogates, as SQLite's do."""
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


def _times(column: Any) -> tuple[NDArray[np.datetime64], Odd]:
    """(n,) New York's wall clock, NaT and odd where there is no time an event can hold."""
    if not pa.types.is_timestamp(column.type):
        return rows.times(_values(column))
    found = arrow.times(pa.chunked_array([column]))
    assert found is not None  # noqa: S101 - it is a timestamp
    times = found.to_numpy().astype("datetime64[us]")  # a copy
    fits = (times >= np.datetime64("0001-01-01")) & (times < np.datetime64("10000-01-01"))
    return times, ~fits


def _zones(column: Any) -> tuple[NDArray[np.int64], Odd]:
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        found = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return found, missing | (found < -(2**31)) | (found >= 2**31)
    if pa.types.is_floating(column.type):  # how pandas writes integers with gaps between them
        values = column.fill_null(np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
        whole = (values >= -(2**31)) & (values < 2**31) & (values == np.floor(values))
        return np.where(whole, values, 0).astype(np.int64), ~whole
    return np.zeros(len(column), np.int64), np.ones(len(column), bool)


def _miles(column: Any) -> NDArray[np.float64]:
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.array(
            column.to_numpy(zero_copy_only=False), dtype=np.float64
        )  # a copy: Arrow's is read-only
    return np.full(len(column), np.nan)


def _value(name: str, column: Any, row: int) -> Any:
    """A value as an event would hold it."""
    value = _scalar(column, row)
    return id_kinds.whole(value) if name in FIELDS[:2] else value
