"""Write predictions into parquet files; `manifest.json`, written last, tells which of them count."""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from threeways.batch import locations, record
from threeways.batch.chunk import name_of
from threeways.batch.ids import IdSet, keys_of
from threeways.batch.interval import Interval
from threeways.batch.layout import Layout
from threeways.batch.locations import Place
from threeways.batch.predictions_files import Entry, Manifest, Part, predictions_of, quarantine_of
from threeways.batch.record import Run
from threeways.batch.sink import Scores, joined
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
        other = next(
            (one.run.task for one in self._manifest.entries if one.run.task != layout.task.name), None
        )
        if other is not None:
            raise BatchError(
                f"{self.name} holds predictions of TASK={other}, and a folder those of one task; name "
                "another place, PREDICTIONS="
            )
        entries = [
            Entry(record.of(one.run, layout), one.predictions, one.quarantine)
            for one in self._manifest.entries
        ]
        self._manifest = Manifest(entries)

    def history(self) -> list[Run]:
        """Return the runs that came to their end, oldest first."""
        return [entry.run for entry in self._manifest.entries]

    @contextmanager
    def writing(self, interval: Interval | None, *, text_ids: bool) -> Iterator[ParquetWriter]:
        """Open a writer whose files count once the manifest names them; without `finish` they are removed."""
        entries = self._manifest.entries
        for entry in entries:
            done = entry.run.covered
            if (
                interval
                and done
                and done != interval
                and interval.start != interval.end
                and done.overlaps(interval)
            ):
                raise BatchError(
                    f"{self.name} has {done} already, which {interval} overlaps; give FROM= and TO= of that "
                    "interval to score it again, or another PREDICTIONS="
                )
        kept = [one for one in entries if interval is None or one.run.covered not in (interval, None)]
        text_ids = self._as_texts(kept, text_ids=text_ids)
        with tempfile.TemporaryDirectory() as scratch:
            writer = ParquetWriter(self._place, Path(scratch), self.layout, interval, kept, text_ids=text_ids)
            try:
                yield writer
                self._settle(writer)
            finally:
                if not writer.settled:
                    writer.discard()

    def _as_texts(self, kept: list[Entry], *, text_ids: bool) -> bool:
        """Whether ids are to be written as texts, as those that are kept may be. Raises BatchError."""
        part = next((part for entry in kept for part in entry.predictions), None)
        found = self._place.read(part.name) if part else None
        if found is None:
            return text_ids
        key = self.layout.id.name
        texts = is_text(pq.read_schema(io.BytesIO(found)).field(key).type)
        if text_ids and not texts:
            raise BatchError(
                f"{self.name} has predictions whose {key} is an integer, and those of EVENTS= are texts; "
                "name another place, PREDICTIONS="
            )
        return bool(texts)

    def _settle(self, writer: ParquetWriter) -> None:
        if writer.entry is None:
            return
        # What covers nothing has undated rows alone, and this run has met them anew.
        before, self._manifest = self._manifest, Manifest([*writer.kept, writer.entry])
        body = msgspec.json.format(msgspec.json.encode(self._manifest), indent=1)
        self._place.write(MANIFEST, body)
        writer.settled = True
        for name in before.files() - self._manifest.files():
            self._place.remove(name)


