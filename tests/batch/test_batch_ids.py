"""Ride ids come out as they went in, whatever the types of their source are."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import LAYOUT, RIDE, batch, ids, rides, service
from rich.console import Console

from threeways.batch import database, parquet, predictions_database, predictions_parquet
from threeways.batch.job import Asked, Done, run
from threeways.errors import BatchError, DataError

pytest_plugins = ["postgres_server"]

TEXTS = ["007", "7", "1e3", "1000", "a-1"]


@pytest.fixture
def out(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'predictions.db'}"


def file(path: Path, given: Any, **columns: Any) -> Path:
    """Sound rides with these ids, in a parquet file; columns take the place of the rides' own."""
    count = len(given)
    usual = {
        "PULocationID": [130] * count,
        "DOLocationID": [205] * count,
        "trip_distance": [3.66] * count,
        "pickup_datetime": [RIDE[3]] * count,
    }
    pq.write_table(pa.table({"ride_id": given, **usual, **columns}), path)
    return path


def from_files(spec: Path | str, place: str, **asked: Any) -> Done:
    """One run from parquet files into a database or a folder."""
    opened = predictions_database.opened if "://" in place else predictions_parquet.opened
    with parquet.opened(str(spec), lambda _line: None, LAYOUT) as source, opened(place, LAYOUT) as sink:
        return run(Asked(**asked), source, sink, service, Console(file=io.StringIO()))


def kept(folder: Path) -> list[Any]:
    """The ids of a folder's predictions, in the order of their texts."""
    tables = [pq.read_table(part) for part in folder.glob("predictions_*.parquet")]
    return sorted((one for table in tables for one in table["ride_id"].to_pylist()), key=str)


