"""Decode rows of the model's signature, by row or by column, as strictly as events are decoded.

A row has no event's id. Nothing is made of a body before it is known to have no more rows than a batch, so
that a body within its limit takes a bounded amount of memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Any, get_args

import msgspec
from msgspec import UNSET, Meta

from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent
from threeways.scoring.task import Task
from threeways.web import bodies
from threeways.web.problems import RequestRefused

HIDDEN = "(the row's id)"
"""What a row's id is called in JSON: as no column is, so that none is given."""
MOST_COLUMNS = 10_000
_PLACE = re.compile(r" - at `\$\[(\d+)\](?:\[0\])?`$")


class RowReader:
    """Reads rows of a signature's columns, or of its one array.

    task: the one that the signature makes. unnamed: its columns have no names, so that a table's are taken by
    position, whatever they are called. names: of the columns in order; of an array the one name.
    array: whether a row is the list of an array's numbers. width, number: how many, and their type. event:
    the type of a row, with the attributes that the task's features take.
    """

    def __init__(self, task: Task[Any], unnamed: bool) -> None:
        own = [one for one in msgspec.structs.fields(task.event) if one.name != "event_id"]
        self.array = not task.mixed
        self._columns = {one.encode_name: one for one in own}
        self.width: int | None = None
        if self.array:  # Annotated[list[number], Meta(min_length=width, max_length=width)]
            [number] = get_args(own[0].type.__origin__)
            [meta] = own[0].type.__metadata__
            self.number, self.width = number, meta.max_length
        self.names = (own[0].encode_name,) if self.array else task.columns
        self.unnamed = unnamed
        declared: list[Any] = [
            (one.name, one.type, *([] if one.required else [None]))
            for one in sorted(own, key=lambda one: not one.required)
        ]
        self._order = [name for name, *_ in declared]
        renamed = {one.name: one.encode_name for one in own} | {"event_id": HIDDEN}
        self.event: Any = msgspec.defstruct(
            "Row", [*declared, ("event_id", int, 0)], rename=renamed, frozen=True, gc=False
        )
        self._of_columns = msgspec.json.Decoder(
            msgspec.defstruct(
                "Columns",
                [(one.name, msgspec.Raw, bodies.NONE) for one in own],
                rename={one.name: one.encode_name for one in own},
            )
        ).decode
        self._decode_row = msgspec.json.Decoder(self.event).decode
        self._positions = lru_cache(8)(self._positions_of)

    def records(self, rows: Sequence[bytes]) -> list[Any]:
        """Return the events of rows that are JSON objects. Raises InvalidEvent, UndecodableEvent."""
        if not self.array:
            return [_decoded(self._decode_row, row, place) for place, row in enumerate(rows)]
        for place, row in enumerate(rows):
            require_few(row.count(b","), f"row {place}")
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        read = [list(_decoded(decode, row, place).values()) for place, row in enumerate(rows)]
        return self.arrays([b"[" + b",".join(map(bytes, row)) + b"]" for row in read])

    def arrays(self, rows: Sequence[bytes]) -> list[Any]:
        """Return the events of rows that are JSON arrays of an array's numbers. Raises as `records` does."""
        [column] = self._columns.values()
        decode = msgspec.json.Decoder(column.type).decode
        return [self.event(_decoded(decode, row, place)) for place, row in enumerate(rows)]

    def lists(self, names: Sequence[str], rows: Sequence[bytes]) -> list[Any]:
        """Return the events of rows that are JSON arrays of the values of these columns, in this order.

        Columns of other names are passed over. Raises as `records` does, and InvalidEvent for a column that
        is missing.
        """
        if self.array:
            return self.arrays(rows)
        names = self.called(names)
        decode = self._positions(tuple(names))
        events = [_decoded(decode, row, place, names) for place, row in enumerate(rows)]
        for place, event in enumerate(events):
            if event.beyond is not UNSET:
                raise InvalidEvent(f"row {place} has more than its {len(names)} columns - at `$`")
        return events

    def called(self, names: Sequence[str]) -> Sequence[str]:
        """Return what the columns of a table are called here."""
        others = len(names) == len(self.names) and set(names) != set(self.names)
        return self.names if self.unnamed and others else names

    def columns(self, body: bytes) -> list[Any]:
        """Return the events of a JSON object of columns, each an array of values, or one value of one row."""
        read = _decoded(self._of_columns, body, None)
        given: dict[str, Sequence[Any]] = {}
        for name, column in self._columns.items():
            values = getattr(read, column.name)
            if values is not bodies.NONE:
                text = bytes(values)
                given[name] = self.column(name, text if text.startswith(b"[") else b"[" + text + b"]")
        return self.of_values(given)

    def array_in(self, body: bytes) -> bytes:
        """Return the JSON of an array's rows out of a JSON object. Raises as `columns` does."""
        [(name, column)] = self._columns.items()
        read = getattr(_decoded(self._of_columns, body, None), column.name)
        if read is bodies.NONE:
            raise InvalidEvent(f"Object missing required field `{name}` - at `$`")
        return bytes(read)

    def column(self, name: str, values: bytes, nested: bool = False) -> list[Any]:
        """Return a column's values out of a JSON array. nested: each is in an array of its own.

        Raises InvalidEvent with row and field.
        """
        if values.count(b",") >= bodies.MOST_EVENTS:
            bodies.elements(values)  # raises where there are too many
        kind: Any = self._columns[name].type
        each: Any = Annotated[list[kind], Meta(min_length=1, max_length=1)] if nested else kind
        try:
            found: list[Any] = msgspec.json.decode(values, type=list[each])
        except msgspec.ValidationError as error:
            raise InvalidEvent(_placed(error, name)) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise UndecodableEvent(f"{name}: {error}") from None
        return [one[0] for one in found] if nested else found

    def of_values(self, given: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Return the events of columns of values, each of its type. Raises InvalidEvent."""
        self._require(given)
        counts = {len(values) for values in given.values()}
        if len(counts) > 1:
            told = ", ".join(f"{name} {len(values)}" for name, values in given.items())
            raise InvalidEvent(f"the columns have not as many values each ({told}); give one a row")
        by_attribute = {self._columns[name].name: values for name, values in given.items()}
        return list(map(self.event, *(by_attribute.get(name, repeat(None)) for name in self._order)))

    def numbers(self, event: Any) -> list[Any]:
        """Return the numbers of an array's row."""
        return list(getattr(event, self._order[0]))

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        return name in self._columns

    def of_texts(self, name: str, values: Sequence[Any]) -> list[Any]:
        """Return a column's values out of texts; None is a missing one. Raises InvalidEvent."""
        kind: Any = self._columns[name].type
        try:
            made: list[Any] = msgspec.convert(values, list[kind], strict=False)
        except msgspec.ValidationError as error:
            raise InvalidEvent(_placed(error, name)) from None
        return made

    def row_of_texts(self, texts: Sequence[Any], row: int) -> Any:
        """Return the event of an array's row out of texts. Raises InvalidEvent."""
        [(name, column)] = self._columns.items()
        try:
            return self.event(msgspec.convert(texts, column.type, strict=False))
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"row {row}: {_PLACE.sub('', str(error))} - at `$.{name}`") from None

    def _require(self, names: Mapping[str, Any] | Sequence[str]) -> None:
        missing = [name for name, one in self._columns.items() if one.required and name not in names]
        if missing or not any(name in names for name in self._columns):
            told = ", ".join(missing or self.names)
            raise InvalidEvent(
                f"Object missing required field `{told}`: the model's signature has it - at `$`"
            )

    def _positions_of(self, names: tuple[str, ...]) -> Callable[[bytes], Any]:
        """Return the decoder of rows that are arrays of these columns' values."""
        require_few(len(names), "the table")
        if len(set(names)) < len(names):
            raise InvalidEvent("two of the columns have one name; give each once - at `$`")
        self._require(names)
        fields: list[Any] = [
            (self._columns[name].name, self._columns[name].type)
            if name in self._columns
            else (f"other_{place}", msgspec.Raw)
            for place, name in enumerate(names)
        ]
        fields.append(("beyond", msgspec.Raw | msgspec.UnsetType, UNSET))
        fields += [(one.name, one.type, None) for name, one in self._columns.items() if name not in names]
        fields.append(("event_id", int, 0))
        return msgspec.json.Decoder(msgspec.defstruct("ListRow", fields, array_like=True, gc=False)).decode


