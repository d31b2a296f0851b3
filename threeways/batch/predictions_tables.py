"""Define the tables of a predictions database: a task's predictions, quarantine and runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from threeways.batch.layout import Layout
from threeways.errors import BatchError


def tables(layout: Layout, *, text_ids: bool) -> sa.MetaData:
    """Return the task's three tables."""
    found, names = sa.MetaData(), layout.names
    event_id: Any = sa.Text() if text_ids else sa.BigInteger()
    times = [sa.Column(layout.time_name, sa.DateTime, nullable=False)] if layout.time else []
    sa.Table(
        names.predictions,
        found,
        sa.Column(layout.id.name, event_id, primary_key=True, autoincrement=False),
        *times,
        sa.Column(layout.task.output.name, sa.Double, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text),
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
    """Raise BatchError where a table of one of these names has not the task's columns."""
    inspector = sa.inspect(connection)
    for table in tables(layout, text_ids=False).tables.values():
        if not inspector.has_table(table.name):
            continue
        there = {str(one["name"]).lower() for one in inspector.get_columns(table.name)}
        lacking = [one.name for one in table.columns if one.name.lower() not in there]
        if lacking:
            raise BatchError(
                f"{place} has a table {table.name} without {', '.join(lacking)}, which this task writes; "
                "rename that table, give TIME= as before, or name another place, PREDICTIONS="
            )
