"""Rides in small databases, a quick model, and what became of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from doubles import FakeModel
from rich.console import Console

from threeways.batch import database, layout, predictions_database
from threeways.batch.job import Asked, Done, run
from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task

LAYOUT = layout.of(task)
RIDE = (130, 205, 3.66, "2021-02-01 08:15:00", "2021-02-01 08:30:00")
COLUMNS = "PULocationID INTEGER, DOLocationID INTEGER, trip_distance REAL, pickup_datetime DATETIME"


def service(version: str = "v1", model: Any = None) -> ModelService[Any]:
    return ModelService(model or FakeModel(), task, version)


def rides(path: Path, rows: Sequence[tuple[Any, ...]], key: str = "ride_id INTEGER PRIMARY KEY") -> str:
    """A database of rides: rows of (ride_id, from zone, to zone, miles, pickup, drop-off)."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS rides")
        connection.exec_driver_sql(f"CREATE TABLE rides ({key}, {COLUMNS}, dropoff_datetime DATETIME)")
        connection.exec_driver_sql("INSERT INTO rides VALUES (?, ?, ?, ?, ?, ?)", list(rows))
    engine.dispose()
    return f"sqlite:///{path}"


def batch(source: str, sink: str, *, version: str = "v1", model: Any = None, **asked: Any) -> Done:
    """One run from a database into a database."""
    console = asked.pop("console", None) or Console(file=io.StringIO())
    with (
        database.opened(source, asked.pop("table", "rides"), LAYOUT) as rides_from,
        predictions_database.opened(sink, LAYOUT) as place,
    ):
        return run(Asked(**asked), rides_from, place, lambda: service(version, model), console)


def rows(url: str, table: str = "ride_predictions") -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608
    engine.dispose()
    return found


def ids(url: str, table: str = "ride_predictions") -> list[Any]:
    return [row[0] for row in rows(url, table)]