class ParquetWriter:
    """One run's files: a part for each chunk, under names that no other run has.

    kept: the entries of other intervals. Rows that were entered late become parts of the entry that they
    belong to, so that a later run of its interval replaces them too. A run by ids, without an interval,
    replaces nothing but the quarantine entry of a row that is mended. text_ids: whether ids are written as
    texts.
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
        self._place, self._scratch, self.text_ids = place, scratch, text_ids
        self._layout, self._by_ids = layout, interval is None
        self.kept, self._start = kept, interval.start if interval else None
        self._scored: set[str] = set()
        self._late: list[Scores] = []
        self._version: str | None = None
        self._written: list[str] = []
        self._known: dict[str, IdSet] = {}
        span = f"{_stamp(interval.start)}_{_stamp(interval.end)}" if interval else "ids"
        self._prefix = f"{span}_{secrets.token_hex(4)}"
        self._parts: dict[str, list[Part]] = {"predictions": [], "quarantine": []}
        self.entry: Entry | None = None
        self.settled = False

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:  # noqa: ARG002 - parquet holds all
        """See `Writer`."""
        return {}

    def write(self, scores: Scores, version: str | None) -> None:
        """Write a chunk's files; late rows wait for the end."""
        if self._by_ids and self.kept:
            self._scored |= self.quarantined(list(map(name_of, scores.ids)))
        if self._start is not None:
            scores = self._keep_late(scores, version, self._start)
        for kind, part in self._stored(scores, version):
            self._parts[kind].append(part)

    def adopt(self, kind: str, file: Path, rows: int) -> None:
        """Take a file that somebody else has written; kind: predictions or quarantine."""
        self._parts[kind].append(self._keep(kind, file, rows))

    def finish(self, run: Run) -> None:
        """Write the files that are begun; the manifest will name them."""
        if self._late:
            late = joined(self._late)
            self.kept = [self._with_late(entry, late) for entry in self.kept]
        if self._scored:
            self.kept = [self._released(entry) for entry in self.kept]
        self.entry = Entry(run, self._parts["predictions"], self._parts["quarantine"])

    def predicted(self, ids: Sequence[EventId]) -> NDArray[np.bool_]:
        """See `Known`."""
        return self._ids("predictions").holds(keys_of(list(map(str, ids)) if self.text_ids else ids))

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """See `Known`."""
        found = self._ids("quarantine").holds(keys_of(names))
        return {name for name, there in zip(names, found.tolist(), strict=True) if there}

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:  # noqa: ARG002 - it would read all
        """None: files are not added up."""
        return None

    def discard(self) -> None:
        """Remove what was written."""
        for name in self._written:
            self._place.remove(name)

    def _ids(self, kind: str) -> IdSet:
        """Return the ids in the files of the kept entries, read once."""
        if kind not in self._known:
            self._known[kind] = IdSet()
            for entry in self.kept:
                for part in entry.predictions if kind == "predictions" else entry.quarantine:
                    body = self._place.read(part.name)
                    if body is None:
                        raise BatchError(
                            f"{self._place.name}/{part.name} is gone, which {MANIFEST} names, so late rows "
                            "can't be told from those with a prediction; put it back, or give LOOKBACK=0"
                        )
                    key = self._layout.id.name
                    column = pq.read_table(pa.BufferReader(body), columns=[key])[key]
                    self._known[kind].add(np.sort(keys_of(column.to_pylist())))
        return self._known[kind]

    def _keep_late(self, scores: Scores, version: str | None, start: datetime) -> Scores:
        """Set the chunk's late rows aside; the rest of it."""
        early = scores.time < np.datetime64(start)
        late = [one for one in scores.refused if one.time and one.time < start]
        if not (late or early.any()):
            return scores
        self._late.append(replace(scores.only(np.flatnonzero(early)), refused=late))
        self._version = version
        rest = [one for one in scores.refused if one not in late]
        return replace(scores.only(np.flatnonzero(~early)), refused=rest)

    def _with_late(self, entry: Entry, scores: Scores) -> Entry:
        """Return the entry with those of the late rows that lie in it, as further parts."""
        inside = entry.run.covered
        if inside is None:
            return entry
        rows = np.flatnonzero(inside.mask(scores.time))
        refused = [one for one in scores.refused if one.time and inside.holds(one.time)]
        parts = {"predictions": list(entry.predictions), "quarantine": list(entry.quarantine)}
        for kind, part in self._stored(replace(scores.only(rows), refused=refused), self._version):
            parts[kind].append(part)
        return Entry(entry.run, parts["predictions"], parts["quarantine"])

    def _released(self, entry: Entry) -> Entry:
        """Return the entry without the quarantine's rows that have been mended and have a prediction now."""
        parts, key = list[Part](), self._layout.id.name
        for part in entry.quarantine:
            table = pq.read_table(pa.BufferReader(self._place.read(part.name) or b""))
            rest = table.filter(pa.array([one not in self._scored for one in table[key].to_pylist()]))
            if len(rest) == len(table):
                parts.append(part)
            elif len(rest):
                file = self._scratch / "quarantine.parquet"
                pq.write_table(rest, file, compression="zstd")
                parts.append(self._keep("quarantine", file, len(rest)))
        return Entry(entry.run, entry.predictions, parts)

    def _stored(self, scores: Scores, version: str | None) -> Iterator[tuple[str, Part]]:
        """Write the files of some rows: kind and part of each."""
        tables = {}
        if len(scores.ids):
            tables["predictions"] = predictions_of(scores, version, self._layout, text_ids=self.text_ids)
        if scores.refused:
            tables["quarantine"] = quarantine_of(scores.refused, self._layout)
        for kind, table in tables.items():
            file = self._scratch / f"{kind}.parquet"
            pq.write_table(table, file, compression="zstd")
            yield kind, self._keep(kind, file, len(table))

    def _keep(self, kind: str, file: Path, rows: int) -> Part:
        name = f"{kind}_{self._prefix}_{len(self._written):05d}.parquet"
        self._written.append(name)
        self._place.keep(name, file)
        return Part(name, rows)


def _stamp(moment: datetime | None) -> str:
    return "first" if moment is None else f"{moment:%Y%m%dT%H%M%S}"
