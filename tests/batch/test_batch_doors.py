"""Databases, paths and addresses as people have them: understood, or answered with what works."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, RIDE, batch, rides, rows, service
from rich.console import Console
from test_batch_ids import file, from_files, kept
from test_batch_values import change, fill

from threeways.aws.files import locations
from threeways.batch import database, engine, predictions_database
from threeways.batch import locations as places
from threeways.batch.command import is_database
from threeways.batch.job import Asked, run
from threeways.errors import BatchError, DataError

pytest_plugins = ["postgres_server"]

ASKED = Asked(start="2021-02-01", end="2021-02-02")


def into(url: str, table: str, place: str) -> int:
    """How many rides of a table are scored."""
    with database.opened(url, table, LAYOUT) as source, predictions_database.opened(place, LAYOUT) as sink:
        return run(ASKED, source, sink, service, Console(file=io.StringIO())).run.scored


def test_the_users_own_options_hold_and_the_clock_is_set_after_connecting(postgres: str) -> None:
    change(postgres, "CREATE SCHEMA elsewhere", "SET search_path = elsewhere")
    url = f"{postgres}&options=-c%20search_path%3Delsewhere%20-c%20timezone%3DUTC&connect_timeout=3"
    for variable in ("EVENTS", "PREDICTIONS"):
        with engine.connect(url, variable, DataError, str(LAYOUT.zone)).connect() as connection:
            driver: Any = connection.connection.driver_connection
            assert connection.scalar(sa.text("SHOW timezone")) == "America/New_York"
            assert connection.scalar(sa.text("SHOW search_path")) == "elsewhere"
            assert driver.info.get_parameters()["connect_timeout"] == "3"
    with engine.connect(postgres, "EVENTS", DataError, str(LAYOUT.zone)).connect() as connection:
        driver = connection.connection.driver_connection
        assert "options" not in driver.info.get_parameters()
        connection.rollback()
        assert connection.scalar(sa.text("SHOW timezone")) == "America/New_York"


def test_statements_are_not_prepared_as_poolers_change_sessions(postgres: str) -> None:
    with engine.connect(postgres, "EVENTS", DataError, str(LAYOUT.zone)).connect() as connection:
        for _ in range(10):
            connection.execute(sa.text("SELECT 1"))
        assert connection.scalar(sa.text("SELECT count(*) FROM pg_prepared_statements")) == 0


def test_views_and_foreign_tables_are_tables_like_others(postgres: str, tmp_path: Path) -> None:
    fill(postgres)
    change(
        postgres,
        "CREATE VIEW seen AS SELECT * FROM rides",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM rides",
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE far (ride_id bigint, pulocationid int, dolocationid int, trip_distance float8, "
        "pickup_datetime timestamp) SERVER files "
        "OPTIONS (program 'echo 7,130,205,3.66,2021-02-01 08:15', format 'csv')",
    )
    names = ("rides", "seen", "kept", "far")
    assert [into(postgres, one, f"sqlite:///{tmp_path / one}") for one in names] == [20, 20, 20, 1]


def test_a_partitioned_table_is_told_to_have_a_view(postgres: str) -> None:
    change(
        postgres,
        "CREATE TABLE parted (ride_id bigint, pulocationid int, dolocationid int, trip_distance float8, "
        "pickup_datetime timestamp, PRIMARY KEY (ride_id, pickup_datetime)) "
        "PARTITION BY RANGE (pickup_datetime)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2021-02-01') TO ('2021-03-01')",
        "INSERT INTO parted SELECT n, 130, 205, 3.66, '2021-02-01 08:15' FROM generate_series(1, 5) n",
    )
    with pytest.raises(DataError, match="a partitioned table or a hypertable, make a view of it"):
        into(postgres, "parted", postgres)
    change(postgres, "CREATE VIEW rides AS SELECT * FROM parted")
    assert into(postgres, "rides", postgres) == 5


def test_an_index_over_some_rows_does_not_make_an_id_unique(postgres: str) -> None:
    fill(postgres)
    change(
        postgres,
        "ALTER TABLE rides DROP CONSTRAINT rides_pkey",
        "CREATE UNIQUE INDEX later ON rides (ride_id) WHERE ride_id > 5",
    )
    with pytest.raises(DataError, match="ride_id of table rides is not unique"):
        into(postgres, "rides", postgres)


def test_columns_that_differ_in_case_alone_are_not_guessed(postgres: str) -> None:
    fill(postgres)
    change(postgres, 'ALTER TABLE rides ADD "PULOCATIONID" int')
    with pytest.raises(DataError, match="has pulocationid and PULOCATIONID, which differ in case alone"):
        into(postgres, "rides", postgres)
    change(postgres, 'ALTER TABLE rides ADD "PULocationID" int', 'UPDATE rides SET "PULocationID" = 999')
    into(postgres, "rides", postgres)
    assert {row[3] for row in rows(postgres)} == {"unknown_zone"}


def test_a_missing_permission_is_said_of_what_lacks_it(postgres: str) -> None:
    fill(postgres)
    change(
        postgres,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "GRANT ALL ON SCHEMA public TO reader",
    )
    theirs = postgres.replace("rides@", "reader@")
    try:
        with pytest.raises(DataError, match=r"^EVENTS=.*permission denied for table rides"):
            into(theirs, "rides", theirs)
        change(postgres, "GRANT SELECT ON rides TO reader", "REVOKE ALL ON SCHEMA public FROM reader")
        change(postgres, "GRANT USAGE ON SCHEMA public TO reader")
        with pytest.raises(BatchError, match=r"^PREDICTIONS=.*permission denied for schema public"):
            into(theirs, "rides", theirs)
    finally:
        change(postgres, "DROP OWNED BY reader", "DROP ROLE reader")


def test_postgres_is_postgresql(postgres: str) -> None:
    fill(postgres)
    url = postgres.replace("postgresql:", "postgres:")
    assert into(url, "rides", url) == 20


@pytest.mark.parametrize("password", ["qx@zv", "qx@zv:5", "qx@z/v"])
@pytest.mark.parametrize(
    ("opened", "fault"),
    [
        (lambda url: database.opened(url, "rides", LAYOUT), DataError),
        (lambda url: predictions_database.opened(url, LAYOUT), BatchError),
    ],
)
def test_a_password_that_is_not_escaped_is_told_how_without_a_word_of_it(
    password: str, opened: Callable[[str], Any], fault: type[Exception]
) -> None:
    with pytest.raises(fault) as raised, opened(f"postgresql://someone:{password}@127.0.0.1:1/rides"):
        raise AssertionError
    said = str(raised.value)
    assert "write %40 for @" in said
    assert not any(part in said for part in ("qx", "zv", "z/v", "@127"))


def test_sqlite_is_read_by_a_read_only_uri_and_shown_as_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "my rides"
    folder.mkdir()
    rides(folder / "rides.db", [(7, *RIDE)])
    out = f"sqlite:///{tmp_path / 'predictions.db'}"
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    for uri in (
        f"file:{folder}/rides.db?mode=ro&uri=true",
        f"file://{folder}/rides.db?uri=true&immutable=1",
    ):
        done = batch(f"sqlite:///{uri}", out, start="2021-02-01")
        assert (done.run.scored, done.run.source) == (1, f"sqlite:///{folder}/rides.db#rides")
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before
    with pytest.raises(DataError, match=r"there is no database file:.*none.db"):
        batch(f"sqlite:///file:{folder}/none.db?mode=ro&uri=true", out)
    with pytest.raises(BatchError, match=r"^PREDICTIONS=.*readonly"):
        batch(f"sqlite:///{folder}/rides.db", f"sqlite:///file:{folder}/rides.db?mode=ro&uri=true")


def test_a_parquet_column_that_is_there_twice_is_refused_by_name(tmp_path: Path) -> None:
    table = pq.read_table(file(tmp_path / "a.parquet", [1, 2]))
    pq.write_table(table.append_column("trip_distance", pa.array([1.0, 2.0])), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet has trip_distance more than once; export it with one"):
        from_files(tmp_path / "a.parquet", str(tmp_path / "out"))


def test_paths_with_spaces_alone_or_between_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my rides"
    folder.mkdir()
    for n, name in enumerate(("a b", "c", "d")):
        file(folder / f"{name}.parquet", [n])
    say: Any = lambda _line: None  # noqa: E731
    monkeypatch.chdir(tmp_path)
    every = [f"my rides/{name}.parquet" for name in ("a b", "c", "d")]
    for spec, found in (
        ("my rides/*.parquet", every),
        ("my rides/a b.parquet", every[:1]),
        ("my rides/c.parquet,my rides/a b.parquet", [every[1], every[0]]),
        (f"{folder}/c.parquet, {folder}/[d].parquet", [f"{folder}/c.parquet", f"{folder}/d.parquet"]),
    ):
        assert locations(spec, "EVENTS", say) == found, spec
    monkeypatch.chdir(folder)
    assert locations("c.parquet d.parquet", "EVENTS", say) == ["c.parquet", "d.parquet"]
    from_files(f"{folder}/*.parquet", str(tmp_path / "my predictions"))
    assert kept(tmp_path / "my predictions") == [0, 1, 2]


@pytest.mark.parametrize("scheme", ["s3a", "S3N"])
def test_hadoops_names_of_s3_are_s3(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # nobody listens there
    assert not is_database(f"{scheme}://bucket/prefix")
    spec = f"{scheme}://bucket/my rides/a.parquet, {scheme}://bucket/b.parquet"
    whole = f"{scheme}://bucket/my rides/a.parquet"
    say: Any = lambda _line: None  # noqa: E731
    assert locations(whole, "EVENTS", say) == ["s3://bucket/my rides/a.parquet"]
    assert locations(spec, "EVENTS", say) == ["s3://bucket/my rides/a.parquet", "s3://bucket/b.parquet"]
    with (
        pytest.raises(BatchError, match=r"^PREDICTIONS=s3://bucket/prefix"),
        places.opened(f"{scheme}://bucket/prefix"),
    ):
        raise AssertionError


@pytest.mark.parametrize("address", ["file:///tmp/out", "https://host/out"])
def test_a_place_that_cannot_be_written_to_is_answered_with_what_can(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BatchError, match="can't be written to; give a folder's path"), places.opened(address):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []
