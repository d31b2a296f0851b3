"""Arrow tables turned into columns, whole columns at once; for parquet files and for Spark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from threeways.batch import rows
from threeways.batch.chunk import FIELDS, Columns
from threeways.trips import arrow

type Odd = NDArray[np.bool_]


def columns(table: Any) -> Columns:
    """A `pyarrow.Table` of ride_id, `FIELDS` and dropoff_datetime, in this order, as columns."""
    ids, pickup_zone, dropoff_zone, distance, pickup, dropoff = (
        one.combine_chunks() for one in table.itercolumns()
    )
    began, odd_times = _times(pickup)
    ended, _ = _times(dropoff)
    from_zone, odd_from = _zones(pickup_zone)
    to_zone, odd_to = _zones(dropoff_zone)
    miles = _miles(distance)
    given = dict(zip(FIELDS, (pickup_zone, dropoff_zone, distance, pickup), strict=True))

    def raw(row: int) -> dict[str, Any]:
        return {name: _value(name, column, row) for name, column in given.items()}

    odd = _odd_ids(ids) | odd_from | odd_to | odd_times | ~(np.isfinite(miles) & (miles >= 0))
    return Columns(ids.to_pylist(), from_zone, to_zone, miles, began, ended, odd, raw)


def _times(column: Any) -> tuple[NDArray[np.datetime64], Odd]:
    """(n,) New York's wall clock, NaT and odd where there is no time an event can hold."""
    if not pa.types.is_timestamp(column.type):
        return rows.times(column.to_pylist())
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
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.array(
            column.to_numpy(zero_copy_only=False), dtype=np.float64
        )  # a copy: Arrow's is read-only
    return np.full(len(column), np.nan)


def _odd_ids(column: Any) -> Odd:
    missing: Odd = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        return missing
    return np.array([not rows.sound_id(one) for one in column.to_pylist()], dtype=bool)


def _value(name: str, column: Any, row: int) -> Any:
    """A value as an event would hold it; a time that Python can't hold as its own text."""
    try:
        value = column[row].as_py()
        return int(value) if name in FIELDS[:2] and isinstance(value, float) and value.is_integer() else value
    except (ValueError, OverflowError):
        return str(column[row].cast(pa.int64()).as_py())
