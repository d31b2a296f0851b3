"""The batch job scores any task's table: the event's type names the columns, the task its tables."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import RIDE, ids, kept, rides, rows, scored, table
from batch_lab import service as ride_service
from doubles import NOW
from other_tasks import READINGS, UPLOADS, Reading
from parity_rides import bits
from rich.console import Console
from second_task import tip_model

from threeways import batch as package
from threeways.batch import layout
from threeways.batch.command import Options
from threeways.batch.command import run as run_command
from threeways.batch.model import service_of
from threeways.batch.report import page
from threeways.errors import BatchError, DataError, SettingsError
from threeways.scoring.outcomes import Scored
from threeways.scoring.task import Time
from threeways.settings import Settings
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.tip import task as tip

pytest_plugins = ["postgres_server"]


@pytest.fixture(scope="module")
def tip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tip_model(tmp_path_factory.mktemp("tip") / "model", "ride_tip")


TIPS = [  # id, from zone, to zone, miles, pickup, payment type, tip
    (1, 130, 205, 3.66, "2021-02-01 08:15:00", 1, 2.5),
    (2, 130, 205, 1.0, "2021-02-01 09:15:00", 2, 0.0),
    (3, 999, 205, 2.0, "2021-02-02 08:15:00", 1, 99.0),
    (4, 130, None, 2.0, "2021-02-02 08:15:00", 1, 1.0),
]
TIP_COLUMNS = (
    "ride_id bigint primary key, pulocationid int, dolocationid int, trip_distance double precision, "
    "pickup_datetime timestamp, payment_type int, tip_amount double precision"
)


def as_file(path: Path, names: Sequence[str], given: Sequence[tuple[Any, ...]]) -> str:
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*given, strict=True)), strict=True))), path)
    return str(path)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "parquet"])
def test_a_second_task_is_scored_into_tables_of_its_own_and_judged_by_its_truth(
    tip_folder: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    service = service_of(tip_folder, Settings(task="ride_tip"))
    if kind == "parquet":
        names = ("ride_id", "PULocationID", "DOLocationID", "trip_distance", "lpep_pickup_datetime")
        source = as_file(tmp_path / "trips.parquet", (*names, "payment_type", "tip_amount"), TIPS)
        place = str(tmp_path / "out")
    else:
        place = source = table(
            request.getfixturevalue("postgres") if kind == "postgresql" else f"sqlite:///{tmp_path / 'a.db'}",
            TIP_COLUMNS,
            TIPS,
            "trips",
        )
    done = scored(tip, source, place, service=service, end="2021-03-01")
    assert (done.run.task, done.run.zone) == ("ride_tip", "America/New_York")
    assert (done.run.read, done.run.scored, done.run.quarantined) == (4, 3, 1)
    # The second was paid in cash and the third's tip is beyond what training keeps.
    assert (done.run.judged, round(done.run.mae or 0)) == (1, 1001)
    found = kept(tmp_path / "out") if kind == "parquet" else rows(place, "ride_tip_predictions")
    values = [tuple(row.values()) if isinstance(row, dict) else row for row in found]
    assert [(row[0], round(row[2], 2), row[3]) for row in values] == [
        (1, 1003.66, ""), (2, 1001.0, ""), (3, 1002.0, "unknown_zone"),
    ]  # fmt: skip
    if kind == "parquet":
        assert list(found[0]) == ["ride_id", "pickup_datetime", "tip", "flags", "model_version"]
    outcomes = service.score(
        [
            msgspec.json.encode(
                {"ride_id": row[0], "ride": dict(zip(("PULocationID", "DOLocationID", "trip_distance",
                 "pickup_datetime"), row[1:5], strict=True))}
            )
            for row in TIPS
        ],
        [NOW] * len(TIPS),
    )  # fmt: skip
    streamed = {one.event_id: bits(one.value) for one in outcomes if isinstance(one, Scored)}
    assert {row[0]: bits(row[2]) for row in values} == streamed
    report = page(done)
    for part in ("ride_tip, the first event", "What is predicted: tip", "USD", "of 0 to 50 USD"):
        assert part in report
    assert "min" not in re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", report, flags=re.DOTALL).split()


def _with_actual(tmp_path: Path, values: list[Any], actual: str = "really", **named: Any) -> Any:
    names = ["ride_id", "PULocationID", "DOLocationID", "trip_distance", "pickup_datetime", actual]
    given = [(row, *RIDE[:4], value) for row, value in enumerate(values)]
    events = as_file(tmp_path / "rides.parquet", names, given)
    naming = layout.Naming(actual=actual, **named)
    return scored(duration, events, str(tmp_path / "out"), naming, ride_service()).run


@pytest.mark.parametrize(
    "values",
    [
        [15, 15, 15],
        [15.0, None, 15.0],
        ["15", "15.0", None],
        ["2021-02-01 08:30:00", None],
        ["2021-02-01T08:30:00-05:00", None],
        [datetime(2021, 2, 1, 8, 30), None],  # noqa: DTZ001 - a table's times have no offset
    ],
    ids=["integers", "floats", "texts of numbers", "texts of times", "times with an offset", "times"],
)
def test_a_named_truth_is_a_number_in_the_outputs_unit_or_a_time(tmp_path: Path, values: list[Any]) -> None:
    exact = _with_actual(tmp_path, values)
    assert exact.judged == sum(one is not None for one in values)
    [row, *_] = kept(tmp_path / "out")
    assert exact.mae == pytest.approx(abs(row[duration.output.name] - 15))


@pytest.mark.parametrize("values", [["late", "early"], [True, False], [None, "soon"]])
def test_a_named_truth_that_is_neither_number_nor_time_is_refused(tmp_path: Path, values: list[Any]) -> None:
    with pytest.raises(DataError, match=r"ACTUAL=really: it holds '.*', where a number or a time belongs"):
        _with_actual(tmp_path, values)


@pytest.mark.parametrize(
    ("values", "says"),
    [([-5, -3], "2 of 2 are not within 1 to 60"), ([None, None], "2 of 2 rows hold no value")],
)
def test_the_command_says_why_a_named_truth_judges_nothing(
    tmp_path: Path, values: list[Any], says: str
) -> None:
    names = ["ride_id", "PULocationID", "DOLocationID", "trip_distance", "pickup_datetime", "really"]
    file = tmp_path / "rides.parquet"
    columns = zip(*[(row, *RIDE[:4], value) for row, value in enumerate(values)], strict=True)
    made = pa.table({name: list(one) for name, one in zip(names, columns, strict=True)})
    pq.write_table(made.set_column(5, "really", made["really"].cast(pa.float64())), file)
    options = Options(
        events=str(file), predictions=str(tmp_path / "out"), task="ride_duration",
        naming=layout.Naming(actual="really"), report=tmp_path / "report.html",
    )  # fmt: skip
    said = io.StringIO()
    refused = pytest.raises(DataError, match="there, but ACTUAL=really") if values[0] else nullcontext()
    with refused as error:
        run_command(options, ride_service, Console(file=said, width=300), tmp_path)
    said.write(str(error.value if error else ""))
    assert re.search(f"ACTUAL=really: nothing is judged: ({says})", said.getvalue())
    assert "ACTUAL=really: nothing is judged" in (tmp_path / "report.html").read_text()


def test_two_tasks_lie_side_by_side_in_one_place_and_know_nothing_of_each_other(
    tip_folder: Path, tmp_path: Path
) -> None:
    url = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(5)])
    out = f"sqlite:///{tmp_path / 'p.db'}"
    service = service_of(tip_folder, Settings(task="ride_tip"))
    for _ in range(2):
        first = scored(duration, url, out, service=ride_service())
        second = scored(tip, url, out, service=service)
    assert (len(first.before), len(second.before)) == (1, 1)
    assert ids(out) == ids(out, "ride_tip_predictions") == list(range(5))
    assert {row[2] for row in rows(out)} == {7.32}
    with sa.create_engine(out).connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {
            "ride_predictions", "ride_quarantine", "batch_runs",
            "ride_tip_predictions", "ride_tip_quarantine", "ride_tip_runs",
        }  # fmt: skip
    scored(duration, url, str(tmp_path / "folder"), service=ride_service())
    with pytest.raises(
        BatchError, match="holds predictions of TASK=ride_duration, and a folder those of one"
    ):
        scored(tip, url, str(tmp_path / "folder"), service=service)


BEFORE = """
CREATE TABLE ride_predictions (ride_id BIGINT NOT NULL, pickup_datetime DATETIME NOT NULL,
    ride_duration DOUBLE NOT NULL, flags TEXT NOT NULL, model_version TEXT, PRIMARY KEY (ride_id));
