"""The usual way for columns of mixed types: MLflow's pyfunc on a DataFrame of one row, and one put a record.

No part of this project.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pandas as pd

CLASSES = ("fraud", "ok")
"""In the order of scikit-learn's `classes_`."""


def handler_of(model: Any, kinesis: Any, stream: str) -> Callable[..., dict[str, Any]]:
    """Lambda's handler. model: what `mlflow.pyfunc.load_model` gave. kinesis: a client."""

    def lambda_handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        predictions = []
        for record in event["Records"]:
            payment = json.loads(base64.b64decode(record["kinesis"]["data"]).decode("utf-8"))
            payment_id = payment.pop("payment_id")
            numbers = [float(one) for one in model.predict(pd.DataFrame([payment]))[0]]
            message = {
                "model": "fraud",
                "version": "bench",
                "prediction": {
                    "label": CLASSES[numbers.index(max(numbers))],
                    "probabilities": dict(zip(CLASSES, numbers, strict=True)),
                    "payment_id": payment_id,
                },
            }
            kinesis.put_record(StreamName=stream, Data=json.dumps(message), PartitionKey=payment_id)
            predictions.append(message)
        return {"predictions": predictions}

    return lambda_handler
