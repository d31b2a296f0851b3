"""The synthetic city: the same every time, in TLC's schema, dirty and plausible."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from threeways.errors import DataError
from threeways.systems.taxi.trips import city, city_map, city_tips
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import digest_of, normalised


@pytest.fixture(scope="module")
def january() -> pd.DataFrame:
    return city.month(2021, 1, 60_000)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_or_month_others(january: pd.DataFrame) -> None:
    assert digest_of(city.month(2021, 1, 60_000)) == digest_of(january)
    assert digest_of(city.month(2021, 1, 60_000, seed=7)) != digest_of(january)
    assert digest_of(city.month(2021, 2, 60_000)) != digest_of(january)


def test_it_has_the_schema_of_tlcs_green_files(january: pd.DataFrame) -> None:
    assert {name: str(dtype) for name, dtype in january.dtypes.items()} == {
        "lpep_pickup_datetime": "datetime64[us]",
        "lpep_dropoff_datetime": "datetime64[us]",
        "PULocationID": "int64",
        "DOLocationID": "int64",
        "trip_distance": "float64",
        "payment_type": "int64",
        "tip_amount": "float64",
    }
    assert january["PULocationID"].between(1, 265).all()
    assert january["DOLocationID"].nunique() == 265


def test_how_rides_are_paid_changes_nothing_else_about_them(
    january: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(city_tips, "draw", lambda *_: {})
    pd.testing.assert_frame_equal(
        city.month(2021, 1, 60_000), january.drop(columns=["payment_type", "tip_amount"])
    )


def test_two_rides_in_three_are_paid_by_card_and_their_riders_tip_a_fifth_or_nothing(
    january: pd.DataFrame,
) -> None:
    card = january[january["payment_type"] == 1]
    assert 0.64 < len(card) / len(january) < 0.68
    assert (january["tip_amount"][january["payment_type"] != 1] == 0).all()
    assert 0.08 < (card["tip_amount"] == 0).mean() < 0.14
    usual = card[card["trip_distance"].between(0.5, 30) & (card["tip_amount"] > 0)]
    minutes = (usual["lpep_dropoff_datetime"] - usual["lpep_pickup_datetime"]).dt.total_seconds() / 60
    share = usual["tip_amount"] / (2.5 + 2.0 * usual["trip_distance"] + 0.35 * minutes)
    assert 0.15 < share.quantile(0.1) < share.median() < share.quantile(0.9) < 0.25
    again = city.month(2021, 1, 60_000)
    assert (again["tip_amount"] == january["tip_amount"]).all()


def test_a_hundred_thousand_rides_take_less_than_two_seconds() -> None:
    began = time.process_time()
    assert len(city.month(2021, 1, 100_000)) == 100_000
    assert time.process_time() - began < 2


def test_a_few_zones_have_most_pickups(january: pd.DataFrame) -> None:
    shares = january["PULocationID"].value_counts(normalize=True)
    assert shares.iloc[0] > 0.05
    assert shares.iloc[:26].sum() > 0.45
    assert shares.iloc[-100:].sum() < 0.15


def test_rush_hours_are_slow_and_busy_on_working_days(january: pd.DataFrame) -> None:
    kept = january[clean(normalised(january)).kept]
    kept = kept[kept["trip_distance"].between(0.5, 30)]
    working = kept[kept["lpep_pickup_datetime"].dt.day_of_week < 5]
    hours = (working["lpep_dropoff_datetime"] - working["lpep_pickup_datetime"]).dt.total_seconds() / 3600
    by_hour = (working["trip_distance"] / hours).groupby(working["lpep_pickup_datetime"].dt.hour)
    assert by_hour.mean()[17] < 0.75 * by_hour.mean()[3]
    assert by_hour.size()[17] > 10 * by_hour.size()[3]


def test_zones_keep_their_places_from_month_to_month(january: pd.DataFrame) -> None:
    def distances(month: pd.DataFrame) -> pd.Series[float]:
        near = month[month["trip_distance"].between(0.01, 100)]
        return near.groupby(["PULocationID", "DOLocationID"])["trip_distance"].median()

    sizes = january.groupby(["PULocationID", "DOLocationID"]).size()
    both = pd.concat([distances(january), distances(city.month(2021, 6, 60_000))], axis=1)
    often = both.loc[sizes[sizes > 20].index].dropna()
    assert len(often) > 200
    assert np.corrcoef(often.to_numpy().T)[0, 1] > 0.95


def test_it_is_as_dirty_as_the_real_files(january: pd.DataFrame) -> None:
    minutes = clean(normalised(january)).target
    miles = january["trip_distance"]
    shares = {
        "under a minute": (np.mean(minutes < 1), 0.01, 0.03),
        "over an hour": (np.mean(minutes > 60), 0.008, 0.03),
        "no time at all": (np.mean(minutes == 0), 0.0003, 0.003),
        "about a day": (np.mean(minutes > 1380), 0.0003, 0.003),
        "no distance": (np.mean(miles == 0), 0.02, 0.045),
        "absurdly far": (np.mean(miles > 100), 0.0002, 0.002),
        "unknown or outside": (np.mean(january["PULocationID"] > 263), 0.001, 0.01),
        "twice": (january.duplicated().mean(), 0.0005, 0.004),
    }
    assert {name: share for name, (share, low, high) in shares.items() if not low < share < high} == {}


@pytest.mark.parametrize(
    ("year", "month", "rides"), [(2021, 13, 10), (2021, 0, 10), (0, 1, 10), (2021, 1, 0)]
)
def test_a_month_that_is_none_is_refused(year: int, month: int, rides: int) -> None:
    with pytest.raises(DataError, match="synthetic city"):
        city.month(year, month, rides)


def test_closed_bridges_make_rides_across_them_longer_from_that_moment_on_and_no_others() -> None:
    closed = np.datetime64("2021-03-16")
    before = city.month(2021, 3, 8_000)
    after = city.month(2021, 3, 8_000, closed=closed)
    ends = ["PULocationID", "DOLocationID"]
    changed = (before["lpep_dropoff_datetime"] != after["lpep_dropoff_datetime"]).to_numpy()
    zones = before[ends].to_numpy(dtype=np.int64) - 1
    crosses = city_map.draw(city.SEED).bridged[zones[:, 0], zones[:, 1]]
    late = (before["lpep_pickup_datetime"] >= closed).to_numpy()
    assert not changed[~(crosses & late)].any()
    assert changed[crosses & late].mean() > 0.95  # dirt has taken the others' times
    assert 0.15 < crosses.mean() < 0.25
    same = ["lpep_pickup_datetime", *ends, "trip_distance", "payment_type"]
    pd.testing.assert_frame_equal(before[same], after[same])


def test_bridges_that_are_closed_after_the_month_change_nothing(january: pd.DataFrame) -> None:
    unchanged = city.month(2021, 1, 60_000, closed=np.datetime64("2021-02-01"))
    assert digest_of(unchanged) == digest_of(january)
