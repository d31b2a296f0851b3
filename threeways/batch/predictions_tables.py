"""Define the tables of a predictions database: a task's predictions, quarantine and runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from threeways.batch import sessions
from threeways.batch.layout import Layout
from threeways.errors import BatchError

_SQL: dict[type, Any] = {float: sa.Double, int: sa.BigInteger, str: sa.Text, bool: sa.Boolean}
"""The types of an output's columns."""
_ALIKE: dict[type, tuple[Any, ...]] = {
    float: (sa.Float, sa.Numeric),
    int: (sa.Integer, sa.Numeric),
    str: (sa.String,),
    bool: (sa.Boolean,),
}
"""The types that a table may have for them."""
_MOST_COLUMNS = {"postgresql": 1_600, "sqlite": 2_000}
"""postgresql.org/docs/current/limits.html, sqlite.org/limits.html"""
_LONGEST = 63
"""Bytes of a name in PostgreSQL."""


def tables(layout: Layout, *, text_ids: bool) -> sa.MetaData:
    """Return the task's three tables."""
    found, names = sa.MetaData(), layout.names
    event_id: Any = sa.Text() if text_ids else sa.BigInteger()
    times = [sa.Column(layout.time_name, sa.DateTime, nullable=False)] if layout.time else []
    kinds = {name: kind for name, kind in layout.written.items() if name not in layout.bounds}
    sa.Table(
        names.predictions,
        found,
        sa.Column(layout.id.name, event_id, primary_key=True, autoincrement=False),
        *times,
        *(sa.Column(name, _SQL[kind], nullable=False) for name, kind in kinds.items()),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text),
        *(sa.Column(name, _SQL[layout.written[name]]) for name in layout.bounds),
    )
    sa.Table(
        names.quarantine,
        found,
        *(
            sa.Column(column, sa.DateTime if name == "time" else sa.Text, nullable=name == "time")
            for name, column in layout.refused_columns.items()
        ),
    )
    sa.Table(
        names.runs,
        found,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("finished_at", sa.DateTime, nullable=False),
        sa.Column("interval_start", sa.DateTime),
        sa.Column("interval_end", sa.DateTime, nullable=not times),
        sa.Column("read_rows", sa.BigInteger, nullable=False),
        sa.Column("scored", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text),
        sa.Column("run", sa.Text, nullable=False),
    )
    return found


def require_ours(connection: sa.Connection, layout: Layout, place: str) -> None:
    """Raise BatchError where the database cannot hold the task's columns, or has its tables with others."""
    _require_held(connection, layout, place)
    inspector = sa.inspect(connection)
    for table in tables(layout, text_ids=False).tables.values():
        if not inspector.has_table(table.name):
            continue
        there = {str(one["name"]).lower(): one for one in inspector.get_columns(table.name)}
        lacking = [one.name for one in table.columns if one.name.lower() not in there]
        if lacking:
            raise BatchError(
                f"{place} has a table {table.name} without {', '.join(lacking)}, which this task writes; "
                "rename that table, give TIME= as before, or name another place, PREDICTIONS="
            )


def add_bounds(connection: sa.Connection, layout: Layout) -> None:
    """Add the columns of intervals to a table of predictions that was made without; its rows have none."""
    table = tables(layout, text_ids=False).tables[layout.names.predictions]
    there = {str(one["name"]).lower() for one in sa.inspect(connection).get_columns(table.name)}
    quoted = connection.dialect.identifier_preparer.quote
    for name in layout.bounds:
        if name.lower() not in there:
            kind = table.columns[name].type.compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {kind}")


def require_alike(connection: sa.Connection, layout: Layout, place: str) -> None:
    """Raise BatchError where the table of predictions, which is there, has columns of another output."""
    table = tables(layout, text_ids=False).tables[layout.names.predictions]
    columns = sa.inspect(connection).get_columns(table.name)
    there = {str(one["name"]).lower(): one for one in columns}
    mend = "rename that table, or name another place, PREDICTIONS="
    ours = {one.name.lower() for one in table.columns}
    more = [
        str(one["name"])
        for name, one in there.items()
        if name not in ours and not one["nullable"] and one.get("default") is None
    ]
    if more:
        raise BatchError(
            f"{place} has a table {table.name} of another output: it needs {', '.join(more)}, which "
            f"{layout.task.name} does not predict; {mend}"
        )
    for name, kind in layout.written.items():
        found = there[name.lower()]["type"]
        if not isinstance(found, (*_ALIKE[kind], sa.types.NullType)):
            raise BatchError(
                f"{place} has a table {table.name} whose {name} is {found!r}, and "
                f"{layout.task.name} predicts {kind.__name__}; {mend}"
            )


def _require_held(connection: sa.Connection, layout: Layout, place: str) -> None:
    """Raise BatchError for a column's name, a count of columns or a label that the database cannot hold."""
    dialect, encoding = connection.dialect.name, sessions.encoding(connection)
    output = layout.task.output
    mend = "write to a folder of parquet files, PREDICTIONS=folder"
    limit = _MOST_COLUMNS[dialect]
    if len(layout.written) + 5 > limit:
        raise BatchError(f"{place} holds {limit} columns, and {len(layout.written)} are predicted; {mend}")
    for name in layout.written:
        lacking = encoding.lacking(name)
        if lacking is None and dialect == "postgresql" and len(name.encode(encoding.codec)) > _LONGEST:
            lacking = f"name longer than {_LONGEST} bytes"
        if lacking:
            raise BatchError(f"{place} holds no {lacking}, as the column {name!r} has it; {mend}")
    for label in getattr(output, "labels", ()):
        if isinstance(label, str) and (lacking := encoding.lacking(label)):
            raise BatchError(f"{place} holds no {lacking}, as the class {label!r} has it; {mend}")
