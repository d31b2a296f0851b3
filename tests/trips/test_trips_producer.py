"""The producer of rides: what is sent, what was really so, and which rides an error is told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from threeways.errors import DataError
from threeways.scoring.task import Truth
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.tip import task as tip
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.producer import load
from threeways.systems.taxi.trips.reading import read
from threeways.systems.taxi.trips.rides import payloads_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "month.parquet"
    month = city.month(2021, 3, 500)
    month.loc[7, "trip_distance"] = np.nan  # no valid event
    month.to_parquet(path)
    return path


def test_the_truth_of_a_duration_is_the_minutes_and_counts_where_training_keeps_the_ride(file: Path) -> None:
    events, frame = load(str(file), 0, duration), read(str(file)).frame
    cleaning = clean(frame)
    assert (len(events), events.skipped) == (499, 1)
    assert list(events.ids) == [row for row in range(500) if row != 7]
    assert np.array_equal(events.truth, cleaning.target[cleaning.valid], equal_nan=True)
    assert np.array_equal(events.counted, cleaning.kept[cleaning.valid])
    assert list(events.payloads()) == list(payloads_of(frame[cleaning.valid]))


def test_a_tip_counts_where_the_ride_was_paid_by_card(file: Path) -> None:
    events, frame = load(str(file), 0, tip), read(str(file)).frame.drop(index=7)
    card = (frame["payment_type"] == 1).to_numpy()
    assert np.array_equal(events.truth[card], frame["tip_amount"].to_numpy()[card])
    assert np.array_equal(events.counted, card & (frame["tip_amount"] <= 50).to_numpy())
    assert 0 < events.counted.sum() < len(events)


def test_without_the_columns_of_the_truth_it_is_unknown_and_all_rides_are_worth_showing(file: Path) -> None:
    path = file.with_name("bare.parquet")
    pd.read_parquet(file).drop(columns="payment_type").to_parquet(path)
    for task in (tip, replace(tip, truth=None), replace(tip, truth=Truth(column="rating"))):
        events = load(str(path), 0, task)
        assert np.isnan(events.truth).all()
        assert events.counted.all()


def test_a_ride_is_known_by_its_zones_its_miles_and_its_pickup() -> None:
    events = load(None, 10, duration)
    trip = city.trips(2021, 3, 10).frame.iloc[3]
    assert dict(events.labels(3)) == {
        "from zone": str(trip["PULocationID"]),
        "to zone": str(trip["DOLocationID"]),
        "miles": f"{trip['trip_distance']:.2f}",
        "pickup": f"{trip['pickup_datetime']:%a %H:%M}",
    }
    assert list(events.labels(3)) == ["from zone", "to zone", "miles", "pickup"]


def test_a_file_without_a_valid_ride_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    city.month(2021, 3, 5).assign(trip_distance=-1.0).to_parquet(path)
    with pytest.raises(DataError, match="none of its 5 trips is a valid ride event"):
        load(str(path), 0, duration)
