"""The same on a real PostgreSQL, which the session starts where its binaries are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, batch, ids, rides, rows
from doubles import FakeModel, IntervalModel

from threeways.batch import predictions_database
from threeways.errors import BatchError, BatchFailed, ModelFailed

pytest_plugins = ["postgres_server"]


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def fill(url: str, kind: str, when: str = "'2021-02-01 08:15:00'", count: int = 100) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE rides (ride_id bigint PRIMARY KEY, pulocationid integer, dolocationid integer, "
            f"trip_distance double precision, pickup_datetime {kind}, dropoff_datetime {kind})"
        )
        connection.exec_driver_sql(
            f"INSERT INTO rides SELECT n, 130, 205, n / 10.0, {when}, NULL "  # noqa: S608 - the test's own
            f"FROM generate_series(0, {count - 1}) n"
        )
    engine.dispose()


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "text"])
def test_rides_and_predictions_in_one_database(postgres: str, kind: str) -> None:
    fill(postgres, kind, "'2021-02-01T08:15:00-05:00'" if kind != "timestamp" else "'2021-02-01 08:15:00'")
    done = batch(postgres, postgres, chunk=30, start="2021-02-01T08:15", end="2021-02-01T08:16")
    assert (done.run.scored, done.run.quarantined) == (100, 0)
    found = rows(postgres)
    assert [row[2] for row in found] == [n / 10 * 2 for n in range(100)]
    assert {f"{row[1]}" for row in found} == {"2021-02-01 08:15:00"}
    assert batch(postgres, postgres, start="2021-02-01T08:16", end="2021-02-02").run.read == 0


def test_it_answers_as_sqlite_does_bit_for_bit(postgres: str, tmp_path: Path) -> None:
    table = [(n, 130, 205, n / 7, "2021-02-01 08:15:00", None) for n in range(50)]
    source = rides(tmp_path / "rides.db", table)
    here = f"sqlite:///{tmp_path / 'predictions.db'}"
    batch(source, here, chunk=20)
    batch(source, postgres, chunk=20)
    assert [(row[0], row[2], row[4]) for row in rows(postgres)] == [
        (row[0], row[2], row[4]) for row in rows(here)
    ]


def test_a_repeated_run_leaves_equal_rows_and_a_failed_one_changes_nothing(postgres: str) -> None:
    fill(postgres, "timestamp")
    batch(postgres, postgres)
    before = rows(postgres)
    batch(postgres, postgres, start="2021-02-01")
    assert rows(postgres) == before

    class Dies(FakeModel):
        def __init__(self) -> None:
            super().__init__(lambda _block: len(self.calls) > 2)

    with pytest.raises(ModelFailed):
        batch(postgres, postgres, start="2021-02-01", version="v2", chunk=10, model=Dies())
    assert rows(postgres) == before


def test_a_table_gets_the_columns_of_intervals_and_a_model_without_leaves_them_empty(postgres: str) -> None:
    fill(postgres, "timestamp", count=3)
    span = {"start": "2021-02-01", "end": "2021-02-02"}
    batch(postgres, postgres, **span)
    before = rows(postgres)
    batch(postgres, postgres, model=IntervalModel(), version="v2", **span)
    assert [row[5:] for row in rows(postgres)] == [(0.0, 1.5), (0.0, 1.7), (0.0, 1.9)]
    # The same events in a later interval: their rows are replaced, not deleted.
    engine = engine_of(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE rides SET pickup_datetime = '2021-02-02 08:15:00'")
    engine.dispose()
    batch(postgres, postgres, start="2021-02-02", end="2021-02-03")
    told = [(row[0], row[2:5], row[5:]) for row in rows(postgres)]
    assert told == [(row[0], row[2:5], (None, None)) for row in before]


def test_bad_rows_go_to_quarantine(postgres: str) -> None:
    fill(postgres, "text", "CASE WHEN mod(n, 2) = 0 THEN 'soon' ELSE '2021-02-01 08:15:00' END", 10)
    done = batch(postgres, postgres, start="2021-02-01")
    assert (done.run.scored, done.run.quarantined, done.run.undated) == (5, 5, 5)
    assert ids(postgres, "ride_quarantine") == ["0", "2", "4", "6", "8"]


def test_two_runs_at_once_are_refused_and_the_first_ones_end_lets_the_next_go_on(postgres: str) -> None:
    fill(postgres, "timestamp")
    with predictions_database.opened(postgres, LAYOUT), pytest.raises(BatchError, match="another batch run"):
        batch(postgres, postgres)
    assert batch(postgres, postgres).run.scored == 100


def test_a_server_that_ends_the_session_half_way_costs_nothing(postgres: str) -> None:
    fill(postgres, "timestamp")
    batch(postgres, postgres)
    before = rows(postgres)

    class EndsTheSessions(FakeModel):
        def predict(self, block: Any) -> Any:
            if len(self.calls) == 2:
                engine = engine_of(postgres)
                with engine.connect() as connection:
                    connection.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                engine.dispose()
            return super().predict(block)

    with pytest.raises(BatchFailed, match="Nothing of this run is kept"):
        batch(postgres, postgres, start="2021-02-01", version="v2", chunk=10, model=EndsTheSessions())
    assert rows(postgres) == before
    assert batch(postgres, postgres, start="2021-02-01", version="v2").run.scored == 100


@pytest.mark.parametrize(("kind", "when"), [("bigint", "1612185300000"), ("date", "CURRENT_DATE - 1")])
def test_a_column_that_is_no_time_is_told_and_its_interval_is_not_done(
    postgres: str, kind: str, when: str
) -> None:
    fill(postgres, kind, when)
    run = batch(postgres, postgres, last="day").run
    assert (run.scored, run.undated, run.covered) == (0, 100, None)
    assert not run.good(0.05)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_a_view_that_repeats_an_id_is_read_whole_and_its_first_pickup_counts(
    postgres: str, chunk: int
) -> None:
    fill(postgres, "timestamp", "timestamp '2021-02-01 08:15:00' + n * interval '1 hour'", 6)
    with engine_of(postgres).begin() as connection:
        connection.exec_driver_sql(
            "CREATE VIEW repeated AS SELECT ride_id / 3 AS ride_id, pulocationid, dolocationid, "
            "trip_distance, pickup_datetime FROM rides"
        )
    done = batch(postgres, postgres, table="repeated", chunk=chunk)
    assert (done.run.scored, done.run.quarantined) == (2, 4)
    assert [f"{row[1]:%H}" for row in rows(postgres)] == ["08", "11"]
