"""Events of any task out of files: parquet, JSON lines and CSV, by the names of the event's fields."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import msgspec

from threeways.aws.files import Say, locations, opened
from threeways.errors import DataError

type Row = Mapping[str, Any]
"""A row's values by column; those of objects within it by their dotted names and, where no other has it, by
the last one."""

VARIABLE = "EVENTS"
_BATCH = 10_000
_MARK = b"\xef\xbb\xbf"
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip file",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"[": "a JSON array",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file. row: None where it is none, because of `why`. data: its JSON, where it is JSON."""

    row: Row | None
    data: bytes | None = None
    why: str = ""


def paths(spec: str, say: Say) -> list[str]:
    """Return the files that paths, globs and addresses name, each once. Raises DataError."""
    return locations(spec, VARIABLE, say)


def is_parquet(path: str) -> bool:
    """Tell whether a file is parquet, which a task's producer may know. Raises DataError."""
    with opened(path, VARIABLE) as file:
        return _format_of(file, path) is _parquet


def columns_of(path: str) -> list[str]:
    """Return the names of a parquet file's columns. Raises DataError."""
    import pyarrow.parquet as pq

    with opened(path, VARIABLE) as file, _faults_named(path):
        return list(pq.read_schema(file).names)


def lines_of(path: str) -> Iterator[Line]:
    """Yield the rows of a file in order. Raises DataError where it cannot be read."""
    with opened(path, VARIABLE) as file, _faults_named(path):
        yield from _format_of(file, path)(file)


def _format_of(file: IO[bytes], path: str) -> Callable[[IO[bytes]], Iterator[Line]]:
    """Return the reader of a file's format, by how the file begins. Raises DataError."""
    head = file.read(4096)
    file.seek(0)
    if head.startswith(b"PAR1"):
        return _parquet
    text = head.removeprefix(_MARK).lstrip()
    if not text:
        raise DataError(f"{VARIABLE}: {path} has no rows; give a file that has events")
    for begins, what in _PACKED.items():
        if text.startswith(begins):
            raise DataError(
                f"{VARIABLE}: {path} is {what}; give parquet, JSON lines (an object a line) or CSV"
            )
    return _json if text.startswith(b"{") else _csv


def _parquet(file: IO[bytes]) -> Iterator[Line]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH):
        for row in batch.to_pylist():
            yield Line(_flat({name: _plain(value) for name, value in row.items()}))


def _csv(file: IO[bytes]) -> Iterator[Line]:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        for row in csv.DictReader(text):
            extra = row.pop(None, None)  # where DictReader puts what is too many
            if extra:
                yield Line(None, why=f"it has {len(extra)} more values than the header has names")
            else:
                yield Line({name: value or None for name, value in row.items()})


def _json(file: IO[bytes]) -> Iterator[Line]:
    for line in file:
        data = line.strip().removeprefix(_MARK)
        if not data:
            continue
        try:
            row = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Line(None, why=str(error))
        else:
            yield Line(_flat(row), data)


def _flat(row: dict[str, Any]) -> Row:
    """Return the values of a row and of the objects in it, by their dotted names and by their last ones."""
    flat = dict(_leaves(row, ""))
    short: dict[str, Any] = {}
    twice: set[str] = set()
    for name, value in flat.items():
        last = name.rpartition(".")[2]
        twice |= {last} & short.keys()
        short[last] = value
    return {name: value for name, value in short.items() if name not in twice} | flat


def _leaves(row: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _plain(value: Any) -> Any:
    """Return a value of Arrow's as JSON has it; a number that is none is missing."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


@contextmanager
def _faults_named(path: str) -> Iterator[None]:
    """Tell of Arrow's, Python's and the system's errors on a file's content in one line."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, csv.Error, pa.ArrowException, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{VARIABLE}: {path} cannot be read ({reason}); mend it, or convert it") from None
