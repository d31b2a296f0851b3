"""Rows as a database driver gives them, turned into columns: whole ones at once where their types allow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.batch import id_kinds
from threeways.batch.chunk import FIELDS, Columns
from threeways.batch.id_kinds import EXACT, whole
from threeways.clock import LENGTHS, NEW_YORK, plain_times

type Values = Sequence[Any]
type Odd = NDArray[np.bool_]
type Times = NDArray[np.datetime64]


def columns(rows: Sequence[Any], *, text_ids: bool = False, float_zones: bool = False) -> Columns:
    """Rows of (ride_id, *FIELDS, dropoff_datetime), n at least 1, as columns.

    text_ids: see `Source`. float_zones: the zones' type is one of floats, so that 130.0 is the zone 130.
    """
    given, zones_from, zones_to, distance, pickup, dropoff = zip(*rows, strict=True)
    ids, odd_ids = id_kinds.of_one_kind(given, text=text_ids)
    pickup_zone, dropoff_zone = (_integers(one, floats=float_zones) for one in (zones_from, zones_to))
    from_zone, odd_from = _zones(pickup_zone)
    to_zone, odd_to = _zones(dropoff_zone)
    miles, odd_miles = _miles(distance)
    began, odd_times = times(pickup)
    ended, _ = times(dropoff)

    def raw(row: int) -> dict[str, Any]:
        values = (pickup_zone[row], dropoff_zone[row], distance[row], pickup[row])
        return dict(zip(FIELDS, values, strict=True))

    odd = odd_ids | odd_from | odd_to | odd_miles | odd_times
    return Columns(ids, from_zone, to_zone, miles, began, ended, odd, raw, text_ids)


def times(values: Values) -> tuple[Times, Odd]:
    """(n,) datetime64[us] on New York's wall clock, and which could not be told quickly (NaT there)."""
    length = len(values[0]) if type(values[0]) is str else 0
    if length in LENGTHS and set(map(type, values)) == {str} and set(map(len, values)) == {length}:
        alike: Any = values
        found = plain_times(alike, length)
        return found, np.isnat(found)
    return _mixed(values)


def _mixed(values: Values) -> tuple[Times, Odd]:
    found = np.full(len(values), "NaT", "datetime64[us]")
    texts: dict[int, list[int]] = {length: [] for length in LENGTHS}
    moments: dict[int, datetime] = {}
    for row, value in enumerate(values):
        if type(value) is str:
            if len(value) in texts:
                texts[len(value)].append(row)
        elif isinstance(value, datetime):
            moment = _wall(value)
            if moment is not None:
                moments[row] = moment
    found[list(moments)] = np.array(list(moments.values()), dtype="datetime64[us]")
    for length, rows in texts.items():
        if rows:
            found[rows] = plain_times([values[row] for row in rows], length)
    return found, np.isnat(found)


def _wall(moment: datetime) -> datetime | None:
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(NEW_YORK).replace(tzinfo=None)
    except OverflowError:
        return None


def _integers(values: Values, *, floats: bool) -> Values:
    """Integral decimals as integers, and integral floats too where the column's type is one of floats."""
    if set(map(type, values)) == {int}:
        return values
    return [whole(value) if floats or isinstance(value, Decimal) else value for value in values]


def _zones(values: Values) -> tuple[NDArray[np.int64], Odd]:
    if set(map(type, values)) == {int}:
        try:
            found = np.array(values, dtype=np.int64)
            return found, (found < -(2**31)) | (found >= 2**31)
        except OverflowError:
            pass  # one is beyond 64 bits: each is looked at
    odd = np.array([type(value) is not int or not -(2**31) <= value < 2**31 for value in values])
    return np.array([0 if no else value for value, no in zip(values, odd, strict=True)], dtype=np.int64), odd


def _miles(values: Values) -> tuple[NDArray[np.float64], Odd]:
    if set(map(type, values)) != {float}:
        values = [_mile(value) for value in values]
    found = np.array(values, dtype=np.float64)
    return found, ~(np.isfinite(found) & (found >= 0))


def _mile(value: Any) -> float:
    sound = type(value) is float or (type(value) is int and abs(value) <= EXACT)
    return float(value) if sound or isinstance(value, Decimal) else np.nan
