"""A run leaves all of its predictions or none, and the same ones however often it is repeated."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, RIDE, batch, ids, rides, rows
from doubles import FakeModel
from rich.console import Console

from threeways.batch import predictions_database
from threeways.batch.interval import Interval, now, wall
from threeways.errors import BatchError, DataError, ModelFailed


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, str]:
    table = [(n, 130, 205, n / 10, f"2021-02-{1 + n % 28:02d} 08:15:00", None) for n in range(100)]
    return rides(tmp_path / "rides.db", table), f"sqlite:///{tmp_path / 'out' / 'predictions.db'}"


def test_every_ride_has_its_prediction_and_its_models_version(places: tuple[str, str]) -> None:
    done = batch(*places, chunk=7)
    assert (done.run.read, done.run.scored, done.run.quarantined) == (100, 100, 0)
    found = rows(places[1])
    assert [row[0] for row in found] == list(range(100))
    assert [row[2] for row in found] == [n / 10 * 2 for n in range(100)]
    assert {row[4] for row in found} == {"v1"}


def test_a_chunk_is_one_predict(places: tuple[str, str]) -> None:
    model = FakeModel()
    batch(*places, chunk=40, model=model)
    assert model.calls == [40, 40, 20]


def test_a_second_run_leaves_equal_rows(places: tuple[str, str]) -> None:
    batch(*places, start="2021-02-01", end="2021-03-01")
    first = rows(places[1])
    batch(*places, start="2021-02-01", end="2021-03-01", chunk=9)
    assert rows(places[1]) == first


def test_a_backfill_replaces_its_interval_and_no_other(places: tuple[str, str]) -> None:
    batch(*places)
    batch(*places, version="v2", start="2021-02-10", end="2021-02-12")
    changed = {row[1][:10] for row in rows(places[1]) if row[4] == "v2"}
    assert changed == {"2021-02-10", "2021-02-11"}
    assert len(rows(places[1])) == 100


def test_by_default_only_what_came_since_the_last_success_is_scored(places: tuple[str, str]) -> None:
    batch(*places, end="2021-02-15")
    done = batch(*places, version="v2")
    assert done.run.interval
    assert done.before[0].interval
    assert done.run.interval.start == done.before[0].interval.end
    assert {row[4] for row in rows(places[1]) if row[1] < "2021-02-15"} == {"v1"}
    assert len(rows(places[1])) == 100
    assert batch(*places).run.read == 0


def test_an_end_in_the_future_does_not_silence_the_runs_to_come(places: tuple[str, str]) -> None:
    said = io.StringIO()
    first = batch(*places, end="2099-01-01", console=Console(file=said, width=200))
    assert "TO=2099-01-01 is in the future: events up to it are scored, and" in said.getvalue()
    assert first.run.covered
    assert first.run.covered.end <= wall(now(), LAYOUT.zone)
    engine = sa.create_engine(places[0])
    with engine.begin() as connection:
        when = wall(now(), LAYOUT.zone)
        connection.exec_driver_sql("INSERT INTO rides VALUES (200, 130, 205, 1.0, ?, NULL)", (f"{when}",))
    engine.dispose()
    time.sleep(1.01)
    assert batch(*places).run.scored == 1
    assert ids(places[1]) == [*range(100), 200]


def test_a_future_end_that_an_earlier_version_recorded_holds_no_ride_back(places: tuple[str, str]) -> None:
    done = batch(*places).run
    future = msgspec.structs.replace(done, interval=Interval(None, datetime(2099, 1, 1)))  # noqa: DTZ001
    with (
        predictions_database.opened(places[1], LAYOUT) as sink,
        sink.writing(done.interval, text_ids=False) as writer,
    ):
        writer.finish(future)
    again = batch(*places).run
    assert again.interval
    assert again.interval.start
    assert done.interval
    assert again.interval.start <= done.interval.end + timedelta(seconds=2)
    assert again.interval.end <= wall(now(), LAYOUT.zone)


def test_a_ride_that_was_deleted_or_moved_leaves_no_row_behind(places: tuple[str, str]) -> None:
    batch(*places)
    engine = sa.create_engine(places[0])
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rides WHERE ride_id = 5")
        connection.exec_driver_sql(
            "UPDATE rides SET pickup_datetime = '2021-04-01 00:00:00' WHERE ride_id = 6"
        )
    batch(*places, start="2021-04-01", end="2021-05-01")
    batch(*places, start="2021-02-01", end="2021-03-01")
    assert ids(places[1]) == [n for n in range(100) if n != 5]


def test_a_month_without_rides_is_a_run_like_any_other(places: tuple[str, str]) -> None:
    done = batch(*places, start="2019-01-01", end="2019-02-01")
    assert (done.run.read, done.run.mean_minutes) == (0, None)
    assert batch(*places, start="2019-01-01", end="2019-02-01").before == [done.run]


class DiesAfter(FakeModel):
    """A model that fails for good after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__(lambda _block: len(self.calls) > calls)


