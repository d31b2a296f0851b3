"""A value that a driver or a database refuses costs its row, and no other one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from batch_lab import RIDE, batch, ids, rides, rows
from test_batch_ids import file, from_files, kept

from threeways.errors import BatchError, DataError

pytest_plugins = ["postgres_server"]

WHEN = "'2021-02-01 08:15:00'"


@pytest.fixture
def out(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'predictions.db'}"


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def fill(url: str, kind: str = "timestamp", count: int = 20, key: str = "integer") -> None:
    """`rides` with the ids 0 to count - 1, all sound, their drop-off a quarter of an hour later."""
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE rides (ride_id {key} PRIMARY KEY, pulocationid numeric, dolocationid float8, "
            f"trip_distance numeric, pickup_datetime {kind}, dropoff_datetime {kind})"
        )
        connection.exec_driver_sql(
            f"INSERT INTO rides SELECT n, 130, 205, 3.66, {WHEN}, '2021-02-01 08:30:00' "  # noqa: S608
            f"FROM generate_series(0, {count - 1}) n"
        )


def change(url: str, *changes: str) -> None:
    with engine_of(url).begin() as connection:
        for one in changes:
            connection.exec_driver_sql(one)


def put(url: str, column: str, value: str, ride_id: int) -> None:
    """Give a ride another value, which is SQL."""
    change(url, f"UPDATE rides SET {column} = {value} WHERE ride_id = '{ride_id}'")  # noqa: S608


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_a_dropoff_that_python_cannot_hold_is_unknown_and_its_ride_is_scored(
    postgres: str, kind: str
) -> None:
    fill(postgres, kind)
    for n, odd in enumerate(["infinity", "-infinity", "20000-01-01", "0044-03-15 BC"]):
        put(postgres, "dropoff_datetime", f"'{odd}'", 5 * n)
    for chunk in (3, 100):
        done = batch(postgres, postgres, chunk=chunk, start="2021-02-01").run
        assert (done.scored, done.quarantined, done.judged) == (20, 0, 16)
    assert len({row[1] for row in rows(postgres)}) == 1


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_a_pickup_that_python_cannot_hold_is_told_in_every_run(postgres: str, kind: str) -> None:
    fill(postgres, kind)
    for n, odd in enumerate(["infinity", "-infinity", "20000-01-01", "0044-03-15 BC"]):
        put(postgres, "pickup_datetime", f"'{odd}'", n)
    for start in ("2021-02-01", "2021-02-02"):
        done = batch(postgres, postgres, start=start, end="2021-03-01").run
        assert (done.quarantined, done.undated) == (4, 4)
    assert ids(postgres, "ride_quarantine") == ["0", "1", "2", "3"]
    assert "`infinity` is not an ISO 8601" in rows(postgres, "ride_quarantine")[0][4]
    assert ids(postgres) == list(range(4, 20))


def test_a_row_beside_a_time_that_python_cannot_hold_gets_the_number_that_it_gets_without(
    postgres: str,
) -> None:
    fill(postgres, "timestamptz")
    put(postgres, "pickup_datetime", "'1850-01-01 08:15+00'", 1)
    put(postgres, "pickup_datetime", "'2021-11-07 06:30:00.25+00'", 2)
    batch(postgres, postgres, end="2022-01-01")
    before = rows(postgres)
    put(postgres, "dropoff_datetime", "'infinity'", 3)
    batch(postgres, postgres, end="2022-01-01")
    assert rows(postgres) == before


def test_numbers_that_are_none_cost_their_rows_alone(postgres: str) -> None:
    fill(postgres)
    for n, (column, odd) in enumerate(
        [
            ("pulocationid", "'NaN'"), ("pulocationid", "'Infinity'"), ("pulocationid", "1e400"),
            ("dolocationid", "'NaN'"), ("dolocationid", "'-Infinity'"), ("dolocationid", "1e300"),
            ("trip_distance", "'NaN'"), ("trip_distance", "1e400"), ("pulocationid", "130.5"),
            ("dolocationid", "205.5"),
        ]
    ):  # fmt: skip
        put(postgres, column, odd, n)
    assert batch(postgres, postgres, start="2021-02-01").run.scored == 10
    assert ids(postgres, "ride_quarantine") == [str(n) for n in range(10)]


def test_a_numeric_zone_is_a_whole_number_in_odd_rows_too(postgres: str) -> None:
    fill(postgres, "text")
    for n in (1, 2):
        put(postgres, "pickup_datetime", "'2021-02-01T13:15Z'", n)
    put(postgres, "dolocationid", "NULL", 1)
    batch(postgres, postgres)
    assert 2 in ids(postgres)
    assert "got `null` - at `$.ride.DOLocationID`" in rows(postgres, "ride_quarantine")[0][4]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_an_id_with_nul_is_quarantined_where_the_place_has_no_nul(
    postgres: str, tmp_path: Path, chunk: int
) -> None:
    spec = file(tmp_path / "rides.parquet", ["a", "b\0c", "d", "\0"])
    done = from_files(spec, postgres, chunk=chunk).run
    assert (ids(postgres), done.scored, done.quarantined) == (["a", "d"], 2, 2)
    assert ids(postgres, "ride_quarantine") == ["\\0", "b\\0c"]
    assert "holds no NUL in a text - at `$.ride_id`" in rows(postgres, "ride_quarantine")[0][4]
    from_files(spec, str(tmp_path / "out"), chunk=chunk)
    assert kept(tmp_path / "out") == ["\0", "a", "b\0c", "d"]


def database_in(server: str, encoding: str) -> str:
    """The URL of a new database in an encoding."""
    url = sa.make_url(server)
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {encoding} WITH (FORCE)")
        connection.exec_driver_sql(
            f"CREATE DATABASE {encoding} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    engine.dispose()
    return url.set(database=encoding.lower()).render_as_string()


def test_an_id_that_the_places_encoding_lacks_is_quarantined(postgres_server: str, tmp_path: Path) -> None:
    url = database_in(postgres_server, "latin1")
    spec = file(tmp_path / "rides.parquet", ["a", "ü", "€", ""])
    for place in (url, f"{url}&client_encoding=utf8"):
        done = from_files(spec, place, start="2021-02-01").run
        assert (ids(url), done.scored, done.quarantined) == (["a", "ü"], 2, 2)
        assert ids(url, "ride_quarantine") == ["", "\\u20ac"]
    from_files(spec, url, start="2021-02-01", end="2021-02-02")
    assert from_files(spec, url, lookback="5000w").run.late == 0  # it is known there


@pytest.mark.parametrize("encoding", ["sql_ascii", "win1252"])
def test_a_text_that_is_none_in_the_databases_encoding_costs_its_row_alone(
    postgres_server: str, encoding: str
) -> None:
    url = database_in(postgres_server, encoding)
    ours = f"{url}&client_encoding={'utf8' if encoding == 'sql_ascii' else encoding}"
    fill(ours, "text", 6, "text")
    for n in (2, 3):
        put(ours, "ride_id", rf"E'{n}\x81'", n)
    put(ours, "pickup_datetime", r"E'2021\x81'", 5)
    for chunk in (1, 3, 100):
        done = batch(url, url, chunk=chunk, start="2021-02-01").run
        assert (ids(ours), done.scored, done.quarantined) == (["0", "1", "4"], 3, 3)


def broken(*texts: bytes) -> Any:
    """An Arrow column of texts, whatever their bytes are."""
    offsets = [sum(map(len, texts[:n])) for n in range(len(texts) + 1)]
    buffer = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in offsets))
    return pa.StringArray.from_buffers(len(texts), buffer, pa.py_buffer(b"".join(texts)))


def test_a_text_in_parquet_that_is_no_utf_8_costs_its_row_alone(tmp_path: Path, out: str) -> None:
    when = RIDE[3].encode()
    spec = file(
        tmp_path / "rides.parquet",
        broken(b"a", b"b\xff", b"c", b"d"),
        pickup_datetime=broken(when, when, b"2021\xff", when),
        dropoff_datetime=broken(when, when, when, b"\xff"),
    )
    done = from_files(spec, out)
    assert (ids(out), done.run.quarantined) == (["a", "d"], 2)
    assert {row[3] for row in rows(out, "ride_quarantine")} == {"undecodable"}


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        (pa.date32(), 2**30),
        (pa.date64(), 2**35 * 86_400_000),
        (pa.timestamp("s"), 2**50),
        (pa.timestamp("us", tz="UTC"), 2**62),
        (pa.duration("s"), 2**50),
    ],
)
def test_a_time_in_parquet_that_python_cannot_hold_costs_its_row_alone(
    tmp_path: Path, out: str, kind: Any, most: int
) -> None:
    odd = pa.array([0, most, None], pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    from_files(file(tmp_path / "a.parquet", [1, 2, 3], dropoff_datetime=odd), out)
    assert ids(out) == [1, 2, 3]
    done = from_files(file(tmp_path / "a.parquet", [1, 2, 3], pickup_datetime=odd), out, start="1960-01-01")
    sound = 1 if pa.types.is_timestamp(kind) else 0
    assert (done.run.scored, done.run.quarantined) == (sound, 3 - sound)


def test_decimals_in_parquet_are_numbers(tmp_path: Path, out: str) -> None:
    from decimal import Decimal

    zones = [Decimal("130.0"), Decimal("130.5"), None, Decimal(130)]
    miles = [Decimal("3.66"), Decimal(1), Decimal(1), Decimal(-1)]
    from_files(file(tmp_path / "a.parquet", [1, 2, 3, 4], PULocationID=zones, trip_distance=miles), out)
    assert [(row[0], row[2]) for row in rows(out)] == [(1, 7.32)]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_a_text_id_in_sqlite_that_is_no_utf_8_costs_its_row_alone(
    tmp_path: Path, out: str, chunk: int
) -> None:
    given = [(one, *RIDE) for one in ("a", "b", "c\0d", "d")]
    source = rides(tmp_path / "rides.db", given, "ride_id PRIMARY KEY")
    change(source, "UPDATE rides SET ride_id = CAST(X'62FF' AS TEXT) WHERE ride_id = 'b'")
    done = batch(source, out, chunk=chunk)
    assert (ids(out), done.run.quarantined) == (["a", "c\0d", "d"], 1)


def test_a_session_lost_while_predictions_are_copied_is_told_in_one_line(
    postgres: str, tmp_path: Path
) -> None:
    spec = file(tmp_path / "rides.parquet", [1, 2])
    from_files(spec, postgres)
    change(postgres, "ALTER TABLE ride_predictions ADD CHECK (ride_duration < 0) NOT VALID")
    with pytest.raises((BatchError, DataError), match="Nothing of this run is kept"):
        from_files(spec, postgres, start="2021-02-01")
    assert ids(postgres) == [1, 2]
