"""Read the columns of a table: Arrow's arrays, or values as a database driver gives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from threeways.arrow_times import END, FIRST, wall_times
from threeways.batch import id_kinds
from threeways.batch.leaf import NO_LIMIT, Leaf
from threeways.clock import LENGTHS, plain_times
from threeways.scoring.decoding import KEY_LENGTH
from threeways.scoring.outputs import text_of

type Odd = NDArray[np.bool_]
type Times = NDArray[np.datetime64]

_ARROW = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def is_text(kind: Any) -> bool | None:
    """Return whether ids of an Arrow type are texts; None where such values are no ids."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or kind == pa.uuid()
    ):
        return True
    return False if _is_number(kind) or types.is_null(kind) else None


class Values:
    """The columns of n rows by their keys (see `Layout.wanted`): Arrow arrays, or sequences of Python values.

    zone: the clock of their times. floats: the fields whose column is one of floats, so that 130.0 is the
    integer 130; None: each that holds floats, as pandas writes integers with gaps between them.
    """

    def __init__(
        self, given: Mapping[str, Any], zone: ZoneInfo, floats: Collection[str] | None = None
    ) -> None:
        self._given = {key: _arrow(column) for key, column in given.items()}
        self._zone, self._floats = zone, self._given.keys() if floats is None else floats
        self.keys = self._given.keys()

    def ids(self, key: str, *, text: bool) -> tuple[list[Any], Odd]:
        """Return the ids, and which of them are none of the kind. text: whether ids are told as texts."""
        column = self._given[key]
        if not text and _is_integer(column):
            return column.to_pylist(), _missing(column)
        values = _values(column)
        if text and _are_plain_texts(values, 1, KEY_LENGTH):
            return list(values), np.zeros(len(values), bool)
        found = [id_kinds.of_kind(one, text=text) for one in values]
        return found, np.array([not id_kinds.is_plain(one, text=text) for one in found], bool)

    def times(self, key: str) -> tuple[Times, Odd]:
        """Return (n,) on the zone's clock, NaT and odd where there is no time that an event can hold."""
        column = self._given[key]
        if isinstance(column, pa.Array) and pa.types.is_timestamp(column.type):
            found = wall_times(column, self._zone)
            return found, ~((found >= FIRST) & (found < END))
        found = _times(_values(column), self._zone)
        return found, np.isnat(found)

    def numbers(self, key: str, *, texts: bool = False) -> NDArray[np.float64]:
        """Return (n,) numbers, NaN where there is none. texts: those of numbers count, too."""
        column = self._given[key]
        if isinstance(column, pa.Array) and _is_number(column.type):
            return _floats(column)
        kinds = (int, float, Decimal, str) if texts else (int, float, Decimal)
        return np.array(
            [_number(one) if type(one) in kinds else np.nan for one in _values(column)], np.float64
        )

    def first(self, key: str) -> Any:
        """Return the first value that is not missing; None where all are."""
        return next((one for one in _values(self._given[key]) if one is not None and one == one), None)

    def labels(self, key: str, kind: type) -> list[str | None]:
        """Return n labels as texts, None where there is none. kind: of the classes' values.

        A table may have them in another type: 1.0 for 1, where some are missing, or 1 for true.
        """
        found = [
            None if one is None or one != one else _label(one, kind) for one in _values(self._given[key])
        ]
        return [None if one is None else text_of(one) for one in found]

    def value(self, key: str, row: int, leaf: Leaf | None = None) -> Any:
        """Return what a row holds; as a leaf takes it where that is given."""
        column = self._given[key]
        value = _scalar(column, row) if isinstance(column, pa.Array) else column[row]
        return leaf.value(value, floats=key in self._floats) if leaf else value

    def checked(self, leaf: Leaf) -> tuple[NDArray[Any], Odd]:
        """Return (n,) a field's values, and which of them are not plainly sound."""
        column, floats = self._given[leaf.name], leaf.name in self._floats
        if leaf.kind == "datetime":
            found, odd = self.times(leaf.name)
            return found, odd & ~_is_none(column) if leaf.nullable else odd
        if isinstance(column, pa.Array) and (told := _checked(column, leaf, floats=floats)):
            return told
        values = _values(column)
        if leaf.kind == "text" and _are_plain_texts(values, *leaf.lengths):
            return leaf.array(values), np.zeros(len(values), bool)
        values = [leaf.value(one, floats=floats) for one in values]
        sound = [leaf.fits(one) for one in values]
        kept = [one if fits else None for one, fits in zip(values, sound, strict=True)]
        return leaf.array(kept), ~np.array(sound, bool)


