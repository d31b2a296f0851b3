"""The names that users of the earlier pipeline call and test, used as their public unit tests use them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import model
from threeways.errors import UndecodableEvent

EVENT = {"ride": {"PULocationID": 130, "DOLocationID": 205, "trip_distance": 3.66}, "ride_id": 256}
DATA = base64.b64encode(json.dumps(EVENT).encode()).decode()


class ModelMock:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, x: Any) -> list[float]:
        return [self.value] * len(x)


def test_base64_decode() -> None:
    assert model.base64_decode(DATA) == EVENT


def test_prepare_features() -> None:
    features = model.ModelService(None).prepare_features(EVENT["ride"])  # type: ignore[arg-type]  # a dict
    assert features == {"PU_DO": "130_205", "trip_distance": 3.66}


def test_predict() -> None:
    features = {"PU_DO": "130_205", "trip_distance": 3.66}
    assert model.ModelService(ModelMock(10.0)).predict(features) == 10.0


def test_lambda_handler() -> None:
    service = model.ModelService(ModelMock(10.0), "Test123")
    assert service.lambda_handler({"Records": [{"kinesis": {"data": DATA}}]}) == {
        "predictions": [
            {
                "model": "ride_duration_prediction_model",
                "version": "Test123",
                "prediction": {"ride_duration": 10.0, "ride_id": 256},
            }
        ]
    }


def test_callbacks_get_every_prediction() -> None:
    seen: list[dict[str, Any]] = []
    service = model.ModelService(ModelMock(10.0), "Test123", [seen.append])
    answer = service.lambda_handler({"Records": [{"kinesis": {"data": DATA}}] * 2})
    assert seen == answer["predictions"]


def test_a_bad_record_raises_its_reason() -> None:
    bad = base64.b64encode(b"junk").decode()
    with pytest.raises(UndecodableEvent):
        model.ModelService(ModelMock(10.0)).lambda_handler({"Records": [{"kinesis": {"data": bad}}]})
