"""Intervals as users of the web service, the batch job and a run meet them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, batch, kept, rides, scored, service
from doubles import FakeModel, IntervalModel
from rich.console import Console
from test_pipeline_console import result
from web_lab import serving

from threeways.batch import command, report
from threeways.batch.predictions_database import opened
from threeways.local_run import console as run_console
from threeways.local_run.ledger import Received
from threeways.local_run.result import ledger_of
from threeways.scoring.service import ModelService
from threeways.systems.taxi import tip
from threeways.systems.taxi.duration import task
from threeways.web.html import ranged

EVENT = {"ride_id": 256, "ride": {"PULocationID": 130, "DOLocationID": 205, "trip_distance": 3.66,
         "pickup_datetime": "2021-02-01T08:15:00"}}  # fmt: skip
RIDES = [
    (n, 130, 205, float(n), "2021-02-01 08:15:00", f"2021-02-01 08:{15 + 2 * n}:30") for n in range(1, 6)
]


def test_the_web_service_answers_with_the_interval_and_documents_it() -> None:
    with serving(ModelService(IntervalModel(), task, "v1")) as client:
        made = client.post("/predict", json=EVENT).json()["prediction"]
        assert made == {"ride_duration": 7.32, "interval": [6.32, 8.82], "ride_id": 256}
        [one] = client.post("/predict/batch", json=[EVENT]).json()["results"]
        assert one["prediction"] == made
        schemas = client.get("/docs/openapi.json").json()["components"]["schemas"]
        told = next(one for name, one in schemas.items() if name.endswith("Predicted"))["properties"]
        assert told["interval"]["type"] == "array"
        asked = {"pickup": "130", "dropoff": "205", "miles": "3.66", "at": "2021-02-01T08:15"}
        assert (
            '<p id="interval">6.3 to 8.9 minutes, most likely 7.3</p>' in client.get("/", params=asked).text
        )


def test_the_form_of_any_task_tells_the_interval_in_words_and_the_number_once() -> None:
    with serving(ModelService(IntervalModel(), tip.task, "v1")) as client:
        asked = {
            "ride_id": "1",
            "ride.PULocationID": "130",
            "ride.DOLocationID": "205",
            "ride.trip_distance": "3.66",
        }
        page = client.get("/", params=asked).text
        assert '<p id="interval">6.3 to 8.9 USD, most likely 7.3</p>' in page
        assert "Interval:" not in page


@pytest.mark.parametrize(
    ("interval", "value", "words"),
    [
        ((14.2, 30.9), 21.3, "14 to 31 minutes, most likely 21"),
        ((0.0, 3.4), 1.6, "0 to 4 minutes, most likely 2"),
        ((6.32, 8.82), 7.32, "6.3 to 8.9 minutes, most likely 7.3"),
        ((0.0123, 0.0345), 0.02, "0.012 to 0.035 minutes, most likely 0.020"),
        ((5.0, 5.0), 5.0, "5 to 5 minutes, most likely 5"),
        ((-1e17, 1e17), 0.0, "-1e+17 to 1e+17 minutes, most likely 0.00"),
        ((1, 9), 4, "1 to 9 minutes, most likely 4"),
    ],
)
def test_an_interval_in_words(interval: Any, value: float, words: str) -> None:
    assert ranged(interval, value, "minutes") == words


def columns(url: str) -> list[dict[str, Any]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [
            dict(one)
            for one in connection.execute(sa.text("SELECT * FROM ride_predictions ORDER BY 1")).mappings()
        ]
    engine.dispose()
    return found


def test_a_database_gets_two_columns_more_and_a_model_without_leaves_them_empty(tmp_path: Path) -> None:
    source, place = rides(tmp_path / "rides.db", RIDES), f"sqlite:///{tmp_path / 'predictions.db'}"
    span = {"start": "2021-02-01", "end": "2021-02-02"}
    batch(source, place, **span)
    assert "ride_duration_low" not in columns(place)[0]
    done = batch(source, place, model=IntervalModel(), version="v2", **span)
    first = columns(place)[0]
    assert (first["ride_duration"], first["ride_duration_low"], first["ride_duration_high"]) == (
        2.0,
        1.0,
        3.5,
    )
    # 2, 4, 6, 8 and 10 minutes are predicted; 2.5, 4.5, … 10.5 were true
    assert done.run.coverage == 1.0
    assert done.run.mean_width == pytest.approx((4 * 2.5 + 4.5) / 5)
    batch(source, place, version="v3", **span)
    assert [one["ride_duration_low"] for one in columns(place)] == [None] * 5
    assert [one["model_version"] for one in columns(place)] == ["v3"] * 5


def test_a_prediction_that_is_replaced_by_a_model_without_keeps_no_interval_of_the_former(
    tmp_path: Path,
) -> None:
    source, place = rides(tmp_path / "rides.db", RIDES), f"sqlite:///{tmp_path / 'predictions.db'}"
    batch(source, place, model=IntervalModel(), start="2021-02-01", end="2021-02-02")
    moved = [(*one[:4], one[4].replace("02-01", "02-02"), None) for one in RIDES]
    rides(tmp_path / "rides.db", moved)
    batch(source, place, version="v2", start="2021-02-02", end="2021-02-03", lookback=None)
    assert [(one["model_version"], one["ride_duration_low"]) for one in columns(place)] == [("v2", None)] * 5


def test_a_folder_takes_predictions_with_intervals_beside_those_without(tmp_path: Path) -> None:
    source, folder = rides(tmp_path / "rides.db", RIDES), tmp_path / "predictions"
    for day, model in ((1, FakeModel()), (2, IntervalModel()), (3, FakeModel())):
        rides(
            tmp_path / "rides.db", [(*one[:4], one[4].replace("02-01", f"02-0{day}"), None) for one in RIDES]
        )
        scored(task, source, str(folder), service=service(model=model), table="rides",
               start=f"2021-02-0{day}", end=f"2021-02-0{day + 1}")  # fmt: skip
    assert [row.get("ride_duration_high") for row in kept(folder)][4:11] == [
        None,
        3.5,
        5.5,
        7.5,
        9.5,
        12.5,
        None,
    ]
    files = sorted(folder.glob("predictions_*.parquet"))
    assert "ride_duration_low" in pq.read_schema(files[1]).names


def test_the_report_and_the_summary_tell_how_many_intervals_hold(tmp_path: Path) -> None:
    late = [
        (*one[:5], one[5].replace(":30", ":00") if one[0] < 5 else "2021-02-01 09:14:00") for one in RIDES
    ]
    source = rides(tmp_path / "rides.db", late)
    done = batch(
        source, f"sqlite:///{tmp_path / 'p.db'}", model=IntervalModel(), start="2021-02-01", end="2021-02-02"
    )
    assert done.run.coverage == 0.8
    assert "<b>80.0%</b>of the intervals hold, 2.90 minutes wide in the mean" in report.page(done)
    console = Console(file=io.StringIO(), width=120)
    command.show(done, console, "there", good=True)
    assert "80.0%, 2.90 minutes wide" in console.file.getvalue()  # type: ignore[attr-defined]
    plain = batch(source, f"sqlite:///{tmp_path / 'q.db'}", start="2021-02-01", end="2021-02-02")
    assert "intervals" not in report.page(plain)


def test_a_table_of_the_user_s_own_gets_the_columns_too(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path / 'p.db'}"
    with opened(place, LAYOUT):
        pass
    batch(rides(tmp_path / "rides.db", RIDES), place, model=IntervalModel())
    assert len(columns(place)) == 5


def test_a_run_s_ledger_and_table_tell_the_intervals_and_how_many_hold(tmp_path: Path) -> None:
    plain = result(tmp_path, truth=np.arange(20.0))
    assert (ledger_of(plain).coverage, ledger_of(plain).mean_width) == (None, None)
    made: Any = plain.account.predictions
    for event_id in made:
        made[event_id] = Received(12.5, 2.0, interval=[8.5, 14.0])
    told = result(tmp_path, truth=np.arange(20.0))
    told.account.predictions.update(made)  # type: ignore[attr-defined]
    ledger = ledger_of(told)
    assert (ledger.coverage, ledger.mean_width) == (6 / 17, 5.5)  # 9 to 14 of 0 to 16
    console = Console(file=io.StringIO(), width=120)
    run_console.show_ledger(console, ledger, told)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "35.3% of their intervals hold what was true, 5.50 minutes wide in the mean" in shown
    assert "8.5 to 14.0" in shown