def table(url: str, kind: str, given: Sequence[str], more: str = "") -> None:
    """A table of sound rides in PostgreSQL, with ids of a type; given: SQL."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        if more:
            connection.exec_driver_sql(more)
        connection.exec_driver_sql(
            f"CREATE TABLE rides (ride_id {kind} PRIMARY KEY, pulocationid int, dolocationid int, "
            "trip_distance double precision, pickup_datetime timestamp)"
        )
        for one in given:
            connection.exec_driver_sql(
                f"INSERT INTO rides VALUES ({one}, 130, 205, 3.66, '{RIDE[3]}')"  # noqa: S608 - the test's own
            )
    engine.dispose()


@pytest.mark.parametrize(
    "key", ["ride_id PRIMARY KEY", "ride_id TEXT PRIMARY KEY", "ride_id BLOB PRIMARY KEY"]
)
@pytest.mark.parametrize("chunk", [2, 100])
def test_texts_stay_texts_from_sqlite_to_sqlite(tmp_path: Path, out: str, key: str, chunk: int) -> None:
    source = rides(tmp_path / "rides.db", [(one, *RIDE) for one in TEXTS], key)
    assert batch(source, out, chunk=chunk).run.scored == len(TEXTS)
    assert ids(out) == sorted(TEXTS)


def test_texts_that_a_view_gives_stay_texts(tmp_path: Path, out: str) -> None:
    source = rides(tmp_path / "trips.db", [(n, *RIDE) for n in range(9, 12)])
    engine = sa.create_engine(source)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rides RENAME TO trips")
        connection.exec_driver_sql(
            "CREATE VIEW rides AS SELECT printf('%03d', ride_id) AS ride_id, * FROM trips"
        )
    batch(source, out, chunk=2)
    assert ids(out) == ["009", "010", "011"]


def test_kinds_that_mix_in_one_column_become_texts(tmp_path: Path, out: str) -> None:
    source = rides(
        tmp_path / "rides.db", [(one, *RIDE) for one in (7, 1e3, "007", "a")], "ride_id PRIMARY KEY"
    )
    batch(source, out, chunk=1)
    assert ids(out) == ["007", "1000", "7", "a"]


def test_a_number_and_a_text_that_would_become_one_id_are_refused_by_name(tmp_path: Path, out: str) -> None:
    source = rides(tmp_path / "rides.db", [(one, *RIDE) for one in (7, 8, "7")], "ride_id PRIMARY KEY")
    with pytest.raises(DataError, match="ride_id has 7 both as a number and as a text"):
        batch(source, out)


def test_a_text_among_declared_integers_is_quarantined_alone(tmp_path: Path, out: str) -> None:
    source = rides(tmp_path / "rides.db", [(one, *RIDE) for one in (7, 8, "a")], "ride_id INT PRIMARY KEY")
    batch(source, out)
    assert (ids(out), ids(out, "ride_quarantine")) == ([7, 8], ["a"])


def test_integral_floats_are_integers_and_no_blob_is_an_id(tmp_path: Path, out: str) -> None:
    given = [(one, *RIDE) for one in (1e3, 2.5, 2.0**60, b"abc")]
    done = batch(rides(tmp_path / "rides.db", given, "ride_id PRIMARY KEY"), out)
    assert (ids(out), done.run.quarantined) == ([1000], 3)
    assert "b'abc'" in ids(out, "ride_quarantine")


@pytest.mark.parametrize(
    ("kind", "given", "expected", "more"),
    [
        ("numeric", ["7", "8.0", "9223372036854775807"], [7, 8, 2**63 - 1], ""),
        ("numeric(20, 2)", ["7", "1000"], [7, 1000], ""),
        ("double precision", ["7", "1e3"], [7, 1000], ""),
        ("text", ["'007'", "'7'", "'1e3'", "'ü'"], ["007", "1e3", "7", "ü"], ""),
        ("varchar(9)", ["'B'", "'a'", "'A'", "'b'"], ["A", "B", "a", "b"], ""),
        ("char(4)", ["'b'", "'a'", "'c'"], ["a   ", "b   ", "c   "], ""),
        ("sign", ["'b'", "'c'", "'a'"], ["a", "b", "c"], "CREATE TYPE sign AS ENUM ('b', 'a', 'c')"),
        ("code", ["'x-1'", "'007'"], ["007", "x-1"], "CREATE DOMAIN code AS text"),
        ("count", ["7", "8"], [7, 8], "CREATE DOMAIN count AS bigint"),
    ],
)  # fmt: skip
def test_postgresqls_types_of_ids(
    postgres: str, kind: str, given: list[str], expected: list[Any], more: str
) -> None:
    table(postgres, kind, given, more)
    assert batch(postgres, postgres, chunk=1).run.scored == len(given)
    assert sorted(ids(postgres)) == expected


def test_uuids_from_postgresql_go_to_every_sink(postgres: str, out: str, tmp_path: Path) -> None:
    table(postgres, "uuid", ["gen_random_uuid()"] * 5)
    for sink in (postgres, out):
        batch(postgres, sink, chunk=2)
    folder = tmp_path / "out"
    with (
        database.opened(postgres, "rides", LAYOUT) as source,
        predictions_parquet.opened(str(folder), LAYOUT) as files,
    ):
        run(Asked(chunk=2), source, files, service, Console(file=io.StringIO()))
    found = ids(postgres)
    assert [str(uuid.UUID(one)) for one in found] == found == ids(out) == kept(folder)
    assert len(found) == 5


def test_decimals_that_are_no_integers_of_64_bits_are_quarantined(postgres: str) -> None:
    table(postgres, "numeric", ["7", "8.5", "9223372036854775808", "1e100", "'NaN'", "'Infinity'"])
    batch(postgres, postgres, chunk=2)
    assert ids(postgres) == [7]
    assert len(ids(postgres, "ride_quarantine")) == 5


@pytest.mark.parametrize(
    ("kind", "given"), [("bytea", "'abc'"), ("date", "'2021-02-01'"), ("boolean", "true")]
)
def test_types_that_are_no_ids_are_refused_by_name(postgres: str, kind: str, given: str) -> None:
    table(postgres, kind, [given])
    with pytest.raises(DataError, match=f"ride_id is {kind.upper()}, .* make a view that casts it"):
        batch(postgres, postgres)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pa.array(TEXTS).dictionary_encode(), sorted(TEXTS)),
        (pa.array(TEXTS, pa.large_string()), sorted(TEXTS)),
        (pa.array(TEXTS, pa.string_view()), sorted(TEXTS)),
        (pa.array([8, 7, 9]).dictionary_encode(), [7, 8, 9]),
        (pa.array([7.0, 8.0, None, 1e3]), [1000, 7, 8]),
        (pa.array([Decimal("7.0"), Decimal("8.5"), Decimal(2**63)]), [7]),
        (pa.array([7, 2**63 - 1, 2**63], pa.uint64()), [7, 2**63 - 1]),
        (pa.array([7, 8], pa.int8()), [7, 8]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquets_types_of_ids(tmp_path: Path, out: str, given: Any, expected: list[Any]) -> None:
    spec = file(tmp_path / "rides.parquet", given)
    from_files(spec, str(tmp_path / "out"), chunk=2)
    from_files(spec, out)
    assert kept(tmp_path / "out") == sorted(expected, key=str)
    assert ids(out) == sorted(set(expected))


def test_a_uuid_of_parquet_is_its_text(tmp_path: Path, out: str) -> None:
    one = uuid.uuid4()
    spec = file(tmp_path / "rides.parquet", pa.array([one.bytes], pa.uuid()))
    assert from_files(spec, out).run.scored == 1
    assert ids(out) == [str(one)]


def test_a_file_of_integers_beside_one_of_texts_makes_texts_of_them(tmp_path: Path, out: str) -> None:
    file(tmp_path / "a.parquet", [7, None, 9])
    file(tmp_path / "b.parquet", ["007", "x"])
    file(tmp_path / "c.parquet", [1.0, 2.0])
    spec = str(tmp_path / "?.parquet")
    done = from_files(spec, out)
    from_files(spec, str(tmp_path / "out"), chunk=1)
    assert ids(out) == kept(tmp_path / "out") == ["007", "1", "2", "7", "9", "x"]
    assert done.run.quarantined == 1


def test_a_file_whose_ids_can_be_none_is_refused_by_name(tmp_path: Path, out: str) -> None:
    file(tmp_path / "a.parquet", [7])
    file(tmp_path / "b.parquet", [b"7"])
    with pytest.raises(DataError, match=r"ride_id of .*b\.parquet is binary, .* export it as one"):
        from_files(str(tmp_path / "?.parquet"), out)


def test_a_place_keeps_ids_of_one_kind(tmp_path: Path, out: str) -> None:
    numbers, texts = file(tmp_path / "numbers.parquet", [7]), file(tmp_path / "texts.parquet", ["007"])
    folder = tmp_path / "out"
    days: list[dict[str, str]] = [{"start": f"2021-02-0{n}", "end": f"2021-02-0{n + 1}"} for n in (1, 2)]
    for place in (out, str(folder)):
        names = Path(numbers).read_bytes(), Path(texts).read_bytes()
        from_files(numbers, place, **days[0])
        numbers.write_bytes(names[1])  # the same source, with ids of another kind
        with pytest.raises(BatchError, match=r"is an integer.* are texts; name another place"):
            from_files(numbers, place, **days[1])
        numbers.write_bytes(names[0])
        other = place.replace("predictions.db", "other.db") if "://" in place else f"{place}-2"
        from_files(texts, other, **days[0])
        texts.write_bytes(names[0])
        from_files(texts, other, **days[1])  # texts take integers
        texts.write_bytes(names[1])


def test_a_table_made_before_any_ride_came_takes_the_kind_that_comes(tmp_path: Path, out: str) -> None:
    source = rides(tmp_path / "rides.db", [(None, *RIDE)], "ride_id PRIMARY KEY")
    batch(source, out)
    batch(rides(tmp_path / "rides.db", [("007", *RIDE)], "ride_id PRIMARY KEY"), out, start="2021-02-01")
    assert ids(out) == ["007"]


@pytest.mark.parametrize("kind", ["double precision", "sign"])
def test_a_ride_that_is_known_is_none_entered_late_whatever_its_ids_type(postgres: str, kind: str) -> None:
    given = {"sign": ["'a'", "'b'"]}.get(kind, ["7", "8.5", "'NaN'", "9"])
    table(postgres, kind, given, "CREATE TYPE sign AS ENUM ('b', 'a')")
    first = batch(postgres, postgres, start="2021-02-01", end="2021-02-02").run
    for lookback in ("2d", "1h"):
        done = batch(postgres, postgres, last="day", lookback=lookback).run
        assert (done.late, done.missed) == (0, 0)
    after = batch(postgres, postgres, lookback="5000w").run
    assert (after.late, after.missed, first.read) == (0, 0, len(given))


def test_integers_in_a_place_of_texts_are_known_to_it(tmp_path: Path, out: str) -> None:
    spec = tmp_path / "rides.parquet"
    for place in (out, str(tmp_path / "out")):
        file(spec, ["007"])
        from_files(spec, place, start="2021-02-01", end="2021-02-01T12:00")
        file(spec, [7, 8], pickup_datetime=["2021-02-01 13:00:00"] * 2)
        from_files(spec, place, start="2021-02-01T12:00", end="2021-02-02")
        file(spec, [7, 8, 9], pickup_datetime=["2021-02-01 13:00:00"] * 3)
        assert from_files(spec, place, lookback="2d").run.late == 1
    assert ids(out) == kept(tmp_path / "out") == ["007", "7", "8", "9"]
