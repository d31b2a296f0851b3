"""TLC trip files, green or yellow, read into one schema: only the columns that a ride needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threeways.errors import DataError
from threeways.trips.sources import Say, locations, opened

if TYPE_CHECKING:
    import pandas as pd

PICKUP, DROPOFF = "pickup_datetime", "dropoff_datetime"
PICKUP_ZONE, DROPOFF_ZONE, DISTANCE = "PULocationID", "DOLocationID", "trip_distance"
_TIMES = (PICKUP, DROPOFF)
_NUMBERS = (PICKUP_ZONE, DROPOFF_ZONE, DISTANCE)
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
    clock, NaT where missing), PULocationID, DOLocationID and trip_distance (numbers, NaN where missing).
    """

    frame: pd.DataFrame
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """The sources' names in one line."""
        return ", ".join(source.name for source in self.sources)


def read(spec: str, variable: str = "DATA", say: Say = lambda _line: None) -> Trips:
    """The trips of one or more parquet files, in the order given.

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
    """Green or yellow trips with the columns of `Trips.frame`, and no others.

    Raises DataError for a missing column, or one of another type.
    """
    columns = _columns_of(list(raw.columns), variable, name)
    frame = raw[list(columns.values())].set_axis(list(columns), axis=1).reset_index(drop=True)
    for column in _TIMES:
        if frame[column].dtype.kind != "M":
            raise _wrong_type(variable, name, columns[column], frame[column].dtype, "times")
        if getattr(frame[column].dtype, "tz", None) is not None:
            frame[column] = frame[column].dt.tz_convert("America/New_York").dt.tz_localize(None)
        frame[column] = frame[column].astype("datetime64[us]")
    for column in _NUMBERS:
        if frame[column].dtype.kind not in "iuf":
            raise _wrong_type(variable, name, columns[column], frame[column].dtype, "numbers")
        if frame[column].hasnans:
            frame[column] = frame[column].astype("float64")
    return frame


def digest_of(frame: pd.DataFrame) -> str:
    """The SHA-256 over a frame's column names and values, for trips that no file holds."""
    digest = hashlib.sha256()
    for column in frame.columns:
        digest.update(str(column).encode())
        digest.update(frame[column].to_numpy().tobytes())
    return digest.hexdigest()


def _read_one(location: str, variable: str) -> tuple[pd.DataFrame, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(location, variable) as file:
        try:
            parquet = pq.ParquetFile(file)
            names = list(parquet.schema_arrow.names)
            wanted = list(_columns_of(names, variable, location).values())
            raw = parquet.read(columns=wanted).to_pandas()
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"{variable}: {location} is no whole parquet file ({reason}); download or export it again"
            ) from None
        if not len(raw):
            raise DataError(f"{variable}: {location} has no rows; give a month that has trips")
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # IO[bytes] lacks readinto
    return normalised(raw, variable, location), sha256


def _columns_of(there: list[str], variable: str, name: str) -> dict[str, str]:
    """Our name -> the file's name of each column needed. Raises DataError, naming what is not there."""
    prefix = next((p for p in _PREFIXES if p + PICKUP in there), _PREFIXES[0])
    columns = {column: prefix + column for column in _TIMES} | {column: column for column in _NUMBERS}
    missing = [column for column in columns.values() if column not in there]
    if missing:
        has = ", ".join(map(str, there)) or "no column"
        raise DataError(
            f"{variable}: {name} lacks {', '.join(missing)} (it has {has}); "
            "give TLC green or yellow trips, or rename the columns"
        )
    return columns


def _wrong_type(variable: str, name: str, column: str, dtype: Any, wanted: str) -> DataError:
    return DataError(
        f"{variable}: {name} has {dtype} in {column}, where {wanted} belong; convert that column"
    )
