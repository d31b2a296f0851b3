"""Rides from a table of a database, in chunks by key."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from threeways.batch import engine as engines
from threeways.batch.chunk import FIELDS, MODULUS, Chunk
from threeways.batch.interval import Interval
from threeways.batch.rows import columns
from threeways.errors import DataError

ID, DROPOFF = "ride_id", "dropoff_datetime"
_ORDER = ("pickup_datetime", "PULocationID", "DOLocationID", "trip_distance", DROPOFF)
_WIDER = timedelta(days=2)  # a text's offset may put it a day off; the exact interval is taken afterwards


@contextmanager
def opened(url: str, table: str) -> Iterator[DatabaseSource]:
    """The rides of a table (`schema.table` too). Raises DataError if it is not as `DatabaseSource` says."""
    engine = engines.connect(url, "RIDES", DataError)
    path = engine.url.database
    if engine.dialect.name == "sqlite" and not Path(path or "").is_file():
        raise DataError(f"RIDES: there is no database {path}; check the path in the URL")
    try:
        with engines.faults(f"RIDES={engines.shown(engine)}", DataError):
            yield DatabaseSource(engine, table)
    finally:
        engine.dispose()


class DatabaseSource:
    """A table with the columns ride_id, PULocationID, DOLocationID, trip_distance and pickup_datetime.

    Their case does not matter. Chunks go by ride_id: a table's primary key or unique, while a view may repeat
    it, and then its first row by pickup_datetime and the other columns counts. A column
    dropoff_datetime, where there is one, tells what a ride really took. Times are New York's clock, unless
    their type or text has an offset.
    """

    ids_in_order = True

    def __init__(self, engine: sa.Engine, table: str) -> None:
        self._engine = engine
        schema, _, name = table.rpartition(".")
        self.name = f"{engines.shown(engine)}#{table}"
        found = _columns(engine, name, schema or None)
        self._table = sa.table(name, *map(sa.column, found.values()), schema=schema or None)
        self._columns = {ours: self._table.c[theirs] for ours, theirs in found.items()}
        types = {one["name"]: one for one in sa.inspect(engine).get_columns(name, schema or None)}
        self.text_ids = _is_text(types[found[ID]]["type"])
        self._unique = name in sa.inspect(engine).get_table_names(schema or None)
        self._nullable = bool(types[found[ID]]["nullable"])
        time = types[found[FIELDS[3]]]["type"]
        self._text_times = engine.dialect.name == "sqlite" or _is_text(time)
        self._has_times = self._text_times or isinstance(time, (sa.Date, sa.DateTime))

    def count(self, interval: Interval) -> int:
        """How many rows `chunks` will go over."""
        query = sa.select(sa.func.count()).select_from(self._table).where(*self._within(interval))
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """See `Source`: of integer ids and of times that the database can compare."""
        if self.text_ids or not self._has_times:
            return None
        pickup, form = self._columns["pickup_datetime"], "%Y-%m-%d %H:%M:%S"
        ends: list[Any] = [interval.start, interval.end]
        if self._text_times:  # a day alone comes before each of its times, whatever parts the two
            ends = [one and f"{one:{form}}".removesuffix(" 00:00:00") for one in ends]
        inside = [pickup < ends[1], *([pickup >= ends[0]] if ends[0] else [])]
        key = self._columns[ID]
        query = sa.select(sa.func.count(), sa.func.sum(key % MODULUS)).where(*inside, key.is_not(None))
        with self._engine.connect() as connection:
            count, total = connection.execute(query.select_from(self._table)).one()
        return int(count), int(total or 0)

    def chunks(self, interval: Interval, size: int) -> Generator[Chunk]:
        """The interval's rides in the order of their ids, all as the table was when the first was read.

        A row whose pickup can't be told belongs to every interval. SQLite's readers see one state only while
        their statement lasts: rides that come while it runs may be among them.
        """
        key = self._columns[ID]
        order = (
            [key]
            if self._unique
            else [key, *(self._columns[name] for name in _ORDER if name in self._columns)]
        )
        select = sa.select(*self._selected()).where(*self._within(interval))
        with engines.faults(f"RIDES={self.name}", DataError), self._engine.connect() as plain:
            connection = plain
            if self._engine.dialect.name == "postgresql":
                connection = plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            after: tuple[Any, ...] = ()
            while True:
                query = select.where(*(key > one for one in after))
                rows = list(connection.execute(query.order_by(*order).limit(size).where(key.is_not(None))))
                full = len(rows) == size
                if full:
                    after = (_bound(rows[-1][0]),)
                    _complete(rows, connection.execute(select.where(key == after[0]).order_by(*order)).all())
                if rows:
                    yield columns(rows).chunk(interval)
                if not full:
                    break
            if self._nullable:
                for part in connection.execute(select.where(key.is_(None))).partitions(size):
                    yield columns(part).chunk(interval)

    def _selected(self) -> list[sa.ColumnElement[Any]]:
        dropoff = self._columns.get(DROPOFF, sa.null())
        return [*(self._columns[name] for name in (ID, *FIELDS)), dropoff]

    def _within(self, interval: Interval) -> list[sa.ColumnElement[bool]]:
        """Somewhat wider than the interval, and whatever is no time at all."""
        pickup = self._columns["pickup_datetime"]
        bounds: list[sa.ColumnElement[bool]] = []
        if not self._has_times:  # numbers, say: the database can't compare them with a time
            return bounds
        for moment, wider, above in ((interval.start, -_WIDER, True), (interval.end, _WIDER, False)):
            if moment is None or not 3 < moment.year < 9998:
                continue
            value = moment + wider
            limit: Any = f"{value:%Y-%m-%d}" if self._text_times else value
            bounds.append(pickup >= limit if above else pickup < limit)
        if not bounds:
            return []
        others = [pickup.is_(None)]
        if self._text_times:
            pattern = {
                "sqlite": ("NOT GLOB", "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"),
                "postgresql": ("!~", "^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
            }[self._engine.dialect.name]
            others.append(pickup.op(pattern[0], is_comparison=True)(pattern[1]))
        return [sa.or_(sa.and_(*bounds), *others)]


def _columns(engine: sa.Engine, table: str, schema: str | None) -> dict[str, str]:
    """Our name -> the table's of each column; dropoff_datetime may lack. Raises DataError."""
    inspector = sa.inspect(engine)
    where = f"RIDES={engines.shown(engine)}"
    tables = inspector.get_table_names(schema)
    if table not in tables and table not in inspector.get_view_names(schema):
        others = ", ".join(tables) or "no table at all"
        raise DataError(f"{where} has no table {table} (it has {others}); name yours, TABLE=")
    there = {str(one["name"]).lower(): str(one["name"]) for one in inspector.get_columns(table, schema)}
    missing = [name for name in (ID, *FIELDS) if name.lower() not in there]
    if missing:
        raise DataError(
            f"{where}: table {table} lacks {', '.join(missing)} (it has {', '.join(there.values())}); "
            "rename its columns, or make a view of it and name that, TABLE="
        )
    columns_there = {name: there[name.lower()] for name in (ID, *FIELDS, DROPOFF) if name.lower() in there}
    if table in tables and not _is_unique(inspector, table, schema, columns_there[ID]):
        raise DataError(
            f"{where}: {columns_there[ID]} of table {table} is not unique, and a prediction is for one ride; "
            "make it the primary key or give it a unique index"
        )
    return columns_there


