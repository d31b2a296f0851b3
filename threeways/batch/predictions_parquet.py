"""Write predictions into parquet files; `manifest.json`, written last, tells which of them count."""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from threeways.batch import locations, record
from threeways.batch.chunk import name_of
from threeways.batch.ids import IdSet, keys_of
from threeways.batch.interval import Interval
from threeways.batch.intervals import possible
from threeways.batch.layout import Layout
from threeways.batch.locations import Place
from threeways.batch.predictions_files import Entry, Manifest, Part, tables_of
from threeways.batch.record import Run
from threeways.batch.sink import Scores
from threeways.batch.values import is_text
from threeways.errors import BatchError, PermanentError
from threeways.scoring.task import EventId

MANIFEST = "manifest.json"


@contextmanager
def opened(address: str, layout: Layout) -> Iterator[ParquetSink]:
    """Open the folder at a path or `s3://bucket/prefix` for this run alone. Raises BatchError."""
    with locations.opened(address) as place:
        yield ParquetSink(place, layout)


class ParquetSink:
    """A folder of parquet files of one task, and its manifest."""

    replaces_rows = False

    def __init__(self, place: Place, layout: Layout) -> None:
        self._place, self.layout = place, layout
        self.name = place.name
        found = place.read(MANIFEST)
        try:
            self._manifest = msgspec.json.decode(found, type=Manifest) if found else Manifest()
        except msgspec.DecodeError as error:
            raise BatchError(
                f"{self.name}/{MANIFEST} is no manifest ({error}); name another folder"
            ) from None
        for other in {one.run.task for one in self._manifest.entries} - {layout.task.name}:
            raise BatchError(
                f"{self.name} holds predictions of TASK={other}, and a folder those of one task; name "
                "another place, PREDICTIONS="
            )

    def history(self) -> list[Run]:
        """Return the runs that came to their end, oldest first."""
        return [record.of(entry.run, self.layout) for entry in self._manifest.entries]

    def take(self, layout: Layout) -> None:
        """See `Sink`."""
        self.layout = layout

    @contextmanager
    def writing(self, interval: Interval | None, *, text_ids: bool) -> Iterator[ParquetWriter]:
        """Open a writer whose files count once the manifest names them; without `finish` they are removed."""
        kept = []
        for run, entry in zip(self.history(), self._manifest.entries, strict=True):
            done = run.covered
            if interval and done in (interval, None):
                continue
            kept.append(Entry(run, [*entry.predictions], [*entry.quarantine]))
            if interval and done and done.between(interval.start, interval.end):
                raise BatchError(
                    f"{self.name} has {done} already, which {interval} overlaps; give FROM= and TO= of that "
                    "interval to score it again, or another PREDICTIONS="
                )
        text_ids = self._alike(kept, text_ids=text_ids)
        with tempfile.TemporaryDirectory() as scratch:
            writer = ParquetWriter(self._place, Path(scratch), self.layout, interval, kept, text_ids=text_ids)
            try:
                yield writer
            finally:
                for name in () if writer.finished else writer.written:
                    self._place.remove(name)
        if writer.finished:
            for name in self._manifest.files() - writer.finished.files():
                self._place.remove(name)

    def _alike(self, kept: list[Entry], *, text_ids: bool) -> bool:
        """Whether ids are to be written as texts, as those that are kept may be.

        Raises BatchError where what is kept has other columns.
        """
        part = next((part for entry in kept for part in entry.predictions), None)
        found = self._place.read(part.name) if part else None
        if found is None:
            return text_ids
        key, schema = self.layout.id.name, pq.read_schema(io.BytesIO(found))
        ours, none = self.layout.written, Scores.none(self.layout)
        wanted = tables_of(none, None, self.layout, text_ids=text_ids)["predictions"].schema
        others = {*schema.names} ^ {*wanted.names}
        others -= possible(self.layout)
        others |= {
            one
            for one in {*ours} & {*schema.names} - others
            if schema.field(one).type != wanted.field(one).type
        }
        if others:
            raise BatchError(
                f"{self.name} has predictions of another output: {', '.join(sorted(others))} differ; name "
                "another place, PREDICTIONS="
            )
        texts = is_text(schema.field(key).type)
        if text_ids and not texts:
            raise BatchError(
                f"{self.name} has predictions whose {key} is an integer, and those of EVENTS= are texts; "
                "name another place, PREDICTIONS="
            )
        return bool(texts)