CREATE TABLE ride_quarantine (ride_id TEXT NOT NULL, pickup_datetime DATETIME, payload TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL);
CREATE TABLE batch_runs (id INTEGER NOT NULL, finished_at DATETIME NOT NULL, interval_start DATETIME,
    interval_end DATETIME NOT NULL, read_rows BIGINT NOT NULL, scored BIGINT NOT NULL,
    quarantined BIGINT NOT NULL, model_version TEXT, run TEXT NOT NULL, PRIMARY KEY (id));
INSERT INTO ride_predictions VALUES (1, '2021-02-01 07:15:00.000000', 9.5, '', 'old')
"""


def test_a_database_from_before_other_tasks_were_goes_on(tmp_path: Path) -> None:
    out = f"sqlite:///{tmp_path / 'p.db'}"
    recorded = {
        "source": f"sqlite:///{tmp_path / 'rides.db'}#rides",
        "interval": {"start": None, "end": "2021-02-01T08:00:00"}, "finished_at": "2021-03-01T00:00:00Z",
        "seconds": 1.5, "read": 1, "scored": 1, "quarantined": 0, "undated": 0, "undated_before": 0,
        "unscored_before": False, "late": 0, "missed": 0, "missed_since": None, "model_version": "old",
        "mean_minutes": 9.5, "judged": 0, "mae": None, "rmse": None,
    }  # fmt: skip
    engine = sa.create_engine(out)
    with engine.begin() as connection:
        for statement in BEFORE.split(";"):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(
            "INSERT INTO batch_runs VALUES (1, '2021-03-01', NULL, '2021-02-01 08:00:00', 1, 1, 0, 'old', ?)",
            (json.dumps(recorded),),
        )
    engine.dispose()
    url = rides(tmp_path / "rides.db", [(1, *RIDE[:3], "2021-02-01 07:15:00", None), (2, *RIDE), (3, *RIDE)])
    done = scored(duration, url, out, service=ride_service())
    assert [one.average for one in done.before] == [9.5]
    assert str(done.run.interval).startswith("2021-02-01 08:00 to ")
    assert [(row[0], row[4]) for row in rows(out)] == [(1, "old"), (2, "v1"), (3, "v1")]
    written = json.loads(rows(out, "batch_runs")[-1][-1])
    assert recorded.keys() < written.keys()
    assert written.keys() - recorded.keys() == {"task", "zone"}
    manifest = {"entries": [{"run": recorded, "predictions": [], "quarantine": []}]}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    files = scored(duration, url, str(tmp_path / "out"), service=ride_service())
    assert (files.run.scored, files.run.late, len(files.before)) == (3, 1, 1)


def test_the_command_makes_the_tasks_own_events_or_says_what_to_give(
    tip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threeways.systems.taxi.trips import demo

    demo.database(tmp_path / "rides.db", 3_000)
    said = io.StringIO()
    service = service_of(tip_folder, Settings(task="ride_tip"))
    console = Console(file=said, width=150)
    assert run_command(Options(task="ride_tip"), lambda: service, console, tmp_path)
    assert "rides.db#rides" in said.getvalue()
    assert json.loads((tmp_path / "last-batch.json").read_text())["task"] == "ride_tip"
    monkeypatch.setattr(Options, "layout", lambda _self: layout.of(UPLOADS))
    with pytest.raises(BatchError, match="TASK=upload-risk makes no events by itself; give EVENTS="):
        run_command(Options(), lambda: service, console, tmp_path)


class Twice(msgspec.Struct):
    id: int
    room: Reading
    label: str


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"event": Twice}, "more than one field of its event is called id"),
        ({"id": "key"}, "its event has no field key for the id"),
        ({"time": Time("when")}, "its event has no field when for `time`"),
        ({"time": Time("floor_number")}, "is neither text nor datetime"),
        ({"time": Time("taken_at", "Mars/Olympus")}, "Mars/Olympus is no time zone"),
    ],
)
def test_a_task_whose_events_lie_in_no_table_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    made: Any = type("Changed", (), {name: getattr(READINGS, name) for name in READINGS.__dataclass_fields__})
    for name, value in changes.items():
        setattr(made, name, value)
    with pytest.raises(SettingsError, match=says):
        layout.of(made)


def test_nothing_of_the_batch_job_names_a_system() -> None:
    words = re.compile(
        r"\brides?\b|ride_|_ride\b|pickup|drop.?off|new.york|taxi|\btrips?\b|threeways\.systems",
        re.IGNORECASE,
    )
    found = [
        f"{path.name}: {line.strip()}"
        for path in Path(package.__path__[0]).glob("*.py")
        for line in path.read_text().splitlines()
        if words.search(line) and path.name != "names.py"
    ]
    assert found == []
