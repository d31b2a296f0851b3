"""Find the columns of an event in a table of a database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from threeways.batch import engine as engines
from threeways.batch.layout import Layout
from threeways.errors import DataError


def columns_of(engine: sa.Engine, table: str, schema: str | None, layout: Layout) -> dict[str, Any]:
    """Return key -> each wanted column as SQLAlchemy reflects it, the id's first. Raises DataError."""
    inspector = sa.inspect(engine)
    where = f"EVENTS={engines.shown(engine)}"
    if not inspector.has_table(table, schema):  # a view or a foreign table is one too
        others = ", ".join(inspector.get_table_names(schema)) or "no table at all"
        raise DataError(f"{where} has no table {table} (it has {others}); name yours, TABLE=")
    columns = {str(one["name"]): one for one in inspector.get_columns(table, schema)}
    there = list(columns)
    found = {one: _alike(layout.prefixed(one, there), there) for one in layout.wanted}
    missing = [one.column for one, several in found.items() if one.required and not several]
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
    taken = {wanted.key: one for wanted, several in found.items() for one in several}
    key = taken[layout.id.name]
    if table in inspector.get_table_names(schema) and not _is_unique(inspector, table, schema, key):
        raise DataError(
            f"{where}: {key} of table {table} is not unique, and a prediction is for one event; make it "
            "the primary key or give it a unique index. Where it can't have one, as a partitioned table or a "
            "hypertable, make a view of it and name that, TABLE="
        )
    return {ours: columns[theirs] for ours, theirs in taken.items()}


def _alike(name: str, there: list[str]) -> list[str]:
    """Return the columns that may be meant by a name: the one that is equal, or those that differ in case."""
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