def _is_unique(inspector: sa.Inspector, table: str, schema: str | None, column: str) -> bool:
    keys: list[Any] = [inspector.get_pk_constraint(table, schema)["constrained_columns"]]
    keys += [one["column_names"] for one in inspector.get_unique_constraints(table, schema)]
    keys += [one["column_names"] for one in inspector.get_indexes(table, schema) if _of_all_rows(one)]
    return [column] in keys


def _of_all_rows(index: Any) -> bool:
    """Whether an index is unique, and not for some rows alone."""
    return index["unique"] and not any(name.endswith("_where") for name in index.get("dialect_options", {}))


def _bound(key: Any) -> sa.ColumnElement[Any]:
    """A key as it is given back to the database; SQLite's text that is no UTF-8 by its bytes."""
    if isinstance(key, str) and not key.isascii():
        with suppress(UnicodeEncodeError):
            key.encode()
            return sa.literal(key)
        return sa.cast(sa.literal(key.encode(errors="surrogateescape"), sa.LargeBinary), sa.Text)
    return sa.bindparam(None, value=key)


def _complete(rows: list[Any], last: Sequence[Any]) -> None:
    """Put in all rows of the last id, so that the next chunk can go on after it."""
    group = {row[0] for row in last}
    while rows and rows[-1][0] in group:
        rows.pop()
    rows.extend(last)


def _is_text(kind: Any) -> bool:
    return isinstance(kind, sa.String)
