"""Predictions into a database: a run is one transaction, so all of it is there or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import batched
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from threeways.batch import encoding, upsert
from threeways.batch import engine as engines
from threeways.batch.chunk import MODULUS
from threeways.batch.interval import Interval
from threeways.batch.record import Run
from threeways.batch.sink import Scores
from threeways.errors import BatchError, PermanentError
from threeways.scoring.task import EventId

PREDICTIONS, QUARANTINE, RUNS = "ride_predictions", "ride_quarantine", "batch_runs"
_AT_ONCE = 10_000  # both databases take more parameters than these in one statement


@contextmanager
def opened(url: str) -> Iterator[DatabaseSink]:
    """The predictions database, held for this run alone; what is not there is made. Raises BatchError."""
    engine = engines.connect(url, "PREDICTIONS", BatchError)
    try:
        if path := engines.sqlite_file(engine.url):
            path.parent.mkdir(parents=True, exist_ok=True)
        with (
            engines.faults(f"PREDICTIONS={engines.shown(engine)}", BatchError),
            engine.connect() as connection,
            engines.alone(engine, connection),
        ):
            yield DatabaseSink(engine, connection)
    finally:
        engine.dispose()


class DatabaseSink:
    """Three tables: ride_predictions, ride_quarantine and batch_runs.

    A row depends on the ride and the model alone, so a run that is repeated leaves equal rows.
    """

    replaces_rows = True

    def __init__(self, engine: sa.Engine, connection: sa.Connection) -> None:
        self._connection = connection
        self.name = engines.shown(engine)
        if engine.dialect.name == "sqlite":
            # Others may read while the run's transaction writes (sqlite.org/wal.html).
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        _tables(text_ids=False).tables[RUNS].create(connection, checkfirst=True)
        connection.commit()

    def history(self) -> list[Run]:
        """The runs that came to their end, oldest first."""
        runs = _tables(text_ids=False).tables[RUNS]
        found = self._connection.execute(sa.select(runs.c.run).order_by(runs.c.id)).scalars().all()
        self._connection.commit()
        return [msgspec.json.decode(one, type=Run) for one in found]

    @contextmanager
    def writing(self, interval: Interval, *, text_ids: bool) -> Iterator[DatabaseWriter]:
        """A writer whose rows are seen by others once its run is finished, and never if it is not."""
        tables = self._created(text_ids=text_ids)
        with self._connection.begin():
            writer = DatabaseWriter(self._connection, tables, interval, text_ids=text_ids)
            yield writer
            if not writer.finished:
                self._connection.rollback()

    def _created(self, *, text_ids: bool) -> sa.MetaData:
        """The tables, made where they lack. A table of texts takes integers too, and not the reverse."""
        connection = self._connection
        _tables(text_ids=text_ids).create_all(connection)
        kind = next(
            one["type"]
            for one in sa.inspect(connection).get_columns(PREDICTIONS)
            if one["name"].lower() == "ride_id"
        )
        tables = _tables(text_ids=not isinstance(kind, sa.Integer | sa.Numeric))
        predictions = tables.tables[PREDICTIONS]
        if text_ids and isinstance(predictions.c.ride_id.type, sa.BigInteger):
            if connection.scalar(sa.select(sa.exists(sa.select(predictions)))):
                raise BatchError(
                    f"{self.name}: the ride_id of {PREDICTIONS} is an integer, those of RIDES= are texts; "
                    f"name another place, PREDICTIONS=, or rename the table {PREDICTIONS}"
                )
            predictions.drop(connection)  # made by runs that found no ride
            tables = _tables(text_ids=True)
            tables.create_all(connection)
        connection.commit()
        return tables


class DatabaseWriter:
    """Replaces the interval's rows, inside one transaction."""

    def __init__(
        self, connection: sa.Connection, tables: sa.MetaData, interval: Interval, *, text_ids: bool
    ) -> None:
        self._connection = connection
        self._tables = tables.tables
        self._text_ids = text_ids
        self._texts = encoding.of(connection)
        self.finished = False
        for name in (PREDICTIONS, QUARANTINE):
            pickup = self._tables[name].c.pickup_datetime
            inside = _inside(self._tables[name], interval)
            unread = [pickup.is_(None)] if name == QUARANTINE else []  # such a row belongs to every interval
            connection.execute(sa.delete(self._tables[name]).where(sa.or_(sa.and_(*inside), *unread)))

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:
        """See `Writer`."""
        return self._texts.unfit(ids) if self._text_ids else {}

    def write(self, scores: Scores, version: str | None) -> None:
        """Insert a chunk; a ride that has moved here from another interval leaves its old row."""
        if len(scores.ids):
            upsert.predictions(self._connection, self._tables[PREDICTIONS], scores, version)
        if scores.refused:
            fitted = self._texts.fitted
            entries = [
                {name: fitted(value) for name, value in msgspec.structs.asdict(one).items()}
                for one in scores.refused
            ]
            self._connection.execute(sa.insert(self._tables[QUARANTINE]), entries)

    def predicted(self, ids: Sequence[EventId]) -> NDArray[np.bool_]:
        """See `Known`."""
        column = self._tables[PREDICTIONS].c.ride_id
        stored = list(map(str if isinstance(column.type, sa.Text) else int, ids))
        found = set(self._among(column, stored))
        return np.array([one in found for one in stored], dtype=bool)

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """See `Known`."""
        stored = {self._texts.fitted(name): name for name in names}
        return {stored[one] for one in self._among(self._tables[QUARANTINE].c.ride_id, list(stored))}

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """See `Writer`."""
        table, told = self._tables[PREDICTIONS], self._tables[QUARANTINE]
        if isinstance(table.c.ride_id.type, sa.Text):
            return None
        query = sa.select(sa.func.count(), sa.func.sum(table.c.ride_id % MODULUS))
        count, total = self._connection.execute(query.where(*_inside(table, interval))).one()
        names = self._connection.scalars(sa.select(told.c.ride_id).where(*_inside(told, interval))).all()
        sums = [math.fmod(int(one), MODULUS) for one in names if re.fullmatch(r"-?\d{1,19}", one)]
        return int(count) + len(names), int(total or 0) + int(sum(sums))

    def _among(self, column: sa.Column[Any], values: Sequence[Any]) -> Iterator[Any]:
        for some in batched(values, _AT_ONCE, strict=False):
            yield from self._connection.scalars(sa.select(column).where(column.in_(some)))

    def finish(self, run: Run) -> None:
        """Remember the run; then the transaction ends."""
        row = {
            "finished_at": run.finished_at.replace(tzinfo=None),
            "interval_start": run.interval.start,
            "interval_end": run.interval.end,
            "read_rows": run.read,
            "scored": run.scored,
            "quarantined": run.quarantined,
            "model_version": run.model_version,
            "run": msgspec.json.encode(run).decode(),
        }
        self._connection.execute(sa.insert(self._tables[RUNS]), row)
        self.finished = True


def _inside(table: sa.Table, interval: Interval) -> list[sa.ColumnElement[bool]]:
    pickup = table.c.pickup_datetime
    return [pickup < interval.end, *([pickup >= interval.start] if interval.start else [])]


def _tables(*, text_ids: bool) -> sa.MetaData:
    tables = sa.MetaData()
    ride_id: Any = sa.Text() if text_ids else sa.BigInteger()
    sa.Table(
        PREDICTIONS,
        tables,
        sa.Column("ride_id", ride_id, primary_key=True, autoincrement=False),
        sa.Column("pickup_datetime", sa.DateTime, nullable=False),
        sa.Column("ride_duration", sa.Double, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text),
    )
    sa.Table(
        QUARANTINE,
        tables,
        sa.Column("ride_id", sa.Text, nullable=False),
        sa.Column("pickup_datetime", sa.DateTime),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    sa.Table(
        RUNS,
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("finished_at", sa.DateTime, nullable=False),
        sa.Column("interval_start", sa.DateTime),
        sa.Column("interval_end", sa.DateTime, nullable=False),
        sa.Column("read_rows", sa.BigInteger, nullable=False),
        sa.Column("scored", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text),
        sa.Column("run", sa.Text, nullable=False),
    )
    return tables
