"""Rides from parquet files, TLC's or with a ride_id of their own, on disk, `https://` or S3."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from threeways.batch.arrow import columns, is_text
from threeways.batch.chunk import FIELDS, Chunk
from threeways.batch.interval import Interval
from threeways.errors import DataError
from threeways.systems.taxi.trips import s3
from threeways.systems.taxi.trips.sources import Say, locations
from threeways.systems.taxi.trips.sources import opened as opened_file

ID, PICKUP, DROPOFF = "ride_id", "pickup_datetime", "dropoff_datetime"
_PREFIXES = ("lpep_", "tpep_", "")


@contextmanager
def opened(spec: str, say: Say) -> Iterator[ParquetSource]:
    """The rides of the files that `spec` names, as `trips.sources.locations` reads it. Raises DataError."""
    spec = s3.plain(spec)
    yield ParquetSource(locations(spec, "RIDES", say), spec)


class ParquetSource:
    """Files in the order of their names' list.

    A ride without a ride_id column has its row's number in all the files, from 0, so the list must only grow
    at its end. Row groups bound the memory, not files.
    """

    def __init__(self, places: list[str], spec: str) -> None:
        self._places = places
        path = Path(spec.strip()).expanduser()
        self.name = spec if "://" in spec or " " in spec.strip() else str(path.absolute())
        texts = []
        for place in places:
            with _file(place) as file:
                texts.append(_has_text_ids(file.schema_arrow, place))
        if None in texts and set(texts) != {None}:
            raise DataError(
                f"RIDES: some of {spec} have ride_id and some have not; give it to all or to none"
            )
        self.text_ids = True in texts  # where kinds mix, integers become texts
        self.owned = None not in texts
        self.ids_in_order = not self.owned

    def count(self, interval: Interval) -> int:  # noqa: ARG002 - a file does not know its rows' intervals
        """How many rows the files have."""
        total = 0
        for place in self._places:
            with _file(place) as file:
                total += file.metadata.num_rows
        return total

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:  # noqa: ARG002 - it would read all
        """None: a run goes over all rows anyway."""
        return None

    def files(self) -> Iterator[tuple[str, dict[str, str], int]]:
        """Each file: its place, our name -> its name of each column, and its first row's number."""
        first = 0
        for place in self._places:
            with _file(place) as file:
                yield place, _names(file.schema_arrow, place), first
                first += file.metadata.num_rows

    def chunks(self, interval: Interval, size: int) -> Generator[Chunk]:
        """The interval's rides; a row whose pickup can't be told belongs to every interval."""
        first = 0
        for place in self._places:
            with _file(place) as file:
                names = _names(file.schema_arrow, place)
                try:
                    for batch in file.iter_batches(batch_size=size, columns=sorted(set(names.values()))):
                        yield columns(_table(batch, names, first), text_ids=self.text_ids).chunk(interval)
                        first += len(batch)
                except (pa.ArrowException, OSError) as error:
                    reason = " ".join(str(error).split())[:200]
                    raise DataError(f"RIDES: {place} is damaged ({reason}); export it again") from None


def _table(batch: Any, names: dict[str, str], first: int) -> Any:
    """The batch by our names, ride_id first; dropoff_datetime is null where there is none."""
    taken = {ours: batch.column(theirs) for ours, theirs in names.items()}
    if ID not in taken:
        taken[ID] = pa.array(np.arange(first, first + len(batch)))
    if DROPOFF not in taken:
        taken[DROPOFF] = pa.nulls(len(batch), pa.timestamp("us"))
    return pa.table({name: taken[name] for name in (ID, *FIELDS, DROPOFF)})


@contextmanager
def _file(place: str) -> Iterator[Any]:
    with _bytes(place) as file:
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"RIDES: {place} is no whole parquet file ({reason}); download or export it again"
            ) from None
        with parquet:
            yield parquet


@contextmanager
def _bytes(place: str) -> Iterator[IO[bytes]]:
    """A file on disk as it is; what is elsewhere as a file on disk, not in memory."""
    if "://" not in place:
        with opened_file(place, "RIDES") as file:
            yield file
        return
    with tempfile.TemporaryFile() as here:
        if place.startswith("s3://"):
            s3.download(place, "RIDES", here)
        else:
            here.write(opened_file(place, "RIDES").read())
        here.seek(0)
        yield here


def _has_text_ids(schema: Any, place: str) -> bool | None:
    """Whether a file's ids are texts; None where it has none. Raises DataError where they are no ids."""
    if ID not in _names(schema, place):
        return None
    kind = schema.field(ID).type
    text = is_text(kind)
    if text is None:
        raise DataError(
            f"RIDES: ride_id of {place} is {kind}, and an id is an integer or a text; export it as one"
        )
    return text


def _names(schema: Any, place: str) -> dict[str, str]:
    """Our name -> the file's, of each column. Raises DataError for a missing one."""
    there = list(schema.names)
    prefix = next((one for one in _PREFIXES if one + PICKUP in there), "")
    wanted = {name: (prefix + name if name == PICKUP else name) for name in FIELDS}
    missing = [name for name in wanted.values() if name not in there]
    if missing:
        raise DataError(
            f"RIDES: {place} lacks {', '.join(missing)} (it has {', '.join(there)}); give TLC trips, or "
            "rename its columns"
        )
    optional = {ID: ID, DROPOFF: prefix + DROPOFF}
    found = wanted | {ours: theirs for ours, theirs in optional.items() if theirs in there}
    twice = [name for name in found.values() if there.count(name) > 1]
    if twice:
        raise DataError(f"RIDES: {place} has {', '.join(twice)} more than once; export it with one of each")
    return found
