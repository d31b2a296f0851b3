"""Cleaning: every row judged once, and the reasons counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import normalised

RIDE = {
    "pickup_datetime": "2021-01-04T08:00:00",
    "dropoff_datetime": "2021-01-04T08:20:00",
    "PULocationID": 74.0,
    "DOLocationID": 75.0,
    "trip_distance": 2.5,
}


def frame(*changes: dict[str, Any]) -> pd.DataFrame:
    rows = pd.DataFrame([RIDE | change for change in changes])
    times = {name: rows[name].astype("datetime64[us]") for name in ("pickup_datetime", "dropoff_datetime")}
    return rows.assign(**times)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pickup_datetime": None}, "no pickup time"),
        ({"pickup_datetime": "-0044-03-15T10:00:00"}, "a pickup time no event can hold"),
        ({"PULocationID": np.nan}, "no zone"),
        ({"DOLocationID": np.nan}, "no zone"),
        ({"DOLocationID": 75.5}, "a zone that is no 32-bit integer"),
        ({"PULocationID": 2.0**31}, "a zone that is no 32-bit integer"),
        ({"PULocationID": -np.inf}, "a zone that is no 32-bit integer"),
        ({"trip_distance": np.nan}, "no distance"),
        ({"trip_distance": -0.01}, "a negative or infinite distance"),
        ({"trip_distance": np.inf}, "a negative or infinite distance"),
    ],
)
def test_what_makes_no_event_is_neither_valid_nor_kept(change: dict[str, Any], reason: str) -> None:
    cleaning = clean(frame({}, change))
    assert cleaning.valid.tolist() == cleaning.kept.tolist() == [True, False]
    assert {name: count for name, count in cleaning.dropped.items() if count} == {reason: 1}


@pytest.mark.parametrize(
    ("dropoff", "reason"),
    [
        (None, "no drop-off time"),
        ("2021-01-04T07:59:59", "ended before it began"),
        ("2021-01-04T08:00:00", "under 1 minute"),
        ("2021-01-04T08:00:59.999999", "under 1 minute"),
        ("2021-01-04T09:00:00.000001", "over 60 minutes"),
    ],
)
def test_what_is_unfit_to_learn_from_is_still_a_valid_event(dropoff: str | None, reason: str) -> None:
    cleaning = clean(frame({"dropoff_datetime": dropoff}))
    assert cleaning.valid.all()
    assert not cleaning.kept.any()
    assert {name: count for name, count in cleaning.dropped.items() if count} == {reason: 1}


def test_one_and_sixty_minutes_unknown_zones_and_absurd_distances_are_kept() -> None:
    cleaning = clean(
        frame(
            {"dropoff_datetime": "2021-01-04T08:01:00"},
            {"dropoff_datetime": "2021-01-04T09:00:00"},
            {"PULocationID": 264, "DOLocationID": 999_999},
            {"trip_distance": 244_152.01},
            {"trip_distance": 0},
        )
    )
    assert cleaning.kept.all()
    assert cleaning.target.tolist() == [1, 60, 20, 20, 20]
    assert not any(cleaning.dropped.values())


def test_a_row_with_several_faults_counts_once_and_the_counts_add_up() -> None:
    rows = frame(
        {}, {"pickup_datetime": None, "trip_distance": -1}, {"trip_distance": -1, "PULocationID": np.nan}
    )
    cleaning = clean(rows)
    assert sum(cleaning.dropped.values()) == 2 == np.count_nonzero(~cleaning.kept)
    dirty = normalised(city.month(2021, 1, 5_000))
    cleaning = clean(dirty)
    assert sum(cleaning.dropped.values()) == np.count_nonzero(~cleaning.kept) > 0