def _decoded(
    decode: Callable[[bytes], Any], text: bytes, place: int | None, names: Sequence[str] | None = None
) -> Any:
    """Decode a row. place: its number, for the error. names: of its elements."""
    row = "" if place is None else f"row {place}: "
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        told = str(error)
        at = _PLACE.search(told)
        if names is not None and at and int(at[1]) < len(names):
            told = f"{_PLACE.sub('', told)} - at `$.{names[int(at[1])]}`"
        raise InvalidEvent(f"{row}{told}{'' if ' - at `' in told else ' - at `$`'}") from None
    except RecursionError:
        raise UndecodableEvent(f"{row}it is nested too deeply, within {len(text)} bytes") from None
    except msgspec.DecodeError as error:
        raise UndecodableEvent(f"{row}{error}") from None


def _placed(error: msgspec.ValidationError, name: str) -> str:
    """Return the message for a value within a column, with its row and field."""
    at = _PLACE.search(str(error))
    return f"{f'row {at[1]}: ' if at else ''}{_PLACE.sub('', str(error))} - at `$.{name}`"


def require_few(columns: int, what: str) -> None:
    """Raise RequestRefused for more columns than any table has."""
    if columns > MOST_COLUMNS:
        raise RequestRefused(422, f"{what} has over {MOST_COLUMNS} columns; send the model's own")


def numbered(fault: PermanentError, row: int) -> PermanentError:
    """Return the fault of a row with its number."""
    return type(fault)(f"row {row}: {fault}")
