"""Put many predictions into a table at once, as each database likes it best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from threeways.batch.sink import Scores


def predictions(connection: sa.Connection, table: sa.Table, scores: Scores, version: str | None) -> None:
    """Insert n predictions, over those of the same events. table: see `predictions_tables`."""
    quote = connection.dialect.identifier_preparer.quote
    key, *others = [quote(column.name) for column in table.columns]
    columns = ", ".join((key, *others))
    update = ", ".join(f"{name} = excluded.{name}" for name in others)
    rows = _rows(scores, version, timed=len(others) == 4)
    name = quote(table.name)
    if connection.dialect.name == "postgresql":
        source = _copy(connection, table, columns, rows)
        connection.exec_driver_sql(
            f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {source} "  # noqa: S608 - quoted
            f"ON CONFLICT ({key}) DO UPDATE SET {update}"
        )
        return
    marks = ", ".join("?" * len(table.columns))
    connection.exec_driver_sql(
        f"INSERT INTO {name} ({columns}) VALUES ({marks}) "  # noqa: S608 - quoted
        f"ON CONFLICT ({key}) DO UPDATE SET {update}",
        list(rows),
    )


def _copy(connection: sa.Connection, table: sa.Table, columns: str, rows: Iterator[tuple[Any, ...]]) -> str:
    """Fill a table of the session's own, from which the rows are inserted: COPY takes no conflict."""
    driver: Any = connection.connection.driver_connection
    quote = connection.dialect.identifier_preparer.quote
    mine = quote(f"{table.name}_copied")
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {mine} (LIKE {quote(table.name)}) ON COMMIT DROP")
        cursor.execute(f"TRUNCATE {mine}")
        with cursor.copy(f"COPY {mine} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    return mine


def _rows(scores: Scores, version: str | None, *, timed: bool) -> Iterator[tuple[Any, ...]]:
    values, texts = scores.values.tolist(), scores.time_texts() if timed else None
    if texts is None:
        for event_id, value, flags in zip(scores.ids, values, scores.flags, strict=True):
            yield event_id, value, flags, version
        return
    for event_id, time, value, flags in zip(scores.ids, texts, values, scores.flags, strict=True):
        yield event_id, time, value, flags, version
