"""What a table may hold, and what it must have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, RIDE, batch, ids, rides, rows

from threeways.batch import database, predictions_database
from threeways.batch.interval import last, now
from threeways.errors import BatchError, BatchFailed, DataError

BAD = {
    1: ("no zone", (None, 205, 3.66, RIDE[3]), "got `null` - at `$.ride.PULocationID`"),
    2: ("a text", (130, "JFK", 3.66, RIDE[3]), "got `str` - at `$.ride.DOLocationID`"),
    3: ("too large", (2**31, 205, 3.66, RIDE[3]), "at `$.ride.PULocationID`"),
    4: ("negative", (130, 205, -1.0, RIDE[3]), "Expected `float` >= 0.0"),
    5: ("infinite", (130, 205, float("inf"), RIDE[3]), "at `$.ride.trip_distance`"),
    6: ("no pickup", (130, 205, 3.66, None), "missing required field `pickup_datetime`"),
    7: ("no date", (130, 205, 3.66, "2021-02-30 08:15:00"), "not an ISO 8601"),
    8: ("a broken text", (130, 205, 3.66, b"2021-02-01 \xff8:15:00"), "UTF-8"),
    9: ("half a zone", (130.5, 205, 3.66, RIDE[3]), "got `float` - at `$.ride.PULocationID`"),
    10: ("a number", (130, 205, 3.66, 20210201), "got `int` - at `$.ride.pickup_datetime`"),
}


@pytest.fixture
def out(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'predictions.db'}"


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_a_bad_row_goes_to_quarantine_with_its_reason_and_costs_the_others_nothing(
    tmp_path: Path, out: str, chunk: int
) -> None:
    table: list[tuple[Any, ...]] = [(n, *bad, None) for n, (_, bad, _) in BAD.items()]
    source = rides(tmp_path / "rides.db", [*table, *((n, *RIDE) for n in range(20, 25))])
    engine = sa.create_engine(source)
    with engine.begin() as connection:  # SQLite keeps bytes as bytes, unless it is told that they are a text
        connection.exec_driver_sql(
            "UPDATE rides SET pickup_datetime = CAST(pickup_datetime AS TEXT) WHERE ride_id = 8"
        )
    done = batch(source, out, chunk=chunk)
    assert ids(out) == list(range(20, 25))
    assert (done.run.scored, done.run.quarantined, done.run.read) == (5, len(BAD), 15)
    found = {int(row[0]): row for row in rows(out, "ride_quarantine")}
    for ride_id, (_, _, message) in BAD.items():
        assert message in found[ride_id][4], found[ride_id]


def test_odd_rows_that_are_rides_after_all_are_scored(tmp_path: Path, out: str) -> None:
    times = ["2021-02-01T08:15:00-05:00", "20210201T0815", "2021-02-01T13:15Z", "2021-02-01 08:15:00.5"]
    table = [(n, 130, 205, 2, when, "2021-02-01 08:30:00") for n, when in enumerate(times)]
    done = batch(rides(tmp_path / "rides.db", table), out, start="2021-02-01", end="2021-02-02")
    assert [row[1][:21] for row in rows(out)] == ["2021-02-01 08:15:00.0"] * 3 + ["2021-02-01 08:15:00.5"]
    assert done.run.judged == 4


def test_the_interval_is_exact_whatever_form_the_texts_have(tmp_path: Path, out: str) -> None:
    times = [
        "2021-02-01 07:59:59",
        "2021-02-01T08:00:00",
        "2021-02-01 09:59:59.999999",
        "2021-02-01T10:00:00",
        "2021-02-01T23:59:59+14:00",
        "2021-02-01T13:00:00+00:00",
    ]
    source = rides(tmp_path / "rides.db", [(n, 1, 2, 1.0, when, None) for n, when in enumerate(times)])
    batch(source, out, start="2021-02-01T08:00", end="2021-02-01T10:00")
    assert ids(out) == [1, 2, 5]


def test_rows_without_a_key_are_told_and_texts_are_keys_too(tmp_path: Path, out: str) -> None:
    table = [(key, *RIDE) for key in ("b", "a", "ü", None, "", "x" * 257)]
    source = rides(tmp_path / "rides.db", table, key="ride_id TEXT UNIQUE")
    done = batch(source, out, chunk=2)
    assert ids(out) == ["a", "b", "ü"]
    assert done.run.quarantined == 3


def test_a_quiet_run_is_good_though_undated_rows_that_were_told_are_still_there(
    tmp_path: Path, out: str
) -> None:
    source = rides(tmp_path / "rides.db", [(1, *RIDE), (2, 1, 2, 3.0, None, None)])
    first = batch(source, out).run
    assert not first.good(0.05)
    for _ in range(2):
        quiet = batch(source, out).run
        assert (quiet.read, quiet.quarantined, quiet.undated) == (1, 1, 1)
        assert quiet.good(0.05)
    assert quiet.interval
    assert quiet.interval.start
    assert first.interval
    assert quiet.interval.start >= first.interval.end
    assert ids(out, "ride_quarantine") == ["2"]


def test_new_undated_rows_beside_no_prediction_are_no_good_run_until_something_is_scored(
    tmp_path: Path, out: str
) -> None:
    def table(*ride_ids: int, undated: int) -> str:
        bad = [(n, *RIDE[:3], "02/01/2021 08:15:00 AM", None) for n in range(90, 90 + undated)]
        return rides(tmp_path / "rides.db", [*((n, *RIDE) for n in ride_ids), *bad])

    first = batch(table(1, undated=1), out).run
    for _ in range(2):
        run = batch(table(1, undated=3), out).run
        assert (run.scored, run.covered, run.good(0.05), run.good(1)) == (0, None, False, True)
        assert run.interval
        assert first.interval
        assert run.interval.start == first.interval.end
    assert batch(table(1, 2, undated=3), out, start="2021-02-01", end="2021-02-02").run.scored == 2
    assert batch(table(1, 2, undated=3), out).run.good(0.05)
    assert ids(out, "ride_quarantine") == ["90", "91", "92"]


def test_undated_rows_that_a_run_has_told_do_not_spoil_the_next_and_new_ones_do(
    tmp_path: Path, out: str
) -> None:
    def table(undated: int) -> str:
        rides_of = [(n, *RIDE[:3], f"2021-02-0{1 + n % 3} 08:15:00", None) for n in range(90)]
        bad = [(n, *RIDE[:3], "02/01/2021 08:15:00 AM", None) for n in range(90, 90 + undated)]
        return rides(tmp_path / "rides.db", [*rides_of, *bad])

    days = [{"start": f"2021-02-0{n}", "end": f"2021-02-0{n + 1}"} for n in (1, 2, 3)]
    assert not batch(table(10), out, **days[0]).run.good(0.05)
    assert batch(table(10), out, **days[1]).run.good(0.05)
    assert not batch(table(30), out, **days[2]).run.good(0.05)


@pytest.mark.parametrize("when", [1612185300000, "02/01/2021 08:15:00 AM", 1612185300.5, "yesterday", b"x"])
def test_a_table_whose_times_cannot_be_read_is_told_and_its_interval_is_not_done(
    tmp_path: Path, out: str, when: object
) -> None:
    if when == "yesterday":  # a day without its time
        when = str(last("day", now(), LAYOUT.zone).start)[:10]
    source = rides(tmp_path / "rides.db", [(n, *RIDE[:3], when, None) for n in range(100)])
    for _ in range(2):
        done = batch(source, out, last="day")
        assert (done.run.scored, done.run.undated, done.run.good(0.05)) == (0, 100, False)
        assert sum(done.tally.reasons.values()) == 100
    assert batch(rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(100)]), out).run.scored == 100


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///nowhere/rides.db", "there is no database nowhere/rides.db"),
        ("sqlite://", "write sqlite:///path"),
        ("mysql://localhost/rides", "give SQLite or PostgreSQL"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(url: str, says: str) -> None:
    with pytest.raises(DataError, match=says), database.opened(url, "rides", LAYOUT):
        raise AssertionError


@pytest.mark.parametrize("place", ["127.0.0.1:1", "no-such-host.invalid"])
def test_a_server_that_is_not_there_is_a_failure_told_without_its_password(place: str) -> None:
    url = f"postgresql://someone:hunter2@{place}/rides"
    with (
        pytest.raises(BatchFailed, match="check that it is up") as raised,
        database.opened(url, "rides", LAYOUT),
    ):
        raise AssertionError
    assert "hunter2" not in str(raised.value)


def test_a_table_without_the_columns_is_refused_naming_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rides.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE trips (ride_id INTEGER, PULocationID INTEGER, miles REAL)")
        connection.exec_driver_sql(
            "CREATE TABLE twice (ride_id INTEGER, pulocationid, dolocationid, trip_distance, pickup_datetime)"
        )
    for table, says in (
        ("rides", "no table rides .it has trips, twice.; name yours, TABLE="),
        ("trips", "lacks DOLocationID, trip_distance, pickup_datetime"),
        ("twice", "ride_id of table twice is not unique"),
    ):
        with pytest.raises(DataError, match=says), database.opened(url, table, LAYOUT):
            raise AssertionError


def test_a_predictions_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("dear diary, " * 100)
    with (
        pytest.raises(BatchError, match="not a database"),
        predictions_database.opened(f"sqlite:///{tmp_path / 'notes.db'}", LAYOUT),
    ):
        raise AssertionError


def viewed(path: Path, rows_of: list[tuple[Any, ...]]) -> str:
    """A database whose view `rides` may repeat its ids, as a join would."""
    url = rides(path, rows_of, key="ride_id")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rides RENAME TO trips")
        connection.exec_driver_sql("CREATE VIEW rides AS SELECT * FROM trips")
    engine.dispose()
    return url


@pytest.mark.parametrize("key", [int, "r{}".format])
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_a_view_that_repeats_an_id_loses_no_row_and_its_first_pickup_counts(
    tmp_path: Path, out: str, chunk: int, key: Any
) -> None:
    times = ["03", "05", "04", "06", "07", "09", "08"]
    keys = [1, 2, 2, 2, 3, 4, 4]
    table = [
        (key(n), 1, 2, 1.0, f"2021-02-01 {hour}:00:00", None) for n, hour in zip(keys, times, strict=True)
    ]
    done = batch(viewed(tmp_path / "rides.db", table), out, chunk=chunk)
    assert (done.run.read, done.run.scored, done.run.quarantined) == (7, 4, 3)
    assert [(row[0], row[1][11:13]) for row in rows(out)] == [
        (key(1), "03"), (key(2), "04"), (key(3), "07"), (key(4), "08"),
    ]  # fmt: skip
    assert {row[3] for row in rows(out, "ride_quarantine")} == {"repeated_id"}
    assert ids(out, "ride_quarantine") == [str(key(n)) for n in (2, 2, 4)]


def test_a_repeated_id_whose_first_row_is_broken_is_scored_by_its_next(tmp_path: Path, out: str) -> None:
    table = [(1, None, 2, 1.0, "2021-02-01 03:00:00", None), (1, *RIDE), (None, *RIDE), (None, *RIDE)]
    done = batch(viewed(tmp_path / "rides.db", table), out, chunk=1)
    assert (done.run.scored, done.run.quarantined) == (1, 3)


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_ids_that_the_tables_own_order_holds_for_equal_are_all_read(
    tmp_path: Path, out: str, chunk: int
) -> None:
    table = [(key, *RIDE) for key in ("a", "A", "b", "B")]
    source = rides(tmp_path / "rides.db", table, key="ride_id TEXT COLLATE NOCASE")
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one ON rides (ride_id COLLATE BINARY)")
    batch(source, out, chunk=chunk)
    assert ids(out) == ["A", "B", "a", "b"]


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_key_that_is_no_utf8_ends_a_chunk_as_any_other(tmp_path: Path, out: str, chunk: int) -> None:
    table = [(key, *RIDE) for key in ("a", "b", "c", "\u00fc", "\u00fd")]
    source = rides(tmp_path / "rides.db", table, key="ride_id TEXT PRIMARY KEY")
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE rides SET ride_id = CAST(x'62ff' AS TEXT) WHERE ride_id = 'b'")
    engine.dispose()
    done = batch(source, out, chunk=chunk)
    assert (done.run.scored, done.run.quarantined) == (4, 1)


def test_an_index_of_some_rows_makes_no_id_unique(tmp_path: Path) -> None:
    source = rides(tmp_path / "rides.db", [(1, *RIDE), (1, *RIDE)], key="ride_id INTEGER")
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one ON rides (ride_id) WHERE PULocationID = 1")
    with (
        pytest.raises(DataError, match="ride_id of table rides is not unique"),
        database.opened(source, "rides", LAYOUT),
    ):
        raise AssertionError
