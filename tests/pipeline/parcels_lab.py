"""Parcels: a task whose events are read from files, and the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
from events_lab import workload
from msgspec import Meta

from threeways.local_run.event_rows import ColumnNames
from threeways.scoring import Features, Task, Time, Truth, Value
from threeways.scoring.decoding import Id
from threeways.scoring.events import Events


class Place(msgspec.Struct, frozen=True):
    zip: str
    floor: Annotated[int, Meta(ge=0, le=200)] = 0


class Parcel(msgspec.Struct, frozen=True):
    parcel_id: Id
    weight: Annotated[float, Meta(gt=0)]
    express: bool
    place: Place
    sent: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | None = None


def features(events: Any, arrived: Any) -> Features:
    return Features(np.zeros((len(events), 1)), [()] * len(events))


TASK = Task(
    name="parcels", event=Parcel, id="parcel_id", columns=("x",), features=features, output=Value("days"),
    example=Parcel("p", 2.5, True, Place("1011", 3), "2026-01-02T03:04:05"), time=Time("sent"),
    truth=Truth(column="arrived", since=True, most=90),
)  # fmt: skip


ROWS: list[dict[str, Any]] = [
    {"parcel_id": f"p{n}", "weight": n + 0.5, "express": n % 2 == 0, "zip": f"0{n}", "floor": n,
     "sent": f"2026-01-02T03:{n:02}:00", "arrived": "2026-01-02T04:00:00"}
    for n in range(5)
]  # fmt: skip


def events_from(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "parcel_id": row["parcel_id"], "weight": row["weight"], "express": row["express"],
        "place": {"zip": row["zip"], "floor": row["floor"]}, "sent": row["sent"],
    }  # fmt: skip


def parquet(rows: list[dict[str, Any]], path: Path) -> Path:
    pd.DataFrame(rows).to_parquet(path)
    return path


def csv(rows: list[dict[str, Any]], path: Path) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def json_lines(rows: list[dict[str, Any]], path: Path) -> Path:
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    return path


WRITERS = [parquet, csv, json_lines]


type Write = Callable[[list[dict[str, Any]], Path], Path]


def read(path: object, task: Task[Any] = TASK, **columns: str) -> Events:
    return workload(spec=str(path), task=task, columns=ColumnNames(**columns)).events


def decoded(events: Events) -> list[Any]:
    return [json.loads(payload) for payload in events.payloads()]
