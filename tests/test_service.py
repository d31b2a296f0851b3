"""The one scoring path."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from doubles import NOW, FakeModel, ride

from threeways.errors import (
    DeadlineNear,
    InvalidEvent,
    InvalidPrediction,
    ModelFailed,
    PermanentError,
    ResourceShort,
    UndecodableEvent,
    UnpredictableEvent,
)
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import RideColumns


def service(model: Any) -> ModelService[Any]:
    return ModelService(model, task, "run-1")


def score(model: Any, payloads: list[bytes]) -> list[Outcome]:
    return service(model).score(payloads, [NOW] * len(payloads))


@pytest.mark.parametrize("size", [1, 2, 100, 1000])
def test_one_batch_makes_one_predict_call(size: int) -> None:
    model = FakeModel()
    outcomes = score(model, [ride(n, distance=n) for n in range(size)])
    assert model.calls == [size]
    assert [outcome.value for outcome in outcomes if isinstance(outcome, Scored)] == [
        2.0 * n for n in range(size)
    ]


def test_a_bad_event_costs_the_others_neither_their_prediction_nor_the_one_call() -> None:
    model = FakeModel()
    outcomes = score(model, [ride(1), b"junk", ride(2, distance=-1), ride(3, pickup_datetime="?"), ride(4)])
    assert [type(outcome) for outcome in outcomes] == [
        Scored,
        UndecodableEvent,
        InvalidEvent,
        InvalidEvent,
        Scored,
    ]
    assert model.calls == [2]
    assert [o.event_id for o in outcomes if isinstance(o, Scored)] == [1, 4]


def test_nothing_to_predict_makes_no_call() -> None:
    model = FakeModel()
    assert score(model, []) == []
    assert isinstance(score(model, [b"junk"])[0], PermanentError)
    assert model.calls == []


def test_a_reason_given_instead_of_a_payload_is_its_outcome() -> None:
    reason = UndecodableEvent("its data is not base64")
    outcomes = service(FakeModel()).score([reason, ride(1)], [NOW, NOW])
    assert outcomes[0] is reason
    assert isinstance(outcomes[1], Scored)


@pytest.mark.parametrize("bad", [[0], [6], [3, 4], [0, 1, 2, 3, 4, 5, 6]])
def test_what_fails_alone_is_found_by_bisecting(bad: list[int]) -> None:
    poisonous = [1000.0 + position for position in bad]
    model = FakeModel(fails_on=lambda block: bool(np.isin(block[:, 3], poisonous).any()))
    payloads = [ride(n, distance=1000.0 + n if n in bad else n) for n in range(7)]
    outcomes = score(model, payloads)
    assert [p for p, outcome in enumerate(outcomes) if isinstance(outcome, UnpredictableEvent)] == bad
    assert all(
        isinstance(outcome, Scored) and outcome.value == 2 * p
        for p, outcome in enumerate(outcomes)
        if p not in bad
    )


def test_what_lacks_memory_is_not_the_record_s_fault() -> None:
    class Hungry(FakeModel):
        def predict(self, features: Any) -> Any:
            if (features[:, 3] == 1000).any():
                raise MemoryError
            return super().predict(features)

    outcomes = score(Hungry(), [ride(1), ride(2, distance=1000), ride(3)])
    assert [type(outcome) for outcome in outcomes] == [Scored, ResourceShort, Scored]


def test_a_half_of_another_shape_raises() -> None:
    class Misshapen(FakeModel):
        def predict(self, features: Any) -> Any:
            if len(features) == 4:
                raise ValueError
            return np.ones(3) if len(features) == 2 else super().predict(features)

    with pytest.raises(ModelFailed, match="3,"):
        score(Misshapen(), [ride(n) for n in range(4)])


def test_bisecting_that_runs_out_of_time_leaves_the_rest_for_another_time() -> None:
    model = FakeModel(fails_on=lambda block: len(block) > 1)
    payloads = [ride(n) for n in range(8)]
    outcomes = service(model).score(payloads, [NOW] * 8, lambda: 0.0 if len(model.calls) > 5 else 60.0)
    assert [type(outcome) for outcome in outcomes] == [Scored] * 2 + [DeadlineNear] * 6


def test_a_model_that_works_in_place_spoils_no_other_s_features() -> None:
    class InPlace(FakeModel):
        def predict(self, features: Any) -> Any:
            features[:, 3] += 1
            if (features[:, 3] > 1000).any():
                raise ValueError
            return features[:, 3].copy()

    outcomes = score(InPlace(), [ride(1, distance=1), ride(2, distance=5000), ride(3, distance=3)])
    assert [outcome.value for outcome in outcomes if isinstance(outcome, Scored)] == [2.0, 4.0]


def test_a_model_that_fails_on_everything_raises() -> None:
    model = FakeModel(fails_on=lambda block: True)
    with pytest.raises(ModelFailed, match="cannot do that"):
        score(model, [ride(1), ride(2)])
    with pytest.raises(ModelFailed):
        score(model, [ride(1)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_prediction_that_is_not_finite_is_refused_alone(value: float) -> None:
    class Strange(FakeModel):
        def predict(self, features: Any) -> Any:
            values = super().predict(features)
            values[1] = value
            return values

    outcomes = score(Strange(), [ride(1), ride(2), ride(3)])
    assert [type(outcome) for outcome in outcomes] == [Scored, InvalidPrediction, Scored]


@pytest.mark.parametrize("shape", [(1,), (2, 1), ()])
def test_an_answer_of_another_shape_raises(shape: tuple[int, ...]) -> None:
    class Misshapen(FakeModel):
        def predict(self, features: Any) -> Any:
            return np.ones(shape)

    with pytest.raises(ModelFailed):
        score(Misshapen(), [ride(1), ride(2), ride(3)])


def test_a_model_is_proved_on_the_example() -> None:
    service(FakeModel()).prove()
    with pytest.raises(ModelFailed, match="example"):
        service(FakeModel(fails_on=lambda block: True)).prove()

    class Endless(FakeModel):
        def predict(self, features: Any) -> Any:
            return np.full(len(features), np.inf)

    with pytest.raises(ModelFailed, match="inf"):
        service(Endless()).prove()


def test_messages_are_the_json_of_the_predictions() -> None:
    made = service(FakeModel())
    scored = [Scored("r-1", 21.3, ("unknown_zone",)), Scored(7, 0.1, ())]
    ids = ["shardId-000000000000:7", None]
    alone = [
        msgspec.json.encode(made.prediction(one, source)) for one, source in zip(scored, ids, strict=True)
    ]
    assert made.messages(scored, ids) == alone


def test_a_model_that_wants_dicts_gets_dicts_of_the_sound_events_only() -> None:
    class Dicts:
        input_kind = "dicts"

        def __init__(self) -> None:
            self.seen: list[Any] = []

        def predict(self, features: list[dict[str, Any]]) -> Any:
            self.seen.append(features)
            return np.array([row["trip_distance"] for row in features])

    model = Dicts()
    score(model, [ride(1, distance=1), ride(2, distance=-1), ride(3, distance=3)])
    assert model.seen == [
        [{"PU_DO": "130_205", "trip_distance": 1.0}, {"PU_DO": "130_205", "trip_distance": 3.0}]
    ]


def test_a_prediction_in_the_consumers_form() -> None:
    made = service(FakeModel()).prediction(Scored("r-1", 21.3, ("unknown_zone",)), "shardId-000000000000:7")
    import msgspec

    assert msgspec.json.decode(msgspec.json.encode(made)) == {
        "model": "ride_duration_prediction_model",
        "version": "run-1",
        "prediction": {"ride_duration": 21.3, "ride_id": "r-1"},
        "source_event_id": "shardId-000000000000:7",
        "flags": ["unknown_zone"],
    }


class ByDicts:
    """A model that takes dicts; vocabulary: the keys that it was fitted on."""

    input_kind = "dicts"

    def __init__(self, *vocabulary: str) -> None:
        if vocabulary:
            self.vocabulary = frozenset(vocabulary)

    def predict(self, features: Any) -> Any:
        return np.array([row["trip_distance"] * 2 for row in features])


@pytest.mark.parametrize(
    "pickup", ["?", "", "2021-02-30T00:00:00", 1612185300000, 5.5, True, ["x"], {}, None]
)
def test_a_field_that_no_dict_is_made_of_costs_no_ride_its_prediction(pickup: Any) -> None:
    [outcome] = score(ByDicts(), [ride(1, distance=1, pickup_datetime=pickup)])
    assert outcome == Scored(1, 2.0, ())
    model: Any = FakeModel()
    [outcome] = score(model, [ride(1, distance=1, pickup_datetime=pickup)])
    if isinstance(outcome, Scored):
        assert (pickup, outcome.flags) == (None, ("assumed_pickup_datetime",))
    else:
        assert isinstance(outcome, InvalidEvent)


def test_a_field_that_dicts_are_made_of_is_as_strict_as_ever() -> None:
    outcomes = score(ByDicts(), [ride(1, PULocationID="130"), ride(2, distance=-1), b"{}"])
    assert [type(outcome) for outcome in outcomes] == [InvalidEvent] * 3


@pytest.mark.parametrize(
    ("vocabulary", "flags"),
    [((), ("unknown_zone",)), (("PU_DO", "trip_distance"), ("unknown_zone",)), (("trip_distance",), ())],
)
def test_flags_tell_of_what_the_model_takes(vocabulary: tuple[str, ...], flags: tuple[str, ...]) -> None:
    model = ByDicts(*vocabulary)
    [outcome] = score(model, [ride(1, distance=1, DOLocationID=999, pickup_datetime=None)])
    assert outcome == Scored(1, 2.0, flags)
    found = service(model).score_columns(
        RideColumns(
            np.array([130]), np.array([999]), np.array([1.0]), np.array(["2021-02-01T08:15"], "M8[us]")
        ).by_field()
    )
    assert tuple(name for name, rows in found.flags.items() if rows[0]) == flags
    assert found.values.tolist() == [2.0]
