"""Rows that are entered after the run for their time: scored within LOOKBACK, told beyond."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, RIDE, batch, ids, rides, rows, service
from doubles import FakeModel
from rich.console import Console

from threeways.batch import parquet, predictions_parquet
from threeways.batch.chunk import Chunk
from threeways.batch.command import Options, show
from threeways.batch.command import run as run_command
from threeways.batch.interval import Interval, now, wall
from threeways.batch.job import Asked, Done, run
from threeways.batch.window import lookback_of, of
from threeways.errors import BatchError

pytest_plugins = ["postgres_server"]


def ago(**time: float) -> str:
    return f"{wall(now(), LAYOUT.zone) - timedelta(**time):%Y-%m-%d %H:%M:%S}"


def enter(url: str, *table: tuple[Any, ...]) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    marks = "%s, %s, %s, %s, %s, %s" if url.startswith("postgresql") else "?, ?, ?, ?, ?, ?"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO rides VALUES ({marks})", list(table))  # noqa: S608
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A table with two rides, and a place for predictions."""
    start = [(1, *RIDE[:3], ago(days=30), None), (2, *RIDE[:3], ago(hours=5), None)]
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres")
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE rides (ride_id bigint PRIMARY KEY, pulocationid integer, dolocationid integer, "
                "trip_distance double precision, pickup_datetime timestamp, dropoff_datetime timestamp)"
            )
        engine.dispose()
        enter(url, *start)
        return url, url
    out = f"sqlite:///{tmp_path / 'predictions.db'}"
    return rides(tmp_path / "rides.db", start), out


def test_a_row_that_is_entered_an_hour_late_is_scored_by_the_next_run(places: tuple[str, str]) -> None:
    batch(*places)
    enter(places[0], (3, *RIDE[:3], ago(hours=1), None), (4, *RIDE[:2], -1.0, ago(hours=1), None))
    model = FakeModel()
    done = batch(*places, version="v2", model=model)
    assert (done.run.read, done.run.scored, done.run.late, done.run.missed) == (2, 1, 2, 0)
    assert model.calls == [1]
    assert [(row[0], row[4]) for row in rows(places[1])] == [(1, "v1"), (2, "v1"), (3, "v2")]
    assert ids(places[1], "ride_quarantine") == ["4"]
    again = batch(*places).run
    assert (again.read, again.late) == (0, 0)
    assert ids(places[1], "ride_quarantine") == ["4"]


def test_a_row_that_is_too_late_is_told_until_a_longer_lookback_scores_it(places: tuple[str, str]) -> None:
    batch(*places)
    enter(places[0], (3, *RIDE[:3], ago(days=9), None), (4, *RIDE[:3], ago(days=8), None))
    for _ in range(2):
        done = batch(*places)
        assert (done.run.read, done.run.missed) == (0, 2)
    said = io.StringIO()
    show(done, Console(file=said, width=200), places[1], good=True)
    assert (
        f"2 rows were entered too late for LOOKBACK= and have no prediction, the oldest of {ago(days=9)[:10]}"
        in (said.getvalue())
    )
    assert "LOOKBACK=10d scores them too" in said.getvalue()
    assert batch(*places, lookback="10d").run.late == 2
    assert ids(places[1]) == [1, 2, 3, 4]
    assert batch(*places).run.missed == 0


