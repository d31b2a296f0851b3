"""Rides from a table of a database, in chunks by key."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN

from threeways.batch import engine as engines
from threeways.batch import sessions
from threeways.batch.chunk import FIELDS, MODULUS, Chunk
from threeways.batch.interval import Interval
from threeways.batch.rows import columns
from threeways.errors import DataError

ID, PICKUP, DROPOFF = "ride_id", "pickup_datetime", "dropoff_datetime"
_ORDER = (PICKUP, "PULocationID", "DOLocationID", "trip_distance", DROPOFF)
_WIDER = timedelta(days=2)  # a text's offset may put it a day off; the exact interval is taken afterwards
_FIRST, _BEYOND = "0001-01-01", "10000-01-01"
"""The times that Python holds reach from the one to just before the other; PostgreSQL has others too."""


@contextmanager
def opened(url: str, table: str) -> Iterator[DatabaseSource]:
    """The rides of a table (`schema.table` too). Raises DataError if it is not as `DatabaseSource` says."""
    engine = engines.connect(url, "RIDES", DataError)
    path = engines.sqlite_file(engine.url)
    if path and not path.is_file():
        raise DataError(f"RIDES: there is no database {engine.url.database}; check the path in the URL")
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
        columns_there = {one["name"]: one for one in sa.inspect(engine).get_columns(name, schema or None)}
        self._types = {ours: _type(columns_there[theirs]) for ours, theirs in found.items()}
        self._sqlite = engine.dialect.name == "sqlite"
        self._unique = name in sa.inspect(engine).get_table_names(schema or None)
        self._nullable = bool(columns_there[found[ID]]["nullable"])
        self._text_times = self._sqlite or isinstance(self._types[PICKUP], sa.String)
        self._has_times = self._text_times or isinstance(self._types[PICKUP], sa.Date | sa.DateTime)
        self._float_zones = any(isinstance(self._types[zone], sa.Float) for zone in FIELDS[:2])
        self.text_ids = self._ids_of_values() if self._sqlite else self._ids_of_type()

    def count(self, interval: Interval) -> int:
        """How many rows `chunks` will go over."""
        query = sa.select(sa.func.count()).select_from(self._table).where(*self._within(interval))
        with self._faults(), self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """See `Source`: of integer ids and of times that the database can compare."""
        integers = self._sqlite or isinstance(self._types[ID], sa.Integer)
        if self.text_ids or not integers or not self._has_times:
            return None
        pickup, form = self._columns[PICKUP], "%Y-%m-%d %H:%M:%S"
        ends: list[Any] = [interval.start, interval.end]
        if self._text_times:  # a day alone comes before each of its times, whatever parts the two
            ends = [one and f"{one:{form}}".removesuffix(" 00:00:00") for one in ends]
        inside = [pickup < ends[1], *([pickup >= ends[0]] if ends[0] else [])]
        key = self._columns[ID]
        query = sa.select(sa.func.count(), sa.func.sum(key % MODULUS)).where(*inside, key.is_not(None))
        with self._faults(), self._engine.connect() as connection:
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
        with self._faults(), self._engine.connect() as plain:
            connection = plain
            if not self._sqlite:
                connection = plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            page = select.where(key.is_not(None)).order_by(*order).limit(size)
            query = page
            while True:
                rows = list(self._rows(connection, query))
                full = len(rows) == size
                if full:
                    last = _bound(connection, rows[-1][0])
                    query = page.where(key > last)
                    _complete(rows, self._rows(connection, select.where(key == last).order_by(*order)))
                if rows:
                    yield self._chunk(rows, interval)
                if not full:
                    break
            if self._nullable:
                unnamed = select.with_only_columns(*self._selected(told=True)).where(key.is_(None))
                for part in connection.execute(unnamed).partitions(size):
                    yield self._chunk(part, interval)

    def _rows(self, connection: sa.Connection, query: sa.Select[Any]) -> Sequence[Any]:
        """A query's rows; where the driver can't hold one of their times, the texts of all of their times."""
        try:
            return connection.execute(query).fetchall()
        except sa.exc.DataError as error:
            if self._sqlite or getattr(error.orig, "sqlstate", None):
                raise  # it is not the driver that refuses
            return connection.execute(query.with_only_columns(*self._selected(told=True))).fetchall()

    def _chunk(self, rows: Sequence[Any], interval: Interval) -> Chunk:
        found = columns(rows, text_ids=self.text_ids, float_zones=self._float_zones)
        return found.chunk(interval)

    def _selected(self, *, told: bool = False) -> list[sa.ColumnElement[Any]]:
        """The columns of a row; told: times as PostgreSQL's texts, on New York's clock."""
        taken: dict[str, sa.ColumnElement[Any]] = {DROPOFF: sa.null(), **self._columns}
        if told and not self._sqlite:
            for name in (PICKUP, DROPOFF):
                if isinstance(self._types.get(name), sa.DateTime):
                    taken[name] = sa.cast(taken[name], sa.DateTime)
                taken[name] = sa.cast(taken[name], sa.Text)
        return [taken[name] for name in (ID, *FIELDS, DROPOFF)]

    def _ids_of_type(self) -> bool:
        kind = self._types[ID]
        if isinstance(kind, sa.String | sa.Uuid):  # String: an enum too
            return True
        if isinstance(kind, sa.Integer | sa.Numeric | sa.Float):
            return False
        raise DataError(
            f"RIDES={self.name}: {self._columns[ID].name} is {type(kind).__name__}, and an id is an integer, "
            "a text or a UUID; make a view that casts it to text, and name that, TABLE="
        )

    def _ids_of_values(self) -> bool:
        """Look at the ids themselves: SQLite keeps texts in a column of any type, and sorts numbers first.

        Where kinds mix, they are texts, unless the column is declared to have integers.
        sqlite.org/datatype3.html
        """
        key, declared = self._columns[ID], self._types[ID]
        kind = sa.func.typeof(key)
        order = key.asc() if isinstance(declared, sa.Integer) else key.desc()
        query = sa.select(kind).where(kind.in_(("integer", "real", "text"))).order_by(order).limit(1)
        with self._faults(), self._engine.connect() as connection:
            found = connection.scalar(query)
            if found == "text":
                self._refuse_twins(connection)
        return isinstance(declared, sa.String) if found is None else bool(found == "text")

    def _refuse_twins(self, connection: sa.Connection) -> None:
        """Raise DataError where an id is there both as a number and as the text that it would become."""
        other = self._table.alias()
        key, text = self._columns[ID], other.c[self._columns[ID].name]
        digits = sa.cast(sa.cast(key, sa.Integer), sa.Text).op("||")(sa.text("''"))  # see `sessions.raw_text`
        number = sa.func.typeof(key).in_(("integer", "real")) & (sa.func.typeof(text) == "text")
        twin = connection.scalar(sa.select(text).where(number, text == digits).limit(1))
        if twin is not None:
            raise DataError(
                f"RIDES={self.name}: {key.name} has {twin} both as a number and as a text; "
                "rename one of the two"
            )

    def _faults(self) -> AbstractContextManager[None]:
        return engines.faults(f"RIDES={self.name}", DataError)

    def _within(self, interval: Interval) -> list[sa.ColumnElement[bool]]:
        """Somewhat wider than the interval, and whatever is no time at all."""
        pickup = self._columns[PICKUP]
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
        others: list[sa.ColumnElement[bool]] = [pickup.is_(None)]
        if isinstance(self._types[PICKUP], sa.DateTime | sa.Date) and not self._sqlite:
            others += [pickup < sa.text(f"'{_FIRST}'"), pickup >= sa.text(f"'{_BEYOND}'")]
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
    if not inspector.has_table(table, schema):  # a view or a foreign table is one too
        others = ", ".join(inspector.get_table_names(schema)) or "no table at all"
        raise DataError(f"{where} has no table {table} (it has {others}); name yours, TABLE=")
    there = [str(one["name"]) for one in inspector.get_columns(table, schema)]
    found = {name: _alike(name, there) for name in (ID, *FIELDS, DROPOFF)}
    missing = [name for name in (ID, *FIELDS) if not found[name]]
    if missing:
        raise DataError(
            f"{where}: table {table} lacks {', '.join(missing)} (it has {', '.join(there)}); "
            "rename its columns, or make a view of it and name that, TABLE="
        )
    for several in found.values():
        if len(several) > 1:
            raise DataError(
                f"{where}: table {table} has {' and '.join(several)}, which differ in case alone; make a "
                "view of it with one of them, and name that, TABLE="
            )
    taken = {name: one for name, several in found.items() for one in several}
    if table in inspector.get_table_names(schema) and not _is_unique(inspector, table, schema, taken[ID]):
        raise DataError(
            f"{where}: {taken[ID]} of table {table} is not unique, and a prediction is for one ride; make it "
            "the primary key or give it a unique index. Where it can't have one, as a partitioned table or a "
            "hypertable, make a view of it and name that, TABLE="
        )
    return taken


def _alike(name: str, there: list[str]) -> list[str]:
    """The columns that may be meant by a name: the one that is equal, or those that differ in case."""
    return [name] if name in there else [one for one in there if one.lower() == name.lower()]


def _is_unique(inspector: sa.Inspector, table: str, schema: str | None, column: str) -> bool:
    keys: list[Any] = [inspector.get_pk_constraint(table, schema)["constrained_columns"]]
    keys += [one["column_names"] for one in inspector.get_unique_constraints(table, schema)]
    keys += [one["column_names"] for one in inspector.get_indexes(table, schema) if _is_whole(one)]
    return [column] in keys


def _is_whole(index: Any) -> bool:
    """Whether an index makes all rows unique, not only those of a condition."""
    options = index.get("dialect_options", {})
    return index["unique"] and not any(name.endswith("_where") for name in options)


def _type(column: Any) -> Any:
    """A reflected column's type; of a domain's that which is below it."""
    kind = column["type"]
    return kind.data_type if isinstance(kind, DOMAIN) else kind


def _bound(connection: sa.Connection, key: Any) -> Any:
    """A key in a comparison, without a type: the database knows its column's, the driver would guess."""
    try:
        str(key).encode()
    except UnicodeEncodeError:
        return sessions.raw_text(connection, key)
    return sa.bindparam(None, key, type_=sa.types.NullType())


def _complete(rows: list[Any], last: Sequence[Any]) -> None:
    """Put in all rows of the last id, so that the next chunk can go on after it."""
    group = {row[0] for row in last}
    while rows and (rows[-1][0] in group or rows[-1][0] != rows[-1][0]):  # a decimal NaN is not itself
        rows.pop()
    rows.extend(last)
