"""Turn rows as a database driver gives them into columns: whole ones at once where their types allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from threeways.batch import id_kinds
from threeways.batch.columns import RowColumns, read
from threeways.batch.id_kinds import EXACT
from threeways.batch.layout import Layout
from threeways.batch.leaf import Leaf
from threeways.clock import LENGTHS, plain_times

type Values = Sequence[Any]
type Odd = NDArray[np.bool_]
type Times = NDArray[np.datetime64]


def columns(
    rows: Sequence[Any],
    layout: Layout,
    keys: Sequence[str],
    *,
    text_ids: bool = False,
    floats: frozenset[str] = frozenset(),
) -> RowColumns:
    """Return n rows, n at least 1, as columns.

    keys: of the rows' values, the id's first; see `Layout.wanted`. text_ids: see `Source`. floats: the fields
    whose type is one of floats, so that 130.0 is the integer 130.
    """
    given: dict[str, Values] = dict(zip(keys, zip(*rows, strict=True), strict=True))
    return read(_Values(given, layout.zone, floats), layout, text_ids=text_ids)


class _Values:
    """A driver's values by their keys, n each. zone: the clock of their times. floats: see `columns`."""

    def __init__(self, given: Mapping[str, Values], zone: ZoneInfo, floats: frozenset[str]) -> None:
        self._given, self._zone, self._floats = given, zone, floats
        self.keys = given.keys()

    def ids(self, key: str, *, text: bool) -> tuple[list[Any], Odd]:
        return id_kinds.of_one_kind(self._given[key], text=text)

    def times(self, key: str) -> tuple[Times, Odd]:
        return times(self._given[key], self._zone)

    def checked(self, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
        return checked(self._given[leaf.name], leaf, floats=leaf.name in self._floats)

    def numbers(self, key: str) -> NDArray[np.float64]:
        return _numbers(self._given[key])

    def value(self, key: str, row: int, leaf: Leaf | None = None) -> Any:
        value = self._given[key][row]
        return leaf.value(value, floats=key in self._floats) if leaf else value


def checked(values: Values, leaf: Leaf, *, floats: bool = False) -> tuple[NDArray[Any], Odd]:
    """(n,) a field's values, n at least 1, and which of them are not plainly sound; floats: see `columns`."""
    return _CHECKS[leaf.kind](values, leaf, floats)


def times(values: Values, zone: ZoneInfo) -> tuple[Times, Odd]:
    """(n,) datetime64[us] on the zone's clock, and which could not be told quickly (NaT there)."""
    length = len(values[0]) if type(values[0]) is str else 0
    if length in LENGTHS and set(map(type, values)) == {str} and set(map(len, values)) == {length}:
        alike: Any = values
        found = plain_times(alike, length)
        return found, np.isnat(found)
    return _mixed(values, zone)


def _mixed(values: Values, zone: ZoneInfo) -> tuple[Times, Odd]:
    found = np.full(len(values), "NaT", "datetime64[us]")
    texts: dict[int, list[int]] = {length: [] for length in LENGTHS}
    moments: dict[int, datetime] = {}
    for row, value in enumerate(values):
        if type(value) is str:
            if len(value) in texts:
                texts[len(value)].append(row)
        elif isinstance(value, datetime):
            moment = _wall(value, zone)
            if moment is not None:
                moments[row] = moment
    found[list(moments)] = np.array(list(moments.values()), dtype="datetime64[us]")
    for length, rows in texts.items():
        if rows:
            found[rows] = plain_times([values[row] for row in rows], length)
    return found, np.isnat(found)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime | None:
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return None


def _integers(values: Values, leaf: Leaf, floats: bool) -> tuple[NDArray[Any], Odd]:
    if set(map(type, values)) != {int}:
        values = [
            leaf.value(one, floats=floats) if floats or isinstance(one, Decimal) else one for one in values
        ]
    if set(map(type, values)) == {int}:
        try:
            found = np.array(values, dtype=np.int64)
            return found.astype(object) if leaf.nullable else found, ~leaf.inside(found)
        except OverflowError:
            pass  # one is beyond 64 bits: each is looked at
    odd = np.array([type(value) is not int or not -(2**63) <= value < 2**63 for value in values])
    found = np.array([0 if no else value for value, no in zip(values, odd, strict=True)], dtype=np.int64)
    odd |= ~leaf.inside(found)
    return _nullable(found, odd, values) if leaf.nullable else (found, odd)


def _nullable(found: NDArray[Any], odd: Odd, values: Values) -> tuple[NDArray[Any], Odd]:
    """Return the same with None where the table has null, which is sound there."""
    missing = np.array([value is None for value in values])
    objects = found.astype(object)
    objects[missing] = None
    return objects, odd & ~missing


def _floats(values: Values, leaf: Leaf, _floats: bool) -> tuple[NDArray[Any], Odd]:
    found = _numbers(values)
    odd = ~(np.isfinite(found) & leaf.inside(found))
    if leaf.nullable:
        odd &= np.array([value is not None for value in values])
    return found, odd


def _numbers(values: Values) -> NDArray[np.float64]:
    """(n,) numbers, NaN for what is none that a float holds exactly."""
    if set(map(type, values)) != {float}:
        values = [_number(value) for value in values]
    return np.array(values, dtype=np.float64)


def _number(value: Any) -> float:
    sound = type(value) is float or (type(value) is int and abs(value) <= EXACT)
    return float(value) if sound or isinstance(value, Decimal) else np.nan


def _texts(values: Values, leaf: Leaf, _floats: bool) -> tuple[NDArray[Any], Odd]:
    least, most = leaf.lengths
    found = np.empty(len(values), dtype=object)
    found[:] = values
    if set(map(type, values)) == {str} and "".join(values).isascii():
        lengths = set(map(len, values))
        if min(lengths) >= least and max(lengths) <= most:
            return found, np.zeros(len(values), bool)
    return found, np.array([not _is_text(value, least, most, nullable=leaf.nullable) for value in values])


def _is_text(value: Any, least: int, most: int, *, nullable: bool) -> bool:
    if type(value) is not str:
        return value is None and nullable
    return value.isascii() and least <= len(value) <= most


def _booleans(values: Values, leaf: Leaf, _floats: bool) -> tuple[NDArray[Any], Odd]:
    if set(map(type, values)) != {bool}:
        values = [leaf.value(value) for value in values]
    odd = np.array([type(value) is not bool for value in values])
    found = np.array([value is True for value in values])
    return _nullable(found, odd, values) if leaf.nullable else (found, odd)


def _others(values: Values, _leaf: Leaf, _floats: bool) -> tuple[NDArray[Any], Odd]:
    return np.empty(len(values), dtype=object), np.ones(len(values), bool)


_CHECKS = {
    "integer": _integers,
    "float": _floats,
    "text": _texts,
    "boolean": _booleans,
    "other": _others,
}
