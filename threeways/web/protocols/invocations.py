"""Read the bodies of MLflow's scoring protocol: JSON in four forms, and CSV.

mlflow.org/docs/latest/ml/deployment/deploy-model-locally (Inference Server Specification)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from threeways.errors import InvalidEvent, UndecodableEvent
from threeways.scoring.decoding import format_of, without_mark
from threeways.web import bodies
from threeways.web.problems import RequestRefused
from threeways.web.protocols.rows import RowReader, require_few

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_MISSING = frozenset(
    {
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
        "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    }
)  # fmt: skip
"""What stands for a missing value in CSV, as pandas reads it:
pandas.pydata.org/docs/reference/api/pandas.read_csv.html"""
csv.field_size_limit(2**20)


class _Body(msgspec.Struct):
    dataframe_split: msgspec.Raw = bodies.NONE
    dataframe_records: msgspec.Raw = bodies.NONE
    inputs: msgspec.Raw = bodies.NONE
    instances: msgspec.Raw = bodies.NONE
    params: msgspec.Raw = bodies.NONE


class _Split(msgspec.Struct):
    data: msgspec.Raw
    columns: msgspec.Raw = bodies.NONE


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_split = msgspec.json.Decoder(_Split).decode


def of_json(reader: RowReader, body: bytes) -> list[Any]:
    """Return the rows of a JSON body. Raises UndecodableEvent, InvalidEvent, or RequestRefused."""
    body = _text(body)
    try:
        read = _decode_body(body)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{error}: the body is an object with one of {', '.join(FORMS)}") from None
    except RecursionError:
        raise UndecodableEvent(f"it is nested too deeply, within {len(body)} bytes") from None
    except msgspec.DecodeError as error:
        raise UndecodableEvent(format_of(body) or str(error)) from None
    given = {name: value for name in FORMS if (value := getattr(read, name)) is not bodies.NONE}
    if len(given) != 1:
        told = ", ".join(given) or "none of them"
        raise InvalidEvent(f"the body has {told}; it takes exactly one of {', '.join(FORMS)} - at `$`")
    if bytes(read.params) not in {b"", b"null", b"{}"}:
        raise InvalidEvent("the model takes no parameters; leave them out - at `$.params`")
    [(form, value)] = given.items()
    try:
        if form == "dataframe_split":
            return _of_split(reader, value)
        if form == "dataframe_records":
            return reader.records(bodies.elements(bytes(value)))
        return _of_tensors(reader, form, bytes(value))
    except (InvalidEvent, UndecodableEvent) as error:
        raise type(error)(f"{form}: {error}") from None


def of_csv(reader: RowReader, body: bytes) -> list[Any]:
    """Return the rows of CSV with a line of column names. Raises as `of_json` does."""
    lines = csv.reader(_lines(_text(body)), strict=True)
    try:
        names = next(lines, [])
        require_few(len(names), "the table")
        rows: list[list[str]] = []
        for row in lines:
            if not row:
                continue
            if len(row) != len(names):
                raise InvalidEvent(
                    f"row {len(rows)} has {len(row)} values, and there are {len(names)} columns"
                )
            if len(rows) == bodies.MOST_EVENTS:
                raise RequestRefused(422, f"over {bodies.MOST_EVENTS} rows; split the request")
            rows.append(row)
    except csv.Error as error:
        raise UndecodableEvent(f"line {lines.line_num} is no CSV: {error}") from None
    if reader.array:
        return [reader.row_of_texts(row, place) for place, row in enumerate(rows)]
    names = list(reader.called(names))
    if len(set(names)) < len(names):
        raise InvalidEvent("two of the columns have one name; give each once")
    columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
    given = {name: texts for name, texts in columns.items() if reader.has(name)}
    return reader.of_values(
        {name: reader.of_texts(name, _with_missing(texts)) for name, texts in given.items()}
    )


def _lines(body: bytes) -> Iterator[str]:
    """Yield the lines; one by one, they take less memory than all as one text."""
    for line in io.BytesIO(body):
        if line.count(b",") > bodies.FEW_COMMAS:
            raise RequestRefused(
                422, f"a line has over {bodies.FEW_COMMAS} commas; send the model's own columns"
            )
        yield line.decode()


def _text(body: bytes) -> bytes:
    """Return a body that is UTF-8. Raises UndecodableEvent."""
    if body.isascii():
        return body
    body = without_mark(body)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise UndecodableEvent(format_of(body) or str(error)) from None
    return body


def _of_split(reader: RowReader, value: Any) -> list[Any]:
    try:
        split = _decode_split(value)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{error} - it has `data`, and `columns`") from None
    names: Sequence[str] = reader.names
    if split.columns is not bodies.NONE and bytes(split.columns) != b"null":
        try:
            require_few(bytes(split.columns).count(b","), "the table")
            names = [str(one) for one in msgspec.json.decode(split.columns, type=list[str | int])]
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"columns: {error}") from None
    elif not (reader.array or reader.unnamed):
        raise InvalidEvent(f"it has no `columns`; name them: {', '.join(reader.names)}")
    return reader.lists(names, bodies.elements(bytes(split.data)))


def _of_tensors(reader: RowReader, form: str, value: bytes) -> list[Any]:
    """Return the rows of `inputs` or `instances`: by column, objects, an array's rows, or one column."""
    if value.startswith(b"{"):
        if form == "instances":
            raise InvalidEvent("it is an array of rows; an object of columns is `inputs` - at `$`")
        if not reader.array:
            return reader.columns(value)
        value = reader.array_in(value)
    rows = bodies.elements(value)
    if rows and rows[0].lstrip().startswith(b"{"):
        return reader.records(rows)
    if reader.array:
        return reader.arrays(rows)
    if len(reader.names) == 1 and not (rows and rows[0].startswith(b"[")):
        return reader.of_values({reader.names[0]: reader.column(reader.names[0], value)})
    if not reader.unnamed and len(reader.names) > 1:
        raise InvalidEvent(
            f"its rows name no columns; send objects with {', '.join(reader.names)} - at `$[0]`"
        )
    return reader.lists(reader.names, rows)


def _with_missing(texts: Sequence[str]) -> list[str | None]:
    return [None if text in _MISSING else text for text in texts]
