"""Trip files as other programs write them: odd times, odd columns, one clear line at the worst."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from threeways.errors import DataError
from threeways.systems.taxi.trips import arrow, city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import read

PICKUP = "lpep_pickup_datetime"
A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}
NOON = 1_609_502_400  # 2021-01-01T12:00:00 UTC
type Write = Callable[..., str]


@pytest.fixture
def month() -> pd.DataFrame:
    return city.month(2021, 1, 4)


@pytest.fixture
def write(tmp_path: Path, month: pd.DataFrame) -> Write:
    """The month as a parquet file, with other values in a column; its path."""

    def write(column: str, values: pa.Array) -> str:
        table = pa.Table.from_pandas(month)
        table = table.set_column(table.column_names.index(column), column, values)
        pq.write_table(table, tmp_path / "odd.parquet")
        return str(tmp_path / "odd.parquet")

    return write


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "+05:30"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_time_out_of_any_calendar_costs_its_own_row_only(write: Write, unit: str, zone: str | None) -> None:
    far = 9 * (10**15 if unit == "s" else 10**18)  # a file holds seconds as milliseconds
    file = write(PICKUP, pa.array([far, -far, None, NOON * A_SECOND[unit]], pa.timestamp(unit, zone)))
    frame = read(file).frame
    cleaning = clean(frame)
    assert cleaning.valid.tolist() == [False, False, False, True]
    assert cleaning.dropped["a pickup time no event can hold"] == 2
    assert cleaning.dropped["no pickup time"] == 1
    noon = "2021-01-01T07:00" if zone else "2021-01-01T12:00"
    assert frame["pickup_datetime"][3] == pd.Timestamp(noon)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_first_and_the_last_year_are_read_as_they_are(write: Write, zone: str | None) -> None:
    texts = ["0001-01-02T00:00:00", "9999-12-31T23:59:59", "10000-01-01T00:00:00", "0000-12-31T23:59:59"]
    seconds = pd.Series(texts).to_numpy().astype("datetime64[s]").astype("int64")
    cleaning = clean(read(write(PICKUP, pa.array(seconds, pa.timestamp("s", zone)))).frame)
    assert cleaning.valid.tolist() == [True, True, False, False]


def test_nanoseconds_are_cut_to_microseconds(write: Write) -> None:
    file = write(PICKUP, pa.array([NOON * 10**9 + 1_999, 0, 0, None], pa.timestamp("ns")))
    assert read(file).frame["pickup_datetime"][0] == pd.Timestamp("2021-01-01T12:00:00.000001")


def test_times_with_a_zone_of_pandas_arrow_backend_are_read(tmp_path: Path, month: pd.DataFrame) -> None:
    zoned = month.copy()
    for name in (PICKUP, "lpep_dropoff_datetime"):
        zoned[name] = month[name].dt.tz_localize("America/New_York")
    zoned.convert_dtypes(dtype_backend="pyarrow").to_parquet(tmp_path / "arrow.parquet")
    frame = read(str(tmp_path / "arrow.parquet")).frame
    assert (frame["pickup_datetime"] == month[PICKUP]).all()
    assert str(frame["dropoff_datetime"].dtype) == "datetime64[us]"


def test_a_zone_that_nobody_knows_is_no_matter_as_the_moments_are_utc(write: Write) -> None:
    file = write(PICKUP, pa.array([NOON] * 4, pa.timestamp("s", "Mars/Base")))
    assert read(file).frame["pickup_datetime"][0] == pd.Timestamp("2021-01-01T07:00")


@pytest.mark.parametrize("index", [PICKUP, "trip_distance"])
def test_a_column_that_was_pandas_index_is_a_column_still(
    tmp_path: Path, month: pd.DataFrame, index: str
) -> None:
    month.to_parquet(tmp_path / "plain.parquet")
    month.set_index(index).to_parquet(tmp_path / "indexed.parquet")
    pd.testing.assert_frame_equal(
        read(str(tmp_path / "indexed.parquet")).frame, read(str(tmp_path / "plain.parquet")).frame
    )


def test_a_column_that_is_there_twice_is_named(tmp_path: Path, month: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(month)
    twice = pa.table([*table.columns, table["trip_distance"]], names=[*table.column_names, "trip_distance"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r"^RIDES: .*twice.parquet has more than one column trip_distance;"):
        read(str(tmp_path / "twice.parquet"), "RIDES")


def test_a_column_of_another_type_is_named_with_the_type_that_the_file_has(write: Write) -> None:
    decimals = pa.array([1, 2, 3, 4], pa.decimal128(10, 2))
    with pytest.raises(DataError, match=r"has decimal128\(10, 2\) in trip_distance, where numbers belong"):
        read(write("trip_distance", decimals))
    with pytest.raises(DataError, match=r"has date32\[day\] in lpep_pickup_datetime, where times belong"):
        read(write(PICKUP, pa.array([1, 2, 3, 4], pa.date32())))


def test_a_file_whose_names_are_no_text_is_said_to_be_broken(tmp_path: Path, month: pd.DataFrame) -> None:
    file = tmp_path / "broken.parquet"
    pq.write_table(pa.Table.from_pandas(month).replace_schema_metadata(), file, store_schema=False)
    file.write_bytes(file.read_bytes().replace(b"PULocationID", b"\xff\xfeLocationID"))
    with pytest.raises(DataError, match=r"broken.parquet is no whole parquet file \(.*utf-8"):
        read(str(file))


@pytest.mark.parametrize("kind", [pa.ArrowInvalid, ValueError, NotImplementedError, OverflowError])
def test_what_a_library_cannot_convert_is_said_with_its_column(
    write: Write, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def refuse(_column: Any) -> None:
        raise kind("year 287168\nis out of range")

    monkeypatch.setattr(arrow, "times", refuse)  # no file is known that does it
    file = write(PICKUP, pa.array([NOON] * 4, pa.timestamp("s")))
    with pytest.raises(DataError, match=r"odd.parquet has values in lpep_pickup.*\(year 287168 is out of"):
        read(file)