class ParquetWriter:
    """One run's files: a part for each chunk, under names that no other run has.

    kept: the entries of other intervals. Rows that were entered late become parts of the entry that they
    belong to, so that a later run of its interval replaces them too. A run by ids, without an interval,
    replaces nothing but the quarantine entry of a row that is mended. text_ids: whether ids are written as
    texts. written: the names of its files. finished: the manifest that names them, once it is written.
    """

    def __init__(
        self,
        place: Place,
        scratch: Path,
        layout: Layout,
        interval: Interval | None,
        kept: list[Entry],
        *,
        text_ids: bool,
    ) -> None:
        self._place, self._scratch, self._layout, self._kept = place, scratch, layout, kept
        self._interval, self.text_ids = interval, text_ids
        self._scored: set[str] = set()
        self._known: dict[str, IdSet] = {}
        self._parts: dict[str, list[Part]] = {"predictions": [], "quarantine": []}
        self._late: dict[str, list[Any]] = {"predictions": [], "quarantine": []}
        span = f"{_stamp(interval.start)}_{_stamp(interval.end)}" if interval else "ids"
        self._prefix = f"{span}_{secrets.token_hex(4)}"
        self.written: list[str] = []
        self.finished: Manifest | None = None

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:  # noqa: ARG002 - parquet holds all
        """See `Writer`."""
        return {}

    def write(self, scores: Scores, version: str | None) -> None:
        """Write a chunk's files; late rows wait for the end."""
        if self._interval is None and self._kept:
            self._scored |= self.quarantined(list(map(name_of, scores.ids)))
        for kind, table in tables_of(scores, version, self._layout, text_ids=self.text_ids).items():
            rest = table
            if self._interval and self._interval.start:
                late = pc.less(table[self._layout.time_name], pa.scalar(self._interval.start)).fill_null(
                    False
                )
                if pc.any(late).as_py():
                    self._late[kind].append(table.filter(late))
                    rest = table.filter(pc.invert(late))
            self.add(kind, rest)

    def add(self, kind: str, table: Any) -> None:
        """Write a table's file; kind: predictions or quarantine."""
        self._store(kind, table, self._parts[kind])

    def finish(self, run: Run) -> None:
        """Write the files that are begun, and the manifest that names them all."""
        for entry in self._kept:
            self._add_late(entry)
            if self._scored:
                self._release(entry)
        # What covers nothing has undated rows alone, and this run has met them anew.
        manifest = Manifest([*self._kept, Entry(run, **self._parts)])
        self._place.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        self.finished = manifest

    def predicted(self, ids: Sequence[EventId]) -> NDArray[np.bool_]:
        """See `Writer`."""
        return self._ids("predictions").holds(keys_of(list(map(str, ids)) if self.text_ids else ids))

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """See `Writer`."""
        found = self._ids("quarantine").holds(keys_of(names))
        return {name for name, there in zip(names, found.tolist(), strict=True) if there}

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:  # noqa: ARG002 - it would read all
        """None: files are not added up."""
        return None

    def _ids(self, kind: str) -> IdSet:
        """Return the ids in the files of the kept entries, read once."""
        if kind not in self._known:
            self._known[kind] = IdSet()
            for part in [part for entry in self._kept for part in entry.parts()[kind]]:
                key = self._layout.id.name
                self._known[kind].add(np.sort(keys_of(self._read(part, [key])[key].to_pylist())))
        return self._known[kind]

    def _read(self, part: Part, columns: list[str] | None = None) -> Any:
        body = self._place.read(part.name)
        if body is None:
            raise BatchError(
                f"{self._place.name}/{part.name} is gone, which {MANIFEST} names, so late rows "
                "can't be told from those with a prediction; put it back, or give LOOKBACK=0"
            )
        return pq.read_table(pa.BufferReader(body), columns=columns)

    def _add_late(self, entry: Entry) -> None:
        """Store those of the late rows that lie in the entry's interval, as further parts of it."""
        for kind, tables in self._late.items():
            if tables and (inside := entry.run.covered):
                late = pa.concat_tables(tables)
                times = late[self._layout.time_name].to_numpy()
                self._store(kind, late.filter(pa.array(inside.mask(times))), entry.parts()[kind])

    def _release(self, entry: Entry) -> None:
        """Leave out the quarantine's rows that have been mended and have a prediction now."""
        for part in list(entry.quarantine):
            table = self._read(part)
            rest = table.filter(pc.invert(pc.is_in(table[self._layout.id.name], pa.array(self._scored))))
            if len(rest) < len(table):
                entry.quarantine.remove(part)
                self._store("quarantine", rest, entry.quarantine)

    def _store(self, kind: str, table: Any, parts: list[Part]) -> None:
        """Write a table's rows, if there are any, to a file that is one of the parts."""
        if len(table):
            file = self._scratch / f"{kind}.parquet"
            pq.write_table(table, file, compression="zstd")
            name = f"{kind}_{self._prefix}_{len(self.written):05d}.parquet"
            self.written.append(name)
            self._place.keep(name, file)
            parts.append(Part(name, len(table)))


def _stamp(moment: datetime | None) -> str:
    return "first" if moment is None else f"{moment:%Y%m%dT%H%M%S}"
