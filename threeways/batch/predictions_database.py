"""Write predictions into a database: a run is one transaction, so all of it is there or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import batched
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql, sqlite

from threeways.batch import engine as engines
from threeways.batch import record, sessions
from threeways.batch.chunk import MODULUS, Refused, name_of
from threeways.batch.interval import Interval
from threeways.batch.intervals import possible
from threeways.batch.layout import Layout
from threeways.batch.predictions_tables import add_bounds, require_alike, require_ours, tables
from threeways.batch.record import Run
from threeways.batch.sink import Scores
from threeways.errors import BatchError, InvalidEvent, PermanentError
from threeways.scoring.task import EventId

_AT_ONCE = 10_000  # both databases take more parameters than these in one statement


@contextmanager
def opened(url: str, layout: Layout) -> Iterator[DatabaseSink]:
    """Open the predictions database for this run alone; what is not there is made. Raises BatchError."""
    engine = engines.connect(url, "PREDICTIONS", BatchError, str(layout.zone))
    try:
        if path := engines.sqlite_file(engine.url):
            path.parent.mkdir(parents=True, exist_ok=True)
        with (
            engines.faults(f"PREDICTIONS={engines.shown(engine)}", BatchError),
            engine.connect() as connection,
            engines.alone(connection),
        ):
            yield DatabaseSink(connection, layout)
    finally:
        engine.dispose()


class DatabaseSink:
    """A task's predictions, quarantine and runs; the tables of other tasks may stand beside them.

    A row depends on the event and the model alone, so a run that is repeated leaves equal rows.
    """

    replaces_rows = True

    def __init__(self, connection: sa.Connection, layout: Layout) -> None:
        self.connection, self.layout = connection, layout
        self.name = engines.shown(connection.engine)
        if connection.dialect.name == "sqlite":
            # Others may read while the run's transaction writes (sqlite.org/wal.html).
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        require_ours(connection, layout, self.name)
        self._runs = tables(layout, text_ids=False).tables[layout.names.runs]
        self._runs.create(connection, checkfirst=True)
        connection.commit()

    def history(self) -> list[Run]:
        """Return the runs that came to their end, oldest first."""
        runs = self._runs
        found = self.connection.execute(sa.select(runs.c.run).order_by(runs.c.id)).scalars().all()
        self.connection.commit()
        done = [record.of(msgspec.json.decode(one, type=Run), self.layout) for one in found]
        for other in {one.task for one in done} - {self.layout.task.name}:
            raise BatchError(
                f"{self.name} holds predictions of {other} in tables that {self.layout.task.name} would have "
                "too; name another place, PREDICTIONS="
            )
        return done

    def take(self, layout: Layout) -> None:
        """See `Sink`."""
        self.layout = layout

    @contextmanager
    def writing(self, interval: Interval | None, *, text_ids: bool) -> Iterator[DatabaseWriter]:
        """Open a writer whose rows are seen by others once its run is finished, and never if it is not."""
        created = self._created(text_ids=text_ids)
        with self.connection.begin():
            writer = DatabaseWriter(self, created, interval, text_ids=text_ids)
            yield writer
            if not writer.finished:
                self.connection.rollback()

    def _created(self, *, text_ids: bool) -> sa.MetaData:
        """Return the tables, made where they lack. One of texts takes integers too, not the reverse."""
        connection, layout = self.connection, self.layout
        name, key = layout.names.predictions, layout.id.name
        tables(layout, text_ids=text_ids).create_all(connection)
        add_bounds(connection, layout)
        require_alike(connection, layout, self.name)
        kinds = {one["name"].lower(): one["type"] for one in sa.inspect(connection).get_columns(name)}
        created = tables(layout, text_ids=not isinstance(kinds[key.lower()], sa.Integer | sa.Numeric))
        predictions = created.tables[name]
        if text_ids and isinstance(predictions.c[key].type, sa.BigInteger):
            if connection.scalar(sa.select(sa.exists(sa.select(predictions)))):
                raise BatchError(
                    f"{self.name}: the {key} of {name} is an integer, those of EVENTS= are texts; "
                    f"name another place, PREDICTIONS=, or rename the table {name}"
                )
            predictions.drop(connection)  # made by runs that found no event
            created = tables(layout, text_ids=True)
            created.create_all(connection)
        connection.commit()
        return created


class DatabaseWriter:
    """Replaces the interval's rows, inside one transaction; without an interval, none but a mended row's."""

    def __init__(
        self, sink: DatabaseSink, created: sa.MetaData, interval: Interval | None, *, text_ids: bool
    ) -> None:
        self._connection, self._layout = connection, layout = sink.connection, sink.layout
        names = layout.names
        self._predictions, self._quarantine, self._runs = (
            created.tables[name] for name in (names.predictions, names.quarantine, names.runs)
        )
        self._key = layout.id.name
        self._former = _former_bounds(connection, layout)
        for name in self._former:
            self._predictions.append_column(sa.Column(name, sa.Double))
        self._text_ids = text_ids
        self._texts = sessions.encoding(connection)
        self._may_release = interval is None and bool(
            connection.scalar(sa.select(sa.exists(sa.select(self._quarantine))))
        )
        self.finished = False
        if interval:
            rows, told = (_inside(one, layout, interval) for one in (self._predictions, self._quarantine))
            connection.execute(sa.delete(self._predictions).where(*rows))
            # A row without a time belongs to every interval.
            undated = self._quarantine.c[layout.time_name].is_(None)
            connection.execute(sa.delete(self._quarantine).where(sa.or_(sa.and_(*told), undated)))

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:
        """See `Writer`."""
        if not self._text_ids or not self._texts.lacking("".join(map(str, ids))):
            return {}
        at = self._layout.id.at
        return {
            row: InvalidEvent(f"the predictions database holds no {lacking} in a text - at `{at}`")
            for row, one in enumerate(ids)
            if (lacking := self._texts.lacking(str(one)))
        }

    def write(self, scores: Scores, version: str | None) -> None:
        """Insert a chunk; an event that has moved here from another interval leaves its old row."""
        if len(scores.ids):
            self._upsert(scores, version)
            if self._may_release:
                self._release(scores.ids)
        if scores.refused:
            self._connection.execute(sa.insert(self._quarantine), [*map(self._entry, scores.refused)])

    def _upsert(self, scores: Scores, version: str | None) -> None:
        """Insert n predictions, over those of the same events."""
        table, dialect = self._predictions, self._connection.dialect
        times = [scores.time_texts()] if self._layout.time else []
        made = {name: scores.columns[name].tolist() for name in self._layout.written}
        bounds = [made.pop(name) for name in self._layout.bounds]
        bounds += [[None] * len(scores.ids)] * len(self._former)
        versions = [version] * len(scores.ids)
        columns = [scores.ids, *times, *made.values(), scores.flags, versions, *bounds]
        rows = zip(*columns, strict=True)
        key, *others = table.columns.keys()
        insert: Any = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
        over = {"index_elements": [key], "set_": {name: insert.excluded[name] for name in others}}
        if dialect.name == "postgresql":
            insert = insert.from_select([key, *others], sa.select(self._copied(rows)))
            self._connection.execute(insert.on_conflict_do_update(**over))
        else:  # as rows of the driver: SQLAlchemy's are dicts, at twice the time
            statement = str(insert.on_conflict_do_update(**over).compile(dialect=dialect))
            self._connection.exec_driver_sql(statement, list(rows))

    def _copied(self, rows: Iterable[tuple[Any, ...]]) -> sa.Table:
        """Fill a table of the session's own, from which the rows are inserted: COPY takes no conflict."""
        from psycopg import sql

        table = self._predictions.to_metadata(sa.MetaData(), name=f"{self._predictions.name}_copied")
        driver: Any = self._connection.connection.driver_connection
        mine, like, *others = (
            sql.Identifier(name).as_string(driver)  # SQLAlchemy's would double a % for its own parameters
            for name in (table.name, self._predictions.name, *table.columns.keys())
        )
        with driver.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {mine} (LIKE {like}) ON COMMIT DROP")
            cursor.execute(f"TRUNCATE {mine}")
            with cursor.copy(f"COPY {mine} ({', '.join(others)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        return table

    def _entry(self, refused: Refused) -> dict[str, Any]:
        """Return a row of the quarantine."""
        columns = self._layout.refused_columns.items()
        return {column: self._texts.fitted(getattr(refused, name)) for name, column in columns}

    def _release(self, ids: Sequence[EventId]) -> None:
        """Take out of quarantine the events that have been mended and have a prediction now."""
        released = self.quarantined(list(map(name_of, ids)))
        for some in batched(map(self._texts.fitted, released), _AT_ONCE, strict=False):
            self._connection.execute(
                sa.delete(self._quarantine).where(self._quarantine.c[self._key].in_(some))
            )

    def predicted(self, ids: Sequence[EventId]) -> NDArray[np.bool_]:
        """See `Writer`."""
        column = self._predictions.c[self._key]
        stored = list(map(str if isinstance(column.type, sa.Text) else int, ids))
        found = set(self._among(column, stored))
        return np.array([one in found for one in stored], dtype=bool)

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """See `Writer`."""
        stored = {self._texts.fitted(name): name for name in names}
        return {stored[one] for one in self._among(self._quarantine.c[self._key], list(stored))}

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """See `Writer`."""
        key = self._predictions.c[self._key]
        if isinstance(key.type, sa.Text):
            return None
        inside, told = (_inside(one, self._layout, interval) for one in (self._predictions, self._quarantine))
        query = sa.select(sa.func.count(), sa.func.sum(key % MODULUS))
        count, total = self._connection.execute(query.where(*inside)).one()
        names = self._connection.scalars(sa.select(self._quarantine.c[self._key]).where(*told)).all()
        sums = [math.fmod(int(one), MODULUS) for one in names if re.fullmatch(r"-?\d{1,19}", one)]
        return int(count) + len(names), int(total or 0) + int(sum(sums))

    def _among(self, column: sa.Column[Any], values: Sequence[Any]) -> Iterator[Any]:
        for some in batched(values, _AT_ONCE, strict=False):
            yield from self._connection.scalars(sa.select(column).where(column.in_(some)))

    def finish(self, run: Run) -> None:
        """Remember the run; then the transaction ends."""
        row = {
            "finished_at": run.finished_at.replace(tzinfo=None),
            "interval_start": run.interval and run.interval.start,
            "interval_end": run.interval and run.interval.end,
            "read_rows": run.read,
            "scored": run.scored,
            "quarantined": run.quarantined,
            "model_version": run.model_version,
            "run": msgspec.json.encode(run).decode(),
        }
        self._connection.execute(sa.insert(self._runs), row)
        self.finished = True


def _former_bounds(connection: sa.Connection, layout: Layout) -> list[str]:
    """Return the columns with intervals of a former model, which this one's predictions have none of."""
    former = set() if layout.bounds else {one.lower() for one in possible(layout)}
    columns = sa.inspect(connection).get_columns(layout.names.predictions) if former else []
    names = [str(one["name"]) for one in columns if one["nullable"]]
    return [name for name in names if name.lower() in former]


def _inside(table: sa.Table, layout: Layout, interval: Interval) -> list[sa.ColumnElement[bool]]:
    time = table.c[layout.time_name]
    return [time < interval.end, *([time >= interval.start] if interval.start else [])]
