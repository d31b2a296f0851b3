"""TLC trip files, green or yellow, read into one schema: only the columns that a ride needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threeways.aws.files import Say, locations, opened
from threeways.errors import DataError
from threeways.systems.taxi.trips import arrow

if TYPE_CHECKING:
    import pandas as pd

PICKUP, DROPOFF = "pickup_datetime", "dropoff_datetime"
PICKUP_ZONE, DROPOFF_ZONE, DISTANCE = "PULocationID", "DOLocationID", "trip_distance"
TIP, PAYMENT = "tip_amount", "payment_type"
_TIMES = (PICKUP, DROPOFF)
_NUMBERS = (PICKUP_ZONE, DROPOFF_ZONE, DISTANCE)
_OPTIONAL = (TIP, PAYMENT)  # no ride needs them: they tell what some tasks predict
_PREFIXES = ("lpep_", "tpep_", "")  # green, yellow, and a file that is in our schema already


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or one synthetic month: its name, its rows, the SHA-256 of its bytes."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Trips:
    """Raw trips and where they are from.

    frame: one row a trip, index 0…n-1: pickup_datetime and dropoff_datetime (datetime64[us], New York's
    clock, NaT where missing), PULocationID, DOLocationID and trip_distance (numbers, NaN where missing); and
    tip_amount and payment_type (numbers) where the source has them.
    """

    frame: pd.DataFrame
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """The sources' names in one line."""
        return ", ".join(source.name for source in self.sources)


def read(spec: str, variable: str = "DATA", say: Say = lambda _line: None) -> Trips:
    """Return the trips of one or more parquet files, in the order given.

    spec: paths, globs, `https://` or `s3://` addresses, separated by spaces or commas. variable: what the
    user calls it; messages begin with it. say: is told in one line which account or endpoint `s3://` means.
    Raises DataError: nothing there, not parquet, a column missing or of another type, no row.
    """
    import pandas as pd

    frames, sources = [], []
    for location in locations(spec, variable, say):
        frame, sha256 = _read_one(location, variable)
        frames.append(frame)
        sources.append(Source(location, len(frame), sha256))
    return Trips(pd.concat(frames, ignore_index=True), tuple(sources))


def normalised(raw: pd.DataFrame, variable: str = "DATA", name: str = "these trips") -> pd.DataFrame:
    """Return green or yellow trips with the columns of `Trips.frame`, and no others.

    Raises DataError for a missing column, or one of another type.
    """
    import pyarrow as pa

    wanted = list(_columns_of(list(raw.columns), variable, name).values())
    with _faults_named(variable, name):
        table = pa.Table.from_pandas(raw[wanted], preserve_index=False)
    return _frame_of(table, variable, name)


def digest_of(frame: pd.DataFrame) -> str:
    """Return the SHA-256 over a frame's column names and values, for trips that no file holds."""
    digest = hashlib.sha256()
    for column in frame.columns:
        digest.update(str(column).encode())
        digest.update(frame[column].to_numpy().tobytes())
    return digest.hexdigest()


def _read_one(location: str, variable: str) -> tuple[pd.DataFrame, str]:
    import pyarrow.parquet as pq

    with opened(location, variable) as file:
        with _faults_named(variable, location):
            parquet = pq.ParquetFile(file)
            wanted = list(_columns_of(list(parquet.schema_arrow.names), variable, location).values())
            table = parquet.read(columns=wanted)
        if not len(table):
            raise DataError(f"{variable}: {location} has no rows; give a month that has trips")
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # IO[bytes] lacks readinto
    return _frame_of(table, variable, location), sha256


def _frame_of(table: Any, variable: str, name: str) -> pd.DataFrame:
    """Return a `pyarrow.Table`'s columns by our names, without what pandas noted of them (an index)."""
    import pandas as pd

    series = {}
    for column, theirs in _columns_of(table.column_names, variable, name).items():
        convert, wanted = (arrow.times, "times") if column in _TIMES else (arrow.numbers, "numbers")
        with _faults_named(variable, name, theirs):
            found = convert(table[theirs])
        if found is None and column in _OPTIONAL:
            continue
        if found is None:
            has = table[theirs].type
            raise DataError(
                f"{variable}: {name} has {has} in {theirs}, where {wanted} belong; convert that column"
            )
        series[column] = found
    return pd.DataFrame(series)


@contextmanager
def _faults_named(variable: str, name: str, column: str | None = None) -> Iterator[None]:
    """Arrow's, pandas' and Python's errors on a file's contents as one line that names file and column."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, NotImplementedError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        if column is None:
            what, mend = f"{name} is no whole parquet file", "download or export it again"
        else:
            what, mend = f"{name} has values in {column} that can't be read", "convert that column"
        raise DataError(f"{variable}: {what} ({reason}); {mend}") from None


def _columns_of(there: list[str], variable: str, name: str) -> dict[str, str]:
    """Our name -> the file's name of each column needed. Raises DataError for what is not there once."""
    prefix = next((p for p in _PREFIXES if p + PICKUP in there), _PREFIXES[0])
    columns = {column: prefix + column for column in _TIMES} | {column: column for column in _NUMBERS}
    missing = [column for column in columns.values() if column not in there]
    if missing:
        has = ", ".join(map(str, there)) or "no column"
        raise DataError(
            f"{variable}: {name} lacks {', '.join(missing)} (it has {has}); "
            "give TLC green or yellow trips, or rename the columns"
        )
    twice = [column for column in columns.values() if there.count(column) > 1]
    if twice:
        raise DataError(
            f"{variable}: {name} has more than one column {', '.join(twice)}; drop or rename the others"
        )
    return columns | {column: column for column in _OPTIONAL if there.count(column) == 1}
