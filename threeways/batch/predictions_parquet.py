"""Predictions into parquet files; which of them count is told by `manifest.json`, written last."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from threeways.batch import places
from threeways.batch.interval import Interval
from threeways.batch.places import Place
from threeways.batch.record import Run
from threeways.batch.sink import Scores
from threeways.errors import BatchError

MANIFEST = "manifest.json"
_REFUSED = pa.schema(
    [
        ("ride_id", pa.string()),
        ("pickup_datetime", pa.timestamp("us")),
        ("payload", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
    ]
)


class Part(msgspec.Struct, frozen=True):
    """One file beside the manifest, and its rows."""

    name: str
    rows: int


class Entry(msgspec.Struct, frozen=True):
    """One interval that is done: its run, and its files. A file that no entry names does not count."""

    run: Run
    predictions: list[Part]
    quarantine: list[Part]


class Manifest(msgspec.Struct, frozen=True):
    """The whole folder: its entries, oldest first; their intervals do not overlap."""

    entries: list[Entry] = []


@contextmanager
def opened(address: str) -> Iterator[ParquetSink]:
    """The folder at a path or `s3://bucket/prefix`, held for this run alone. Raises BatchError."""
    with places.opened(address) as place:
        yield ParquetSink(place)


class ParquetSink:
    """A folder of parquet files and its manifest."""

    replaces_rows = False

    def __init__(self, place: Place) -> None:
        self._place = place
        self.name = place.name
        found = place.read(MANIFEST)
        try:
            self._manifest = msgspec.json.decode(found, type=Manifest) if found else Manifest()
        except msgspec.DecodeError as error:
            raise BatchError(
                f"{self.name}/{MANIFEST} is no manifest ({error}); name another folder"
            ) from None

    def history(self) -> list[Run]:
        """The runs that came to their end, oldest first."""
        return [entry.run for entry in self._manifest.entries]

    @contextmanager
    def writing(self, interval: Interval, *, text_ids: bool) -> Iterator[ParquetWriter]:
        """A writer whose files count once the manifest names them; without `finish` they are removed."""
        for entry in self._manifest.entries:
            done = entry.run.covered
            if done and done != interval and interval.start != interval.end and done.overlaps(interval):
                raise BatchError(
                    f"{self.name} has {done} already, which {interval} overlaps; give FROM= and TO= of that "
                    "interval to score it again, or another PREDICTIONS="
                )
        with tempfile.TemporaryDirectory() as scratch:
            writer = ParquetWriter(self._place, Path(scratch), interval, text_ids=text_ids)
            try:
                yield writer
                self._settle(writer, interval)
            finally:
                if not writer.settled:
                    writer.discard()

    def _settle(self, writer: ParquetWriter, interval: Interval) -> None:
        if writer.entry is None:
            return
        # What covers nothing has undated rows alone, and this run has met them anew.
        old = [entry for entry in self._manifest.entries if entry.run.covered in (interval, None)]
        kept = [entry for entry in self._manifest.entries if entry not in old]
        self._manifest = Manifest([*kept, writer.entry])
        body = msgspec.json.format(msgspec.json.encode(self._manifest), indent=1)
        self._place.write(MANIFEST, body)
        writer.settled = True
        for entry in old:
            for part in (*entry.predictions, *entry.quarantine):
                self._place.remove(part.name)


class ParquetWriter:
    """One run's files: a part for each chunk, under names that no other run has."""

    def __init__(self, place: Place, scratch: Path, interval: Interval, *, text_ids: bool) -> None:
        self._place, self._scratch, self._text_ids = place, scratch, text_ids
        self._prefix = f"{_stamp(interval.start)}_{_stamp(interval.end)}_{secrets.token_hex(4)}"
        self._parts: dict[str, list[Part]] = {"predictions": [], "quarantine": []}
        self.entry: Entry | None = None
        self.settled = False

    def write(self, scores: Scores, version: str | None) -> None:
        """Write a chunk's files."""
        if len(scores.ids):
            self._keep("predictions", self._predictions(scores, version))
        if scores.refused:
            rows: list[dict[str, Any]] = [msgspec.structs.asdict(one) for one in scores.refused]
            self._keep("quarantine", pa.Table.from_pylist(rows, schema=_REFUSED))

    def adopt(self, kind: str, file: Path, rows: int) -> None:
        """Take a file that somebody else has written; kind: predictions or quarantine."""
        name = f"{kind}_{self._prefix}_{len(self._parts[kind]):05d}.parquet"
        self._parts[kind].append(Part(name, rows))
        self._place.keep(name, file)

    def finish(self, run: Run) -> None:
        """The files are all written; the manifest will name them."""
        self.entry = Entry(run, self._parts["predictions"], self._parts["quarantine"])

    def discard(self) -> None:
        """Remove what was written."""
        for parts in self._parts.values():
            for part in parts:
                self._place.remove(part.name)

    def _predictions(self, scores: Scores, version: str | None) -> Any:
        rows = len(scores.ids)
        return pa.table(
            {
                "ride_id": pa.array(scores.ids, pa.string() if self._text_ids else pa.int64()),
                "pickup_datetime": pa.array(scores.pickup, pa.timestamp("us")),
                "ride_duration": pa.array(np.asarray(scores.minutes), pa.float64()),
                "flags": pa.array(scores.flags, pa.string()),
                "model_version": pa.array([version] * rows, pa.string()),
            }
        )

    def _keep(self, kind: str, table: Any) -> None:
        file = self._scratch / f"{kind}.parquet"
        pq.write_table(table, file, compression="zstd")
        self.adopt(kind, file, len(table))


def _stamp(moment: datetime | None) -> str:
    return "first" if moment is None else f"{moment:%Y%m%dT%H%M%S}"
