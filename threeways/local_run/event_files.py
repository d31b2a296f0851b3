"""Events of any task out of files: parquet, JSON lines and CSV, by the names of the event's fields."""

from __future__ import annotations

import csv
import glob
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from threeways.errors import DataError, PermanentError

type Format = Literal["parquet", "json", "csv"]
type Row = Mapping[str, Any]
"""A row's values by column; those of objects within it by their dotted names and, where no other has it, by
the last one."""

_BATCH = 10_000
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK": "a zip file",
    b"\x28\xb5": "zstd",
    b"BZ": "bzip2",
    b"[": "a JSON array",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file. row: None where it is none, because of `why`. data: its JSON, where it is JSON."""

    row: Row | None
    data: bytes | None = None
    why: str = ""


def paths(spec: str) -> list[Path]:
    """Return the files that paths and globs name, each once; commas or spaces part them. Raises DataError."""
    entries = [spec] if Path(spec).expanduser().exists() else spec.replace(",", " ").split()
    found: list[Path] = []
    for entry in entries:
        if "://" in entry:
            raise DataError(f"EVENTS: {entry} is not on this machine; copy it here, and give its path")
        path = str(Path(entry).expanduser())
        matches = [path] if Path(path).exists() else sorted(glob.glob(path, recursive=True))  # noqa: PTH207
        if not matches:
            raise DataError(f"EVENTS: there is no file {entry}; give parquet, JSON lines or CSV")
        found += map(Path, matches)
    if not found:
        raise DataError("EVENTS is empty; give parquet, JSON lines or CSV, or leave it out")
    return list(dict.fromkeys(found))


def format_of(path: Path) -> Format:
    """Tell a file's format from how it begins. Raises DataError."""
    with _faults_named(path), path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise DataError(f"EVENTS: {path} has no rows; give a file that has events")
    for begins, what in _PACKED.items():
        if text.startswith(begins):
            raise DataError(f"EVENTS: {path} is {what}; give parquet, JSON lines (an object a line) or CSV")
    return "json" if text.startswith(b"{") else "csv"


def columns_of(path: Path) -> list[str]:
    """Return the names of a parquet file's columns. Raises DataError."""
    import pyarrow.parquet as pq

    with _faults_named(path):
        return list(pq.read_schema(path).names)


def lines_of(path: Path) -> Iterator[Line]:
    """Yield the rows of a file in order. Raises DataError where it cannot be read."""
    readers = {"parquet": _parquet, "json": _json, "csv": _csv}
    with _faults_named(path):
        yield from readers[format_of(path)](path)


def _parquet(path: Path) -> Iterator[Line]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH):
        for row in batch.to_pylist():
            yield Line(_flat({name: _plain(value) for name, value in row.items()}))


def _csv(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            extra = row.pop(None, None)  # where DictReader puts what is too many
            if extra:
                yield Line(None, why=f"it has {len(extra)} more values than the header has names")
            else:
                yield Line({name: value or None for name, value in row.items()})


def _json(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        for line in file:
            data = line.strip().removeprefix(b"\xef\xbb\xbf")
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
def _faults_named(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except PermanentError:
        raise
    except IsADirectoryError:
        raise DataError(f"EVENTS: {path} is a folder; give its files, such as {path}/*.parquet") from None
    except (OSError, ValueError, csv.Error, pa.ArrowException, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"EVENTS: {path} cannot be read ({reason}); mend it, or convert it") from None
