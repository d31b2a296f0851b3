"""Reading TLC trips: the right columns of the right files, or one clear line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from threeways.errors import DataError
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.reading import normalised, read


@pytest.fixture
def month() -> pd.DataFrame:
    return city.month(2021, 1, 50)


def write(frame: pd.DataFrame, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(file, index=False)
    return file


def test_green_and_yellow_trips_read_alike_and_other_columns_are_left_out(
    tmp_path: Path, month: pd.DataFrame
) -> None:
    green = write(month.assign(fare_amount=1.0), tmp_path / "green.parquet")
    yellow = write(
        month.rename(columns=lambda name: name.replace("lpep", "tpep")), tmp_path / "yellow.parquet"
    )
    assert list(read(str(green)).frame.columns) == [
        "pickup_datetime",
        "dropoff_datetime",
        "PULocationID",
        "DOLocationID",
        "trip_distance",
        "tip_amount",
        "payment_type",
    ]
    pd.testing.assert_frame_equal(read(str(green)).frame, read(str(yellow)).frame)


def test_what_tells_a_tip_may_be_missing_or_no_number(tmp_path: Path, month: pd.DataFrame) -> None:
    texts = month.drop(columns="payment_type").assign(tip_amount=month["tip_amount"].astype(str))
    assert list(read(str(write(texts, tmp_path / "texts.parquet"))).frame.columns)[-1] == "trip_distance"
    twice = read(f"{tmp_path}/texts.parquet {write(month, tmp_path / 'whole.parquet')}").frame
    assert twice["tip_amount"].isna().tolist() == [True] * 50 + [False] * 50


def test_a_source_has_its_rows_and_the_digest_of_its_bytes(tmp_path: Path, month: pd.DataFrame) -> None:
    file = write(month, tmp_path / "green.parquet")
    (source,) = read(str(file)).sources
    assert source.name == str(file)
    assert source.rows == 50
    assert source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n"])
def test_a_list_of_files_is_read_in_its_order(tmp_path: Path, month: pd.DataFrame, separator: str) -> None:
    second, first = write(month[:20], tmp_path / "a.parquet"), write(month[20:], tmp_path / "b.parquet")
    trips = read(f"{first}{separator}{second}")
    assert [source.rows for source in trips.sources] == [30, 20]
    assert trips.frame.index.tolist() == list(range(50))
    assert trips.frame["pickup_datetime"][30] == month["lpep_pickup_datetime"][0]


def test_a_glob_takes_every_file_once_in_order(tmp_path: Path, month: pd.DataFrame) -> None:
    for name in ("c", "a", "b"):
        write(month, tmp_path / "2021" / f"{name}.parquet")
    trips = read(f"{tmp_path}/**/*.parquet {tmp_path}/2021/a.parquet")
    assert [Path(source.name).stem for source in trips.sources] == ["a", "b", "c"]


def test_a_path_with_a_space_in_it_is_one_file(tmp_path: Path, month: pd.DataFrame) -> None:
    file = write(month, tmp_path / "my trips" / "green, january.parquet")
    assert len(read(str(file)).frame) == 50


def test_integers_with_nulls_times_with_a_zone_and_coarser_times_are_taken(month: pd.DataFrame) -> None:
    odd = month.assign(
        PULocationID=month["PULocationID"].astype("Int64").where(month.index != 3),
        DOLocationID=month["DOLocationID"].astype("int32"),
        lpep_pickup_datetime=month["lpep_pickup_datetime"]
        .dt.tz_localize("America/New_York")
        .dt.tz_convert("UTC"),
        lpep_dropoff_datetime=month["lpep_dropoff_datetime"].astype("datetime64[s]"),
    )
    frame = normalised(odd)
    assert frame["PULocationID"].isna().tolist() == [row == 3 for row in range(50)]
    assert (frame["pickup_datetime"] == month["lpep_pickup_datetime"]).all()
    assert (frame["dropoff_datetime"] == month["lpep_dropoff_datetime"]).all()


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path, month: pd.DataFrame) -> None:
    file = write(month.drop(columns=["trip_distance", "PULocationID"]), tmp_path / "green.parquet")
    with pytest.raises(
        DataError, match=r"lacks PULocationID, trip_distance \(it has lpep_pickup.*DOLocationID"
    ):
        read(str(file), "RIDES")


def test_a_column_of_another_type_is_named(tmp_path: Path, month: pd.DataFrame) -> None:
    texts = month.assign(lpep_pickup_datetime=month["lpep_pickup_datetime"].astype(str))
    with pytest.raises(DataError, match="in lpep_pickup_datetime, where times belong"):
        read(str(write(texts, tmp_path / "a.parquet")))
    texts = month.assign(trip_distance=month["trip_distance"].astype(str))
    with pytest.raises(DataError, match="in trip_distance, where numbers belong"):
        read(str(write(texts, tmp_path / "b.parquet")))


def test_an_empty_month_is_refused(tmp_path: Path, month: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"empty.parquet has no rows"):
        read(str(write(month[:0], tmp_path / "empty.parquet")))


def test_a_file_that_is_not_parquet_or_is_cut_short_is_refused(tmp_path: Path, month: pd.DataFrame) -> None:
    text = tmp_path / "trips.parquet"
    text.write_text("PULocationID,DOLocationID\n1,2\n")
    with pytest.raises(DataError, match="no whole parquet file"):
        read(str(text))
    whole = write(month, tmp_path / "whole.parquet").read_bytes()
    text.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no whole parquet file"):
        read(str(text))
    text.write_bytes(b"")
    with pytest.raises(DataError, match="no whole parquet file"):
        read(str(text))
