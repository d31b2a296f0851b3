"""Trips as columns and as events: the same features, bit for bit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import COLUMNS, features_of
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import normalised
from threeways.systems.taxi.trips.rides import columns_of, events_of, payloads_of

ARRIVED = datetime(2024, 7, 1, tzinfo=UTC)

rows = st.fixed_dictionaries(
    {
        "pickup_datetime": st.datetimes(),
        "dropoff_datetime": st.just(datetime(2021, 1, 1)),  # noqa: DTZ001 - TLC's times are naive
        "PULocationID": st.integers(-(2**31), 2**31 - 1) | st.integers(0, 270),
        "DOLocationID": st.integers(1, 265),
        "trip_distance": st.floats(0, allow_infinity=False, allow_nan=False),
    }
)


def assert_equal_features(frame: pd.DataFrame) -> None:
    events = [task.decode(payload) for payload in payloads_of(frame)]
    served = task.features(events, [ARRIVED] * len(events))
    assert not served.faults
    assert served.block.tobytes() == features_of(columns_of(frame)).tobytes()


def test_a_city_month_has_equal_features_either_way() -> None:
    frame = normalised(city.month(2021, 3, 25_000))
    assert_equal_features(frame[clean(frame).valid])


@given(st.lists(rows, min_size=1, max_size=20))
def test_any_valid_trips_have_equal_features_either_way(trips: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(trips)
    for column in ("pickup_datetime", "dropoff_datetime"):
        frame[column] = frame[column].astype("datetime64[us]")
    assert clean(frame).valid.all()
    assert_equal_features(frame)


def test_an_event_has_the_streams_format_and_its_rows_number() -> None:
    frame = normalised(
        pd.DataFrame(
            {
                "lpep_pickup_datetime": np.array(
                    ["2021-02-01T08:15:00", "2021-02-01T08:15:00.250000"], "M8[us]"
                ),
                "lpep_dropoff_datetime": np.array(["2021-02-01T08:30:00"] * 2, "M8[us]"),
                "PULocationID": pd.array([130, 131], "Int64"),
                "DOLocationID": [205.0, 206.0],
                "trip_distance": [3.66, 4],
            }
        )
    )
    first, second = events_of(frame)
    assert msgspec.json.encode(first) == (
        b'{"ride_id":0,"ride":{"PULocationID":130,"DOLocationID":205,"trip_distance":3.66,'
        b'"pickup_datetime":"2021-02-01T08:15:00"}}'
    )
    assert second["ride"]["pickup_datetime"] == "2021-02-01T08:15:00.250000"
    assert [event["ride_id"] for event in events_of(frame[1:])] == [1]


def test_the_block_follows_the_tasks_columns() -> None:
    frame = normalised(city.month(2021, 1, 10))
    assert features_of(columns_of(frame)).shape == (10, len(COLUMNS))
