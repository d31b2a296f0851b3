"""Many predictions into a table at once, as each database likes it best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from threeways.batch.sink import Scores

_COLUMNS = "ride_id, pickup_datetime, ride_duration, flags, model_version"
_UPDATE = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:])


def predictions(connection: sa.Connection, table: sa.Table, scores: Scores, version: str | None) -> None:
    """Insert n predictions, over those of the same rides."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, scores, version)
        return
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?) "  # noqa: S608 - names of our own
        f"ON CONFLICT (ride_id) DO UPDATE SET {_UPDATE}",
        list(_rows(scores, version)),
    )


def _copy(connection: sa.Connection, table: sa.Table, scores: Scores, version: str | None) -> None:
    """COPY takes no conflict: it fills a table of the session's own, from which the rows are inserted."""
    driver: Any = connection.connection.driver_connection
    mine = f"{table.name}_copied"
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {mine} (LIKE {table.name}) ON COMMIT DROP")
        cursor.execute(f"TRUNCATE {mine}")
        with cursor.copy(f"COPY {mine} ({_COLUMNS}) FROM STDIN") as copy:
            for row in _rows(scores, version):
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table.name} ({_COLUMNS}) SELECT {_COLUMNS} FROM {mine} "  # noqa: S608 - ours
            f"ON CONFLICT (ride_id) DO UPDATE SET {_UPDATE}"
        )


def _rows(scores: Scores, version: str | None) -> Iterator[tuple[Any, ...]]:
    texts, minutes = scores.pickup_texts(), scores.minutes.tolist()
    for ride_id, pickup, duration, flags in zip(scores.ids, texts, minutes, scores.flags, strict=True):
        yield ride_id, pickup, duration, flags, version