def test_a_run_that_fails_half_way_changes_nothing(places: tuple[str, str]) -> None:
    batch(*places)
    before = rows(places[1])
    with pytest.raises(ModelFailed):
        batch(*places, start="2021-02-01", version="v2", chunk=10, model=DiesAfter(3))
    assert rows(places[1]) == before
    assert len(rows(places[1], "batch_runs")) == 1


KILLED = """
import sys, os, signal
from batch_lab import batch
from doubles import FakeModel
class Kills(FakeModel):
    def predict(self, block):
        if len(self.calls) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(block)
batch(sys.argv[1], sys.argv[2], start="2021-02-01", version="v2", chunk=10, model=Kills())
"""


def test_after_a_kill_the_rows_are_those_before_and_the_next_run_mends_all(places: tuple[str, str]) -> None:
    batch(*places)
    before = rows(places[1])
    tests = Path(__file__).resolve().parents[1]
    path = os.pathsep.join(map(str, (tests.parent, tests, tests / "batch")))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *places], env=os.environ | {"PYTHONPATH": path}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert rows(places[1]) == before
    batch(*places, start="2021-02-01", version="v2")
    assert [row[:4] for row in rows(places[1])] == [row[:4] for row in before]
    assert {row[4] for row in rows(places[1])} == {"v2"}


def test_two_runs_at_once_are_refused(places: tuple[str, str]) -> None:
    batch(*places)
    with predictions_database.opened(places[1], LAYOUT), pytest.raises(BatchError, match="another batch run"):
        batch(*places)
    batch(*places)


def test_rides_of_another_source_are_not_mixed_in(places: tuple[str, str], tmp_path: Path) -> None:
    batch(*places)
    other = rides(tmp_path / "other.db", [(1, *RIDE)])
    with pytest.raises(BatchError, match="name another place, PREDICTIONS="):
        batch(other, places[1])


def test_rides_and_predictions_may_share_a_database(places: tuple[str, str]) -> None:
    assert batch(places[0], places[0], chunk=7).run.scored == 100
    assert len(rows(places[0])) == 100


def test_a_database_that_goes_away_half_way_costs_nothing(places: tuple[str, str]) -> None:
    class DropsTheTable(FakeModel):
        def predict(self, block: object) -> object:
            if len(self.calls) == 2:
                engine = sa.create_engine(places[0])
                with engine.begin() as connection:
                    connection.exec_driver_sql("ALTER TABLE rides RENAME TO gone")
                engine.dispose()
            return super().predict(block)

    with pytest.raises((DataError, BatchError), match=r"no such table.*Nothing of this run is kept"):
        batch(*places, chunk=10, model=DropsTheTable())
    assert rows(places[1]) == []


def test_what_a_writer_took_counts_only_once_its_run_is_finished(places: tuple[str, str]) -> None:
    done = batch(*places)
    with (
        predictions_database.opened(places[1], LAYOUT) as sink,
        sink.writing(done.run.interval, text_ids=False),
    ):
        pass  # the interval's rows are deleted, and nothing is finished
    assert len(rows(places[1])) == 100