def _arrow(column: Any) -> Any:
    """Return a column as an Arrow array without chunks and dictionary; Python's values if of mixed types."""
    if isinstance(column, Sequence):
        kinds = set(map(type, column)) - {NoneType}
        kind = _ARROW.get(kinds.pop()) if len(kinds) == 1 else None
        try:
            return pa.array(column, kind) if kind else column
        except OverflowError:  # one is beyond 64 bits
            return column
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _values(column: Any) -> Sequence[Any]:
    """Return what each row holds; a text that is no UTF-8 keeps its bytes as surrogates, as SQLite's do."""
    if not isinstance(column, pa.Array):
        return column  # type: ignore[no-any-return]
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        return [_scalar(column, row) for row in range(len(column))]


def _scalar(column: Any, row: int) -> Any:
    try:
        return column[row].as_py()
    except UnicodeDecodeError:
        return str(column[row].as_buffer(), errors="surrogateescape")
    except (ValueError, OverflowError):  # a date or time that Python can't hold
        return str(column[row].value)


def _checked(column: Any, leaf: Leaf, *, floats: bool) -> tuple[NDArray[Any], Odd] | None:
    """Return a field's values where they are of the field's own type; None where each has to be looked at."""
    if leaf.kind == "float" and _is_number(column.type):
        numbers = _floats(column)
        sound = np.isfinite(numbers) & leaf.inside(numbers)
        return numbers, ~(sound | np.isnan(numbers)) if leaf.nullable else ~sound
    missing, found = _missing(column), None
    odd = np.zeros(len(column), bool)
    if leaf.kind == "boolean" and pa.types.is_boolean(column.type):
        found = column.fill_null(False).to_numpy(zero_copy_only=False)
    elif leaf.kind == "integer" and _is_integer(column):
        found = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        odd = ~leaf.inside(found)
    elif leaf.kind == "integer" and floats and pa.types.is_floating(column.type):
        numbers = _floats(column)
        missing = np.isnan(numbers)
        whole = (np.abs(numbers) <= id_kinds.EXACT) & (numbers == np.floor(numbers))
        found = np.where(whole, numbers, 0).astype(np.int64)
        odd = ~(whole & leaf.inside(found))
    if found is None or not leaf.nullable:
        return None if found is None else (found, odd | missing)
    found = found.astype(object)
    found[missing] = None
    return found, odd & ~missing


def _missing(column: Any) -> Odd:
    missing: Odd = column.is_null().to_numpy(zero_copy_only=False)
    return missing


def _is_none(column: Any) -> Odd:
    if isinstance(column, pa.Array):
        return _missing(column)
    return np.array([one is None for one in column], bool)


def _is_integer(column: Any) -> bool:
    """Whether a column holds integers of 64 bits."""
    kind = getattr(column, "type", None)
    return kind is not None and pa.types.is_integer(kind) and kind != pa.uint64()


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _floats(column: Any) -> NDArray[np.float64]:
    """(n,) numbers, NaN where there is none."""
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)  # a copy: Arrow's is read-only


def _are_plain_texts(values: Sequence[Any], least: int, most: int) -> bool:
    """Whether all are texts in ASCII of `least` to `most` characters; in any characters without a limit."""
    if set(map(type, values)) != {str}:
        return False
    if not (whole := "".join(values)).isascii():
        return least == 0 and most == NO_LIMIT and _is_unicode(whole)
    lengths = set(map(len, values))
    return min(lengths) >= least and max(lengths) <= most


def _number(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return np.nan


def _label(value: Any, kind: type) -> Any:
    if kind is bool:
        return bool(value) if value in (0, 1) else str(value).lower()
    if kind is float and isinstance(value, int | Decimal):
        return float(value)
    return id_kinds.whole(value) if kind in (int, str) else value


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogate, which no UTF-8 has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _times(values: Sequence[Any], zone: ZoneInfo) -> Times:
    """(n,) datetime64[us] on the zone's clock, NaT where it could not be told quickly."""
    length = len(values[0]) if values and type(values[0]) is str else 0
    if length in LENGTHS and set(map(type, values)) == {str} and set(map(len, values)) == {length}:
        return plain_times(values, length)
    found = np.full(len(values), "NaT", "datetime64[us]")
    for length in LENGTHS:
        rows = [row for row, one in enumerate(values) if type(one) is str and len(one) == length]
        if rows:
            found[rows] = plain_times([values[row] for row in rows], length)
    moments = {row: _wall(one, zone) for row, one in enumerate(values) if isinstance(one, datetime)}
    found[list(moments)] = np.array(list(moments.values()), dtype="datetime64[us]")
    return found


def _wall(moment: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return None
