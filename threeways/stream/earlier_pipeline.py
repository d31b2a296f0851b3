"""The names that users of the MLOps Zoomcamp's streaming pipeline call and test, over the one scoring path.

`model.py` re-exports them, so that their code and their tests move over unchanged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import InvalidEvent, PermanentError, TransientError
from threeways.scoring import service, tasks
from threeways.settings import DEFAULT_TASK
from threeways.stream.handler import StreamHandler

__all__ = ["ModelService", "base64_decode"]


def base64_decode(encoded_data: str) -> Any:
    """Decode the JSON value in a record's base64 `data`."""
    return json.loads(base64.b64decode(encoded_data))


class ModelService:
    """The earlier pipeline's model service, over the one scoring path.

    model: anything with `predict`; one without an `input_kind` is fed dicts, as the earlier pipeline fed it.
    callbacks: each is called with every prediction of `lambda_handler`. handler: does its work, if given.
    """

    def __init__(
        self,
        model: Any,
        model_version: str | None = None,
        callbacks: Iterable[Callable[[dict[str, Any]], object]] | None = None,
        *,
        handler: StreamHandler | None = None,
    ) -> None:
        self.model = model if hasattr(model, "input_kind") else _TakesDicts(model)
        self.model_version = model_version
        self.callbacks = list(callbacks or [])
        self._handler = handler
        self._service = (
            handler.service
            if handler
            else service.ModelService(self.model, tasks.find(DEFAULT_TASK), model_version)
        )

    def prepare_features(self, ride: Mapping[str, Any]) -> dict[str, Any]:
        """Return the features of one ride by name, those that the model takes. Raises InvalidEvent."""
        task = self._service.task
        try:
            event = msgspec.convert({task.id: 0, "ride": ride}, task.event)
        except msgspec.ValidationError as error:
            raise InvalidEvent(str(error)) from None
        if task.dicts and self.model.input_kind == "dicts":
            return dict(task.dicts.rows([event])[0])
        features = task.features([event], [datetime.now(UTC)])
        for fault in features.faults.values():
            raise fault
        return dict(zip(task.columns, features.block[0].tolist(), strict=True))

    def predict(self, features: Mapping[str, Any]) -> float:
        """Predict from one ride's features, as `prepare_features` makes them."""
        if self.model.input_kind == "dicts":
            return float(self.model.predict([features])[0])
        row = [features[column] for column in self._service.task.columns]
        return float(self.model.predict(np.array([row], dtype=np.float64))[0])

    def lambda_handler(self, event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        """Return `{"predictions": [{model, version, prediction}]}`; records need hold no more than `data`.

        Raises the reason of the first record that cannot be scored.
        """
        if self._handler:
            return self._handler(event, context)
        payloads = [base64.b64decode(record["kinesis"]["data"]) for record in event["Records"]]
        now = datetime.now(UTC)
        predictions = []
        for outcome in self._service.score(payloads, [now] * len(payloads)):
            if isinstance(outcome, PermanentError | TransientError):
                raise outcome
            plain = msgspec.structs.asdict(self._service.prediction(outcome))
            predictions.append({name: plain[name] for name in ("model", "version", "prediction")})
        for plain in predictions:
            for callback in self.callbacks:
                callback(plain)
        return {"predictions": predictions}


class _TakesDicts:
    """A bare model, such as a test's fake, in the form that the service asks for."""

    input_kind: Literal["dicts"] = "dicts"

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: Any) -> NDArray[np.float64]:
        return np.asarray(self._model.predict(features), dtype=np.float64)
