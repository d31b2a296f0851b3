"""Read events from parquet files, with ids of their own or numbered, on disk, `https://` or S3."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from threeways.aws import s3_files as s3
from threeways.aws.files import Say, locations
from threeways.aws.files import opened as opened_file
from threeways.batch.chunk import Chunk
from threeways.batch.columns import Rows
from threeways.batch.interval import Interval
from threeways.batch.layout import Layout
from threeways.batch.leaf import id_kinds_of
from threeways.batch.values import Values, is_text
from threeways.errors import DataError
from threeways.masking import masked


@contextmanager
def opened(spec: str, say: Say, layout: Layout) -> Iterator[ParquetSource]:
    """Open the files that `spec` names, as `aws.files.locations` reads it. Raises DataError."""
    spec = s3.plain(spec)
    yield ParquetSource(locations(spec, "EVENTS", say), spec, layout)


class File(NamedTuple):
    """names: key -> the file's name of each column. first: its first row's number."""

    place: str
    names: dict[str, str]
    first: int


class ParquetSource:
    """Files in the order of their names' list.

    Without a column of ids an event's is its row's number in all the files, from 0, so the list must only
    grow at its end. Row groups bound the memory, not files.
    """

    def __init__(self, places: list[str], spec: str, layout: Layout) -> None:
        self._layout = layout
        path = Path(spec.strip()).expanduser()
        self.name = masked(spec) if "://" in spec or " " in spec.strip() else str(path.absolute())
        self.files, texts, first = list[File](), [], 0
        for place in places:
            with _file(place) as file:
                names = _names(file.schema_arrow, place, layout)
                texts.append(_text_ids(file.schema_arrow, place, names.get(layout.id.name)))
                self.files.append(File(place, names, first))
                first += file.metadata.num_rows
        self._rows = first
        if None in texts and set(texts) != {None}:
            raise DataError(
                f"EVENTS: some of {spec} have {layout.id.name} and some have not; give it to all or to none"
            )
        text, kinds = True in texts, id_kinds_of(layout.id)  # where kinds mix, integers become texts
        self.text_ids = text if text in kinds else not text
        self.owned = None not in texts
        self.ids_in_order = not self.owned

    def count(self, interval: Interval | None) -> int:  # noqa: ARG002 - a file does not know its rows' intervals
        """Return how many rows the files have."""
        return self._rows

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:  # noqa: ARG002 - it would read all
        """None: a run goes over all rows anyway."""
        return None

    def chunks(self, interval: Interval | None, size: int) -> Generator[Chunk]:
        """Yield the interval's events; a row whose time can't be told belongs to every interval."""
        layout = self._layout
        for place, names, first in self.files:
            with _file(place) as file:
                number = first
                try:
                    for batch in file.iter_batches(batch_size=size, columns=sorted(set(names.values()))):
                        values = Values(_table(batch, names, number, layout.id.name), layout.zone)
                        yield Rows(values, layout, text_ids=self.text_ids).chunk(interval)
                        number += len(batch)
                except (pa.ArrowException, OSError) as error:
                    reason = " ".join(str(error).split())[:200]
                    raise DataError(f"EVENTS: {place} is damaged ({reason}); export it again") from None


def _table(batch: Any, names: dict[str, str], first: int, key: str) -> dict[str, Any]:
    """Return the batch's columns by their keys, with ids."""
    taken = {ours: batch.column(theirs) for ours, theirs in names.items()}
    if key not in taken:
        taken[key] = pa.array(np.arange(first, first + len(batch)))
    return taken


@contextmanager
def _file(place: str) -> Iterator[Any]:
    with _bytes(place) as file:
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"EVENTS: {place} is no whole parquet file ({reason}); download or export it again"
            ) from None
        with parquet:
            yield parquet


@contextmanager
def _bytes(place: str) -> Iterator[IO[bytes]]:
    """Return a file on disk as it is; what is elsewhere as a file on disk, not in memory."""
    if "://" not in place:
        with opened_file(place, "EVENTS") as file:
            yield file
        return
    with tempfile.TemporaryFile() as here:
        if place.startswith("s3://"):
            s3.download(place, "EVENTS", here)
        else:
            here.write(opened_file(place, "EVENTS").read())
        here.seek(0)
        yield here


def _text_ids(schema: Any, place: str, column: str | None) -> bool | None:
    """Return whether a file's ids are texts, None where it has none. Raises DataError: they are no ids."""
    if column is None:
        return None
    kind = schema.field(column).type
    text = is_text(kind)
    if text is None:
        raise DataError(
            f"EVENTS: {column} of {place} is {kind}, and an id is an integer or a text; export it as one"
        )
    return text


def _names(schema: Any, place: str, layout: Layout) -> dict[str, str]:
    """Return key -> the file's name of each column (see `Layout.wanted`). Raises DataError for a missing one.

    The id's may lack, unless ID= names it or the model takes it.
    """
    needs_id = layout.naming.id is not None or layout.id_is_feature
    there = list(schema.names)
    wanted = {one: layout.prefixed(one, there) for one in layout.wanted}
    missing = [
        name
        for one, name in wanted.items()
        if name not in there and (needs_id if one.key == layout.id.name else one.required)
    ]
    if missing:
        raise DataError(
            f"EVENTS: {place} lacks {', '.join(missing)} (it has {', '.join(there)}); give files with these "
            "columns, or rename them"
        )
    found = {one.key: name for one, name in wanted.items() if name in there}
    twice = [name for name in dict.fromkeys(found.values()) if there.count(name) > 1]
    if twice:
        raise DataError(f"EVENTS: {place} has {', '.join(twice)} more than once; export it with one of each")
    return found
