"""The batch job scores any task's table: the event's type names the columns, the task its tables."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import RIDE, ids, rides, rows
from batch_lab import service as ride_service
from doubles import NOW
from other_tasks import READINGS, READINGS_BY_EVENT, UPLOADS, Reading, Sum
from parity_rides import bits
from rich.console import Console
from second_task import tip_model

from threeways import batch as package
from threeways.batch import database, layout, parquet, predictions_database, predictions_parquet
from threeways.batch.command import Options
from threeways.batch.command import run as run_command
from threeways.batch.job import Asked, Done, run
from threeways.batch.layout import Naming
from threeways.batch.model import service_of
from threeways.batch.report import page
from threeways.errors import BatchError, DataError, ModelFailed, SettingsError, TransientError
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task, Time
from threeways.settings import Settings
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.tip import task as tip

pytest_plugins = ["postgres_server"]


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


UPLOADED = [(1, 5, "video", '["a", "b"]'), (2, 7, "audio", "[]"), (3, 13, "audio", '["c"]'),
            (4, -1, "audio", None), (5, 1, "film", None), (6, 9, "video", None)]  # fmt: skip
UPLOAD_COLUMNS = "upload_id INTEGER PRIMARY KEY, size INTEGER, kind TEXT, tags TEXT"


@pytest.mark.parametrize("place", ["sqlite", "folder", "postgresql"])
@pytest.mark.parametrize("chunk", [2, 100])
def test_events_without_a_time_or_features_by_column_go_by_their_ids(
    tmp_path: Path, place: str, chunk: int, request: pytest.FixtureRequest
) -> None:
    out = {"sqlite": f"sqlite:///{tmp_path / 'p.db'}", "folder": str(tmp_path / "out")}.get(place)
    out = out or request.getfixturevalue("postgres")
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, UPLOADED, "uploads")

    def found(kind: str = "predictions") -> list[Any]:
        if place == "folder":
            return sorted(tuple(row.values()) for row in kept(tmp_path / "out", kind))
        return rows(out, f'"upload-risk_{kind}"')

    done = scored(UPLOADS, url, out, chunk=chunk).run
    assert (done.interval, done.read, done.scored, done.undated) == (None, 6, 3, 0)
    assert [(row[0], round(row[1], 3), row[2]) for row in found()] == [
        (1, 8.714, ""), (2, 7.0, "untagged"), (6, 10.143, "untagged"),
    ]  # fmt: skip
    reasons = {row[0]: row[3] for row in found("quarantine")}
    assert reasons.keys() == {"3", "4", "5"}
    assert "unlucky" in reasons["3"]
    assert "`int` >= 0 - at `$.size`" in reasons["4"]
    assert "at `$.kind`" in reasons["5"]
    again = scored(UPLOADS, url, out, chunk=chunk).run
    assert (again.read, again.scored, again.quarantined, again.good(0)) == (0, 0, 0, True)
    assert len(found("quarantine")) == 3
    mended = [*UPLOADED[:2], (3, 12, "audio", '["c"]'), *UPLOADED[3:], (7, 13, "audio", None)]
    table(url, UPLOAD_COLUMNS, mended, "uploads")
    third = scored(UPLOADS, url, out, chunk=chunk).run
    assert (third.read, third.scored, third.quarantined) == (2, 1, 1)
    assert [row[0] for row in found()] == [1, 2, 3, 6]
    assert [row[0] for row in found("quarantine")] == ["4", "5", "7"]


@pytest.mark.parametrize(
    "asked", [{"last": "day"}, {"start": "2021-02-01"}, {"end": "now"}, {"lookback": "2d"}]
)
def test_an_interval_is_refused_where_events_have_no_time(tmp_path: Path, asked: dict[str, Any]) -> None:
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, UPLOADED)
    with pytest.raises(BatchError, match=r"names no time of its events.*name their column, TIME=, or leave"):
        scored(UPLOADS, url, f"sqlite:///{tmp_path / 'p.db'}", **asked)


def test_a_column_that_is_named_gives_events_a_time_an_id_and_a_truth(tmp_path: Path) -> None:
    columns = "key INTEGER PRIMARY KEY, size INTEGER, kind TEXT, at DATETIME, points REAL"
    given = [(1, 5, "video", "2021-02-01 08:00:00", 6.0), (2, 5, "video", "2021-02-02 08:00:00+01:00", None),
             (3, 5, "video", None, 1.0), (4, 5, "video", "2021-02-03 00:00:00", 1.0)]  # fmt: skip
    url = table(f"sqlite:///{tmp_path / 'u.db'}", columns, given, "only")
    out = f"sqlite:///{tmp_path / 'p.db'}"
    naming = Naming("key", "at", "points")
    done = scored(UPLOADS, url, out, naming, start="2021-02-01", end="2021-02-03").run
    assert (done.scored, done.quarantined, done.undated, done.judged) == (2, 1, 1, 1)
    assert done.mae == pytest.approx(6 - (5 + 8 / 7), abs=1e-9) or done.mae == pytest.approx(5 + 8 / 7 - 6)
    assert [row[:2] for row in rows(out, '"upload-risk_predictions"')] == [
        (1, "2021-02-01 08:00:00.000000"), (2, "2021-02-02 07:00:00.000000"),
    ]  # fmt: skip
    assert "missing required field `at` - at `$`" in rows(out, '"upload-risk_quarantine"')[0][4]
    with pytest.raises(BatchError, match="holds predictions of runs by a time, TIME=; go on like that"):
        scored(UPLOADS, url, out, Naming("key"))
    with pytest.raises(DataError, match="lacks upload_id"):
        scored(UPLOADS, url, out, Naming(time="at"))
    with pytest.raises(DataError, match="lacks nothing"):
        scored(UPLOADS, url, out, Naming("key", "at", "nothing"))
    with pytest.raises(SettingsError, match="two columns of its predictions would be called flags"):
        layout.of(UPLOADS, Naming(time="Flags"))


WHEN = "2021-02-01 08:15:00"
ODD: dict[str, list[Any]] = {
    "floor_number": [0, -3, -4, 199, 200, None, 2.0, 2.5, "2", 2**40],
    "warmth": [None, 0, 60, 60.1, -50, -49.9, 1e400, -1e400, "warm", 2**53 + 1],
    "is_open": [True, False, None, 2, "yes", 0.0],
    "guests": [None, 5, -(2**63), 2**62, 1.0, 1.5, "5"],
    "label": [None, "", "abcde", "abcdef", "ü", "\U0001f600" * 5, 5],
    "lit": [None, True, False, "no"],
    "taken_at": [WHEN, "2021-02-01T08:15:00", "2021-02-01T08:15:00Z", "2021-07-01T08:15:00.25+05:00", None,
                 "2021-02-01", "soon", "2021-02-30 08:00:00", 20210201, "0001-01-01T00:00:00"],
}  # fmt: skip
SOUND: dict[str, Any] = {"id": 0, "floor_number": 2, "warmth": 20.5, "is_open": True, "guests": 3,
                         "label": "hall", "lit": False, "taken_at": WHEN}  # fmt: skip
EVER: dict[str, Any] = {"start": "0001-01-01", "end": "2022-01-01"}


def streamed(given: Sequence[dict[str, Any]]) -> dict[Any, bytes | None]:
    """What the stream answers: of each event by its number, None where it is refused."""
    service: ModelService[Any] = ModelService(Sum(), READINGS, "v1")
    wire = {"floor_number": "floorNumber", "is_open": "isOpen"}
    answers: dict[Any, bytes | None] = {}
    for number, one in enumerate(given):
        room = {wire.get(name, name): one[name] for name in list(SOUND)[1:-1]}
        if room["label"] is None:  # the table has null where the stream has no such field
            del room["label"]
        event = {"id": one["id"], "room": room, "taken_at": one["taken_at"]}
        infinite = any(isinstance(value, float) and abs(value) == float("inf") for value in one.values())
        outcome = service.score([msgspec.json.encode(event)], [NOW])[0] if one["taken_at"] else None
        fits = isinstance(outcome, Scored) and not infinite
        answers[number] = bits(outcome.value) if fits and isinstance(outcome, Scored) else None
    return answers


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
@pytest.mark.parametrize("chunk", [1, 100])
def test_each_odd_value_is_taken_or_refused_as_the_stream_does(
    tmp_path: Path, task: Task[Any], chunk: int
) -> None:
    odd = [SOUND | {name: value} for name, values in ODD.items() for value in values]
    given = [one | {"id": number} for number, one in enumerate(odd)]
    url = table(
        f"sqlite:///{tmp_path / 'r.db'}",
        "id INTEGER PRIMARY KEY, floor_number, warmth, is_open, guests, label, lit, taken_at",
        [tuple(one.values()) for one in given],
    )
    out = f"sqlite:///{tmp_path / 'p.db'}"
    done = scored(task, url, out, chunk=chunk, **EVER).run
    expected = streamed(given)
    found = {row[0]: bits(row[2]) for row in rows(out, "readings_predictions")}
    assert {number: answer for number, answer in expected.items() if answer} == found
    assert done.scored + done.quarantined == len(given)
    messages = " ".join(row[4] for row in rows(out, "readings_quarantine"))
    for at in ("$.room.floorNumber", "$.room.warmth", "$.room.isOpen", "$.room.label", "$.taken_at"):
        assert at in messages


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
def test_arrows_types_are_taken_as_a_databases_are(tmp_path: Path, task: Task[Any]) -> None:
    columns = {
        "id": ["a", "b", "c", "d"],
        "floor_number": pa.array([1.0, 2.0, None, 2.5]),
        "warmth": pa.array([1, None, 3, 4], pa.int8()),
        "is_open": pa.array([True, False, True, True]),
        "guests": pa.array([None, 2**62, 1, 1], pa.int64()),
        "label": pa.array(["x", None, "y", "z"]).dictionary_encode(),
        "taken_at": pa.array([1_612_163_700_000_000] * 4, pa.timestamp("us", tz="UTC")),
        "metered": [5, 5, 5, 5],
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    done = scored(task, str(tmp_path / "r.parquet"), str(tmp_path / "out"), **EVER)
    found = {row["id"]: row for row in kept(tmp_path / "out")}
    assert found.keys() == {"a", "b"}
    assert str(found["a"]["taken_at"]) == "2021-02-01 08:15:00"
    given = [SOUND | {"floor_number": 1, "warmth": 1, "guests": None, "label": "x", "lit": None},
             SOUND | {"warmth": None, "is_open": False, "guests": 2**62, "label": None, "lit": None},
    ]  # fmt: skip
    assert [bits(found[key]["energy"]) for key in "ab"] == list(streamed(given).values())
    assert (done.run.quarantined, done.run.judged) == (2, 2)


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
def test_postgresqls_types_are_taken_as_sqlites_are(postgres: str, task: Task[Any]) -> None:
    columns = (
        "id uuid primary key, floor_number numeric, warmth numeric, is_open boolean, guests bigint, "
        "label varchar(9), lit boolean, taken_at timestamptz"
    )
    key = "00000000-0000-0000-0000-00000000000{}"
    given = [
        (key.format(n), *row)
        for n, row in enumerate(
            [
                (2, 20.5, True, 3, "hall", None, "2021-02-01 07:15:00+00"),
                (2, None, False, None, None, True, "2021-02-01 08:15:00+01"),
                (2, "NaN", True, 3, "hall", False, "2021-02-01 07:15:00+00"),
                (2.5, 1, True, 3, "hall", False, "2021-02-01 07:15:00+00"),
                (2, 1, None, 3, "toolong", False, "2021-02-01 07:15:00+00"),
            ]
        )
    ]
    table(postgres, columns, given)
    done = scored(task, postgres, postgres, start="2021-02-01T08:15", end="2021-02-01T08:16", chunk=2).run
    found = rows(postgres, "readings_predictions")
    assert [row[0][-1] for row in found] == ["0", "1", "2"]
    assert {str(row[1]) for row in found} == {"2021-02-01 08:15:00"}
    same = [SOUND | {"lit": None}, SOUND | {"warmth": None, "is_open": False, "guests": None, "label": None}
            | {"lit": True}, SOUND | {"warmth": None}]  # fmt: skip
    assert [bits(row[2]) for row in found] == list(streamed(same).values())
    assert (done.scored, done.quarantined) == (3, 2)


def test_lists_are_taken_from_json_columns(postgres: str) -> None:
    columns = "upload_id bigint primary key, size int, kind text, tags jsonb"
    table(postgres, columns, [(1, 5, "video", '["a", "b"]'), (2, 5, "video", "7"), (3, 5, "audio", None)])
    scored(UPLOADS, postgres, postgres)
    assert [row[0] for row in rows(postgres, '"upload-risk_predictions"')] == [1, 3]
    assert "Expected `array`, got `int` - at `$.tags`" in rows(postgres, '"upload-risk_quarantine"')[0][3]


def test_a_run_by_ids_that_fails_half_way_keeps_nothing(tmp_path: Path) -> None:
    class Dies(Sum):
        calls = 0

        def predict(self, block: Any) -> Any:
            self.calls += 1
            if self.calls > 2:
                raise MemoryError
            return super().predict(block)

    given = [(n, 5, "video", None) for n in range(20)]
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, given)
    for place in (f"sqlite:///{tmp_path / 'p.db'}", str(tmp_path / "out")):
        scored(UPLOADS, table(url, UPLOAD_COLUMNS, given[:1]), place)
        table(url, UPLOAD_COLUMNS, given)
        with pytest.raises((ModelFailed, TransientError)):
            scored(UPLOADS, url, place, service=ModelService(Dies(), UPLOADS, "v2"), chunk=5)
        assert scored(UPLOADS, url, place).run.scored == 19
    assert (
        len(kept(tmp_path / "out"))
        == len(rows(f"sqlite:///{tmp_path / 'p.db'}", '"upload-risk_predictions"'))
        == 20
    )


def test_a_reports_parts_are_the_tasks_or_its_first_numbers(tmp_path: Path) -> None:
    given = [tuple((SOUND | {"id": n, "warmth": n / 10}).values()) for n in range(30)]
    names = "id INTEGER PRIMARY KEY, floor_number, warmth, is_open, guests, label, lit, taken_at"
    url = table(f"sqlite:///{tmp_path / 'r.db'}", names, given)
    done = scored(READINGS, url, f"sqlite:///{tmp_path / 'p.db'}")
    report = page(done)
    for part in (
        "By warmth",
        "By floor_number",
        "By hour of taken_at",
        "Europe/Berlin",
        "kWh",
        "readings, the",
    ):
        assert part in report
    assert "No energy of 0 to inf kWh is known" in report
    assert [int(slices.events.sum()) for _, slices in done.tally.parts] == [30, 30, 30]


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
