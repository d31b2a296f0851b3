"""Rides in small databases, a quick model, and what became of them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa
from doubles import FakeModel
from other_tasks import Sum
from rich.console import Console

from threeways.batch import database, layout, parquet, predictions_database, predictions_parquet
from threeways.batch.job import Asked, Done, run
from threeways.batch.layout import Naming
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
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


def table(url: str, columns: str, given: Sequence[tuple[Any, ...]], name: str = "events") -> str:
    """A table with these columns (SQL) and rows, in SQLite or PostgreSQL."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    mark = "%s" if url.startswith("postgresql") else "?"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join([mark] * len(given[0]))
        connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", list(given))  # noqa: S608
    engine.dispose()
    return url


def scored(
    task: Task[Any], source: str, place: str, naming: Naming | None = None, service: Any = None, **asked: Any
) -> Done:
    """One run of a task, from and into a database or files."""
    ours = layout.of(task, naming)
    opened = (
        database.opened(source, asked.pop("table", None), ours)
        if "://" in source
        else parquet.opened(source, lambda _line: None, ours)
    )
    sink = predictions_database if "://" in place else predictions_parquet
    with opened as events, sink.opened(place, ours) as predictions:
        service = service or ModelService(Sum(), task, "v1")
        return run(Asked(**asked), events, predictions, lambda: service, Console(file=io.StringIO()))


def kept(folder: Path, kind: str = "predictions") -> list[dict[str, Any]]:
    """The rows of the files that a folder's manifest names."""
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    return [
        row
        for entry in entries
        for part in entry[kind]
        for row in pq.read_table(folder / part["name"]).to_pylist()
    ]
