"""The model: standard parts, the same bits every time, better than the baseline, and safe to store."""

from __future__ import annotations

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from threeways.errors import DataError
from threeways.systems.taxi.rides import COLUMNS, features_of
from threeways.systems.taxi.training import baseline, model
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.rides import columns_of
from threeways.training.measures import of_numbers

_PAIR = 2  # of an encoder's columns: pickup zone, drop-off zone, zone pair


def usable(month: int, rides: int) -> tuple[np.ndarray, np.ndarray]:
    frame = city.trips(2021, month, rides).frame
    cleaning = clean(frame)
    return features_of(columns_of(frame[cleaning.kept])), cleaning.target[cleaning.kept]


@pytest.fixture(scope="module")
def january() -> tuple[np.ndarray, np.ndarray]:
    return usable(1, 20_000)


@pytest.fixture(scope="module")
def fitted(january: tuple[np.ndarray, np.ndarray]) -> Pipeline:
    return model.fit(*january)


def test_it_beats_the_baseline_clearly_on_the_next_month(
    january: tuple[np.ndarray, np.ndarray], fitted: Pipeline
) -> None:
    block, minutes = usable(2, 5_000)
    ours = of_numbers(fitted.predict(block), minutes)
    linear = of_numbers(baseline.fit(*january).predict(block), minutes)
    assert ours["rmse"] < 0.8 * linear["rmse"]
    assert ours["mae"] < 0.8 * linear["mae"]


def test_two_fits_on_the_same_rides_predict_the_same_bits(
    january: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(model.BOOSTING, "max_iter", 20)  # on a busy machine two threads mostly spin
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            made.append(model.fit(*january).predict(january[0]).tobytes())
    assert made[0] == made[1]


def test_skops_stores_it_with_the_trusted_types_and_no_others(
    january: tuple[np.ndarray, np.ndarray], fitted: Pipeline
) -> None:
    stored = skops.io.dumps(fitted)
    assert skops.io.get_untrusted_types(data=stored) == model.TRUSTED_TYPES
    loaded = skops.io.loads(stored, trusted=model.TRUSTED_TYPES)
    assert loaded.predict(january[0]).tobytes() == fitted.predict(january[0]).tobytes()


def test_zones_it_never_saw_and_absurd_distances_get_a_finite_prediction(fitted: Pipeline) -> None:
    odd = np.array(
        [[0, 0, 0, 0, 0, 0], [265, 265, 265_265, 250_000, 1439, 6], [0, 3, 3, 1e308, 700, 2]], float
    )
    assert np.isfinite(fitted.predict(odd)).all()


def test_the_booster_never_saw_a_rides_own_duration_or_speed_in_its_encodings() -> None:
    """With durations that are pure noise, an encoding that leaks would let the model beat the mean."""
    random = np.random.default_rng(0)
    block = np.zeros((4_000, len(COLUMNS)))
    block[:, COLUMNS.index("zone_pair")] = np.arange(4_000) // 2  # two rides each: a leak would show half
    block[:, COLUMNS.index("trip_distance")] = 1.0
    minutes = random.uniform(1, 60, 4_000)
    speed = np.minimum(60 / minutes, model.FASTEST_MPH)
    encoder, encoded = model._encoded(block, minutes)
    for name, own in (("duration", minutes), ("speed", speed)):
        pair = encoded[:, encoder.output_indices_[name]][:, _PAIR]
        assert abs(np.corrcoef(pair, own)[0, 1]) < 0.1
        seen = encoder.transform(block)[:, encoder.output_indices_[name]][:, _PAIR]
        assert np.corrcoef(seen, own)[0, 1] > 0.5  # as it would be if it leaked


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("miles", [60.0, 1e6, 1e308])
def test_no_ride_counts_as_faster_than_sixty_miles_an_hour(miles: float) -> None:
    random = np.random.default_rng(0)
    block = np.zeros((400, len(COLUMNS)))
    block[:, COLUMNS.index("zone_pair")] = np.arange(400) % 2  # one pair crawls, the other has the odd rides
    block[:, COLUMNS.index("trip_distance")] = np.where(np.arange(400) % 2, miles, 1.0)
    encoder, encoded = model._encoded(block, random.uniform(6, 30, 400))
    served = encoder.transform(block)[:, encoder.output_indices_["speed"]][:, _PAIR]
    assert served[1::2] == pytest.approx(60, abs=0.5)
    assert encoded[:, encoder.output_indices_["speed"]].max() <= 60
    assert 2 < served[::2].mean() < 10


def test_too_few_rides_are_refused() -> None:
    with pytest.raises(DataError, match="only 199 usable rides"):
        model.fit(np.zeros((199, 6)), np.ones(199))
