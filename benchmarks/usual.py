"""The usual way, as tutorials write it: MLflow's pyfunc, and for each record one predict and one put.

No part of this project, so that it runs in an image of its own too: NumPy and the standard library.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

type Features = Callable[[dict[str, Any]], Any]


def block_features(ride: dict[str, Any]) -> Any:
    """One ride's features, by position."""
    pickup = datetime.fromisoformat(ride["pickup_datetime"])
    features = [
        ride["PULocationID"],
        ride["DOLocationID"],
        ride["PULocationID"] * 1000 + ride["DOLocationID"],
        ride["trip_distance"],
        pickup.hour * 60 + pickup.minute,
        pickup.weekday(),
    ]
    return np.array([features], dtype=np.float64)


def dict_features(ride: dict[str, Any]) -> Any:
    """One ride's features for a pipeline that begins with a `DictVectorizer`."""
    return {
        "PU_DO": f"{ride['PULocationID']}_{ride['DOLocationID']}",
        "trip_distance": ride["trip_distance"],
    }


def decode(record: dict[str, Any]) -> Any:
    """A record's ride event."""
    return json.loads(base64.b64decode(record["kinesis"]["data"]).decode("utf-8"))


def handler_of(
    model: Any, kinesis: Any, stream: str, features: Features = block_features
) -> Callable[..., dict[str, Any]]:
    """Lambda's handler. model: what `mlflow.pyfunc.load_model` gave. kinesis: a client."""

    def lambda_handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        predictions = []
        for record in event["Records"]:
            ride_event = decode(record)
            prediction = float(model.predict(features(ride_event["ride"]))[0])
            message = {
                "model": "ride_duration_prediction_model",
                "version": "bench",
                "prediction": {"ride_duration": prediction, "ride_id": ride_event["ride_id"]},
            }
            kinesis.put_record(
                StreamName=stream, Data=json.dumps(message), PartitionKey=str(ride_event["ride_id"])
            )
            predictions.append(message)
        return {"predictions": predictions}

    return lambda_handler