def test_a_deleted_ride_hides_no_late_one(places: tuple[str, str]) -> None:
    batch(*places)
    enter(places[0], (5, *RIDE[:3], ago(days=9), None))
    engine = sa.create_engine(places[0].replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rides WHERE ride_id = 1")
    engine.dispose()
    assert batch(*places).run.missed == 1


def test_late_rows_whose_ids_are_texts(tmp_path: Path) -> None:
    key = "ride_id TEXT PRIMARY KEY"
    url = rides(tmp_path / "rides.db", [("007", *RIDE[:3], ago(days=9), None)], key=key)
    out = f"sqlite:///{tmp_path / 'predictions.db'}"
    batch(url, out)
    enter(url, ("7", *RIDE[:3], ago(hours=1), None), ("07", *RIDE[:3], ago(days=8), None))
    done = batch(url, out).run
    assert (done.late, done.missed) == (1, 1)
    assert ids(out) == ["007", "7"]


def test_what_is_older_is_not_read_where_nothing_lacks(
    places: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch(*places)
    said = io.StringIO()
    batch(*places, console=Console(file=said, width=200))
    asked: list[Interval] = []

    from threeways.batch import database, predictions_database

    with (
        database.opened(places[0], "rides", LAYOUT) as source,
        predictions_database.opened(places[1], LAYOUT) as sink,
    ):
        chunks = source.chunks

        def noted(interval: Interval, size: int) -> Iterator[Chunk]:
            asked.append(interval)
            return chunks(interval, size)

        monkeypatch.setattr(source, "chunks", noted)
        run(Asked(), source, sink, service, Console(file=io.StringIO()))
    assert asked[0].start is not None
    assert asked[0].start > wall(now(), LAYOUT.zone) - timedelta(days=3)


def test_last_day_takes_what_was_entered_late_for_the_day_before(tmp_path: Path) -> None:
    midnight = wall(now(), LAYOUT.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    before, yesterday = midnight - timedelta(hours=25), midnight - timedelta(hours=3)
    url = rides(tmp_path / "rides.db", [(1, *RIDE[:3], f"{before - timedelta(days=3)}", None)])
    out = f"sqlite:///{tmp_path / 'predictions.db'}"
    batch(url, out, start="2021-01-01", end=f"{midnight - timedelta(days=1)}")
    enter(url, (2, *RIDE[:3], f"{before}", None), (3, *RIDE[:3], f"{yesterday}", None))
    done = batch(url, out, last="day").run
    assert (done.scored, done.late) == (2, 1)


def test_an_interval_that_is_named_and_a_lookback_of_nothing_look_at_themselves_alone(
    places: tuple[str, str],
) -> None:
    batch(*places)
    enter(places[0], (3, *RIDE[:3], ago(hours=1), None))
    assert batch(*places, start=ago(minutes=30)).run.read == 0
    assert batch(*places, lookback="0").run.read == 0
    with pytest.raises(BatchError, match="leave LOOKBACK= out"):
        batch(*places, start="2021-01-01", lookback="2d")
    assert batch(*places).run.late == 1


def test_rows_of_a_time_that_was_never_asked_for_are_not_late(places: tuple[str, str]) -> None:
    batch(*places, start=ago(hours=6))
    done = batch(*places, lookback="90d").run
    assert (done.read, done.missed) == (0, 0)


def test_a_failed_run_keeps_no_late_row(places: tuple[str, str]) -> None:
    batch(*places)
    enter(places[0], (3, *RIDE[:3], ago(hours=1), None), (4, *RIDE[:3], ago(hours=1), None))

    class Dies(FakeModel):
        def __init__(self) -> None:
            super().__init__(lambda _block: len(self.calls) > 1)

    with pytest.raises(Exception, match="predict"):
        batch(*places, chunk=1, model=Dies())
    assert ids(places[1]) == [1, 2]
    assert batch(*places).run.late == 2


@pytest.mark.parametrize("text", ["day", "1", "-1d", "1.5d", "1y", "\u0661d", "", "999999d"])
def test_a_lookback_that_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(BatchError, match=r"write 36h, 2d or 1w, or 0 for none"):
        lookback_of(text)


def test_a_lookback_reaches_from_the_midnight_before_and_as_far_as_what_is_done() -> None:
    def at(*parts: int) -> Any:
        return wall(now(), LAYOUT.zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(*parts)

    done = [Interval(at(-9), at(-5)), Interval(at(-3), at(-1, 3600)), Interval(at(-1, 3600), at(0, 60))]
    window = of(Interval(at(0), at(1)), timedelta(hours=36), done)
    assert window.late == [Interval(at(-2), at(0))]
    assert window.older == [Interval(at(-9), at(-5)), Interval(at(-3), at(-2))]
    assert of(Interval(None, at(1)), timedelta(days=1), done).late == ()
    assert of(Interval(at(0), at(1)), timedelta(weeks=99_999), done).older == []


def files(path: Path, table: list[tuple[int, str]]) -> str:
    columns = {
        "ride_id": [n for n, _ in table],
        "PULocationID": [1] * len(table),
        "DOLocationID": [2] * len(table),
        "trip_distance": [-1.0 if n > 90 else float(n) for n, _ in table],
        "pickup_datetime": [when for _, when in table],
    }
    pq.write_table(pa.table(columns), path)
    return str(path)


def batch_files(spec: str, place: Path, **asked: Any) -> Done:
    with (
        parquet.opened(spec, lambda _: None, LAYOUT) as source,
        predictions_parquet.opened(str(place), LAYOUT) as sink,
    ):
        return run(Asked(**asked), source, sink, service, Console(file=io.StringIO()))


def listed(folder: Path, kind: str = "predictions") -> list[list[int]]:
    """The ids of each entry."""
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    return [
        sorted(
            int(one)
            for part in entry[kind]
            for one in pq.read_table(folder / part["name"])["ride_id"].to_pylist()
        )
        for entry in entries
    ]


def test_late_rows_of_files_become_parts_of_the_interval_they_belong_to(tmp_path: Path) -> None:
    out, path = tmp_path / "out", tmp_path / "rides.parquet"
    table = [(1, ago(days=20)), (2, ago(hours=30)), (3, ago(hours=5))]
    ends = ago(hours=20)
    batch_files(files(path, table), out, end=ends)
    batch_files(str(path), out)
    table += [(4, ago(hours=21)), (5, ago(hours=1)), (91, ago(hours=21)), (6, ago(days=15))]
    done = batch_files(files(path, table), out).run
    assert (done.scored, done.quarantined, done.late, done.missed) == (2, 1, 3, 1)
    assert listed(out) == [[1, 2, 4], [3, 5], []]
    assert listed(out, "quarantine") == [[91], [], []]
    assert batch_files(str(path), out).run.read == 0
    assert batch_files(str(path), out, lookback="20d").run.late == 1
    assert listed(out)[0] == [1, 2, 4, 6]
    again = batch_files(str(path), out, end=ends).run
    assert (again.scored, again.quarantined) == (4, 1)
    assert listed(out)[-1] == [1, 2, 4, 6]
    named = {part["name"] for e in json.loads((out / "manifest.json").read_text())["entries"]
             for kind in ("predictions", "quarantine") for part in e[kind]}  # fmt: skip
    assert {one.name for one in out.glob("*.parquet")} == named


def test_a_file_of_predictions_that_is_gone_is_said(tmp_path: Path) -> None:
    out, path = tmp_path / "out", tmp_path / "rides.parquet"
    batch_files(files(path, [(1, ago(days=2))]), out)
    next(out.glob("*.parquet")).unlink()
    with pytest.raises(BatchError, match=r"is gone, which manifest.json names.*give LOOKBACK=0"):
        batch_files(str(path), out)
    assert batch_files(str(path), out, lookback="0").run.read == 0


def test_the_command_tells_of_late_rows(tmp_path: Path) -> None:
    url = rides(tmp_path / "rides.db", [(1, *RIDE[:3], ago(hours=9), None)])
    out = io.StringIO()
    for _ in range(2):
        run_command(Options(url), service, Console(file=out, width=110), tmp_path)
        enter(url, (2, *RIDE[:3], ago(hours=1), None)) if _ == 0 else None
    assert "entered late" in out.getvalue()
    assert json.loads((tmp_path / "last-batch.json").read_text())["late"] == 1
