"""Read events from a table of a database, in chunks by key."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN

from threeways.batch import engine as engines
from threeways.batch import sessions
from threeways.batch.chunk import MODULUS, Chunk
from threeways.batch.columns import Rows
from threeways.batch.database_columns import columns_of
from threeways.batch.interval import Interval
from threeways.batch.layout import ACTUAL, Layout
from threeways.batch.leaf import id_kinds_of
from threeways.batch.values import Values
from threeways.errors import DataError

_WIDER = timedelta(days=2)  # a text's offset may put it a day off; the exact interval is taken afterwards
_FIRST, _BEYOND = "0001-01-01", "10000-01-01"
"""The times that Python holds reach from the one to just before the other; PostgreSQL has others too."""


@contextmanager
def opened(url: str, table: str | None, layout: Layout) -> Iterator[DatabaseSource]:
    """Open the events of a table (`schema.table` too; None: the task's usual one, or the only one).

    Raises DataError if it is not as `DatabaseSource` says.
    """
    engine = engines.connect(url, "EVENTS", DataError, str(layout.zone))
    path = engines.sqlite_file(engine.url)
    if path and not path.is_file():
        raise DataError(f"EVENTS: there is no database {engine.url.database}; check the path in the URL")
    try:
        with engines.faults(f"EVENTS={engines.shown(engine)}", DataError):
            yield DatabaseSource(engine, table or usual_table(engine, layout), layout)
    finally:
        engine.dispose()


def usual_table(engine: sa.Engine, layout: Layout) -> str:
    """Return the name of the table of events where the user names none."""
    inspector, names = sa.inspect(engine), layout.names
    there = [*inspector.get_table_names(), *inspector.get_view_names()]
    others = [one for one in there if not one.endswith(("_predictions", "_quarantine", "_runs"))]
    return others[0] if names.events not in there and len(others) == 1 else names.events


class DatabaseSource:
    """A table with a column for each field of the event; see `Layout.wanted`.

    Their case does not matter. Chunks go by the id: a table's primary key or unique, while a view may repeat
    it, and then its first row by the event's time and the other columns counts. Times are on the layout's
    clock, unless their type or text has an offset.
    """

    ids_in_order = True

    def __init__(self, engine: sa.Engine, table: str, layout: Layout) -> None:
        self._engine, self._layout = engine, layout
        schema, _, name = table.rpartition(".")
        self.name = f"{engines.shown(engine)}#{table}"
        found = columns_of(engine, name, schema or None, layout)
        self._keys = tuple(found)
        names = {ours: str(one["name"]) for ours, one in found.items()}
        self._table = sa.table(name, *map(sa.column, dict.fromkeys(names.values())), schema=schema or None)
        self._columns = {ours: self._table.c[theirs] for ours, theirs in names.items()}
        self._types = {ours: _type(one) for ours, one in found.items()}
        self._id, self._time = layout.id.name, layout.time
        self._sqlite = engine.dialect.name == "sqlite"
        self._unique = name in sa.inspect(engine).get_table_names(schema or None)
        self._nullable = bool(found[self._id]["nullable"])
        kind = self._types.get(self._time or "")
        self._text_times = self._sqlite or isinstance(kind, sa.String)
        self._has_times = self._text_times or isinstance(kind, sa.Date | sa.DateTime)
        self._floats = frozenset(
            one.name
            for one in layout.leaves
            if one.kind == "integer" and isinstance(self._types.get(one.name), sa.Float)
        )
        text = self._ids_of_values() if self._sqlite else self._ids_of_type()
        kinds = id_kinds_of(layout.id)
        self.text_ids = text if text in kinds else not text

    def count(self, interval: Interval | None) -> int:
        """Return how many rows `chunks` will go over."""
        query = sa.select(sa.func.count()).select_from(self._table).where(*self._within(interval))
        with self._connected() as connection:
            return int(connection.scalar(query) or 0)

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """See `Source`: of integer ids and of times that the database can compare."""
        integers = self._sqlite or isinstance(self._types[self._id], sa.Integer)
        if self.text_ids or not integers or not self._has_times or self._time is None:
            return None
        time, form = self._columns[self._time], "%Y-%m-%d %H:%M:%S"
        ends: list[Any] = [interval.start, interval.end]
        if self._text_times:  # a day alone comes before each of its times, whatever parts the two
            ends = [one and f"{one:{form}}".removesuffix(" 00:00:00") for one in ends]
        inside = [time < ends[1], *([time >= ends[0]] if ends[0] else [])]
        key = self._columns[self._id]
        query = sa.select(sa.func.count(), sa.func.sum(key % MODULUS)).where(*inside, key.is_not(None))
        with self._connected() as connection:
            count, total = connection.execute(query.select_from(self._table)).one()
        return int(count), int(total or 0)

    def chunks(self, interval: Interval | None, size: int) -> Generator[Chunk]:
        """Yield the interval's events in the order of their ids, all as the table was at the first one.

        A row whose time can't be told belongs to every interval. SQLite's readers see one state only while
        their statement lasts: events that come while it runs may be among them.
        """
        key = self._columns[self._id]
        order = [key] if self._unique else [key, *self._order()]
        select = sa.select(*self._selected()).where(*self._within(interval))
        with self._connected() as plain:
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

    def _order(self) -> list[sa.ColumnElement[Any]]:
        """Return the order of rows of one id: by the event's time, its fields and the truth."""
        names = [self._time, *(one.name for one in self._layout.leaves if one.name != self._time), ACTUAL]
        return [
            self._columns[name]
            for name in names
            if name in self._columns
            and (self._sqlite or not isinstance(self._types[name], sa.JSON | sa.types.NullType))
        ]

    def _rows(self, connection: sa.Connection, query: sa.Select[Any]) -> Sequence[Any]:
        """Return a query's rows; their times as texts where the driver can't hold one of them."""
        try:
            return connection.execute(query).fetchall()
        except sa.exc.DataError as error:
            if self._sqlite or getattr(error.orig, "sqlstate", None):
                raise  # it is not the driver that refuses
            return connection.execute(query.with_only_columns(*self._selected(told=True))).fetchall()

    def _chunk(self, rows: Sequence[Any], interval: Interval | None) -> Chunk:
        given = dict(zip(self._keys, zip(*rows, strict=True), strict=True))
        values = Values(given, self._layout.zone, self._floats)
        return Rows(values, self._layout, text_ids=self.text_ids).chunk(interval)

    def _selected(self, *, told: bool = False) -> list[sa.ColumnElement[Any]]:
        """Return the columns of a row; told: times as PostgreSQL's texts, on the session's clock."""
        taken: dict[str, sa.ColumnElement[Any]] = dict(self._columns)
        for name, kind in self._types.items() if told and not self._sqlite else ():
            if isinstance(kind, sa.DateTime):
                taken[name] = sa.cast(sa.cast(taken[name], sa.DateTime), sa.Text)
            elif isinstance(kind, sa.Date):
                taken[name] = sa.cast(taken[name], sa.Text)
        return [taken[name] for name in self._keys]

    def _ids_of_type(self) -> bool:
        kind = self._types[self._id]
        if isinstance(kind, sa.String | sa.Uuid):  # String: an enum too
            return True
        if isinstance(kind, sa.Integer | sa.Numeric | sa.Float):
            return False
        raise DataError(
            f"EVENTS={self.name}: {self._columns[self._id].name} is {type(kind).__name__}, and an id is an "
            "integer, a text or a UUID; make a view that casts it to text, and name that, TABLE="
        )

    def _ids_of_values(self) -> bool:
        """Look at the ids themselves: SQLite keeps texts in a column of any type, and sorts numbers first.

        Where kinds mix, they are texts, unless the column is declared to have integers.
        sqlite.org/datatype3.html
        """
        key, declared = self._columns[self._id], self._types[self._id]
        kind = sa.func.typeof(key)
        order = key.asc() if isinstance(declared, sa.Integer) else key.desc()
        query = sa.select(kind).where(kind.in_(("integer", "real", "text"))).order_by(order).limit(1)
        with self._connected() as connection:
            found = connection.scalar(query)
            if found == "text":
                self._refuse_twins(connection)
        return isinstance(declared, sa.String) if found is None else bool(found == "text")

    def _refuse_twins(self, connection: sa.Connection) -> None:
        """Raise DataError where an id is there both as a number and as the text that it would become."""
        other = self._table.alias()
        key = self._columns[self._id]
        text = other.c[key.name]
        digits = sa.cast(sa.cast(key, sa.Integer), sa.Text).op("||")(sa.text("''"))  # see `sessions.raw_text`
        number = sa.func.typeof(key).in_(("integer", "real")) & (sa.func.typeof(text) == "text")
        twin = connection.scalar(sa.select(text).where(number, text == digits).limit(1))
        if twin is not None:
            raise DataError(
                f"EVENTS={self.name}: {key.name} has {twin} both as a number and as a text; "
                "rename one of the two"
            )

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with engines.faults(f"EVENTS={self.name}", DataError), self._engine.connect() as connection:
            yield connection

    def _within(self, interval: Interval | None) -> list[sa.ColumnElement[bool]]:
        """Somewhat wider than the interval, and whatever is no time at all."""
        bounds: list[sa.ColumnElement[bool]] = []
        if interval is None or self._time is None or not self._has_times:  # numbers can't be compared
            return bounds
        time = self._columns[self._time]
        for moment, wider, above in ((interval.start, -_WIDER, True), (interval.end, _WIDER, False)):
            if moment is None or not 3 < moment.year < 9998:
                continue
            value = moment + wider
            limit: Any = f"{value:%Y-%m-%d}" if self._text_times else value
            bounds.append(time >= limit if above else time < limit)
        if not bounds:
            return []
        others: list[sa.ColumnElement[bool]] = [time.is_(None)]
        if isinstance(self._types[self._time], sa.DateTime | sa.Date) and not self._sqlite:
            others += [time < sa.text(f"'{_FIRST}'"), time >= sa.text(f"'{_BEYOND}'")]
        if self._text_times:
            pattern = {
                "sqlite": ("NOT GLOB", "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"),
                "postgresql": ("!~", "^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
            }[self._engine.dialect.name]
            others.append(time.op(pattern[0], is_comparison=True)(pattern[1]))
        return [sa.or_(sa.and_(*bounds), *others)]


def _type(column: Any) -> Any:
    """Return a reflected column's type; of a domain's that which is below it."""
    kind = column["type"]
    return kind.data_type if isinstance(kind, DOMAIN) else kind


def _bound(connection: sa.Connection, key: Any) -> Any:
    """Return a key in a comparison, untyped: the database knows its column's type, the driver would guess."""
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
