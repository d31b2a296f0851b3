"""Where a model service is put together from the environment: the composition root.

`build` is what `lambda_function.py` uses, `build_web` what `web_service.py` does. `init`, `base64_decode` and
`ModelService` are the names that users of the MLOps Zoomcamp's streaming pipeline call and test, kept as a
thin adapter over the same scoring path: their code and their tests move over unchanged.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways import artifact, bootstrap
from threeways.aws import clients
from threeways.errors import InvalidEvent, PermanentError, SettingsError, TransientError
from threeways.scoring import service, tasks
from threeways.settings import Settings, WebSettings, from_environment
from threeways.stream.aggregated_delivery import AggregatedDelivery
from threeways.stream.delivery import Delivery, NoDelivery, StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine, Quarantine, S3Quarantine
from threeways.stream.telemetry import PowertoolsTelemetry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from threeways.web.middleware import RequestMiddleware

CONNECT_SECONDS, READ_SECONDS = 2, 5
"""How long an attempt at a call to AWS may take to connect, and to wait for the next byte of its answer.
Attempts after the first are the stream's own, which knows the deadline."""


def build(settings: Settings | None = None) -> StreamHandler:
    """The handler of one Lambda process. `settings`: the environment's, if not given.

    Raises SettingsError, ArtifactError, or ModelFailed where the model fails on the task's example.
    """
    settings = settings or from_environment(Settings)
    model_service = _service(settings)
    return StreamHandler(
        model_service,
        _delivery(settings),
        _quarantine(settings),
        PowertoolsTelemetry(
            model_service.task.name,
            model_service.version,
            model_service.runtime,
            settings.powertools_service_name,
        ),
        returns_predictions=settings.returns_predictions,
        lanes=settings.parallelization_factor,
    )


def build_web(settings: Settings | None = None, web: WebSettings | None = None) -> RequestMiddleware:
    """The web service's ASGI application, of the same model service; raises what `build` raises."""
    from threeways.web import inline_budget
    from threeways.web.app import create

    settings, web = settings or from_environment(Settings), web or from_environment(WebSettings)
    model_service = _service(settings)
    logging.getLogger("threeways.web").info(
        "model %s, version %s, task %s, served by %s",
        model_service.task.model_name, model_service.version, model_service.task.name, model_service.runtime,
    )  # fmt: skip
    return create(
        model_service,
        seconds=web.web_seconds,
        gather=web.web_gather,
        budget=inline_budget.measure(model_service),
    )


def _service(settings: Settings) -> service.ModelService[Any]:
    """The artifact that the settings name, loaded, checked against its task, and proven."""
    tasks.find(settings.task)  # a wrong name is told before anything is fetched
    return bootstrap.service_of(artifact.fetch(artifact.find(settings)), settings)


def _delivery(settings: Settings) -> Delivery:
    if settings.test_run:
        return NoDelivery()
    if not settings.predictions_stream_name:
        raise SettingsError("PREDICTIONS_STREAM_NAME is not set: name the stream, or set TEST_RUN=true")
    client = _client("kinesis", endpoint_url=settings.kinesis_endpoint_url)
    delivery = StreamDelivery(client, settings.predictions_stream_name)
    return AggregatedDelivery(delivery) if settings.aggregate_predictions else delivery


def _quarantine(settings: Settings) -> Quarantine:
    if not settings.quarantine_location:
        return NoQuarantine()
    s3: S3Client = _client("s3")
    return S3Quarantine(s3, settings.quarantine_location)


def _client(name: str, **options: Any) -> Any:
    return clients.client(
        name,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        **options,
    )


def init(
    prediction_stream_name: str | None = None, run_id: str | None = None, test_run: bool | None = None
) -> ModelService:
    """A model service from the environment; what is given goes before the environment.

    Its `lambda_handler` is the whole stream handler: it delivers, quarantines, and answers with the
    predictions beside `batchItemFailures`. Raises what `build` raises.
    """
    given = {
        "predictions_stream_name": prediction_stream_name,
        "run_id": run_id,
        "test_run": test_run,
        "return_predictions": True,
    }
    settings = msgspec.structs.replace(
        from_environment(Settings), **{name: value for name, value in given.items() if value is not None}
    )
    handler = build(settings)
    return ModelService(handler.service.model, handler.service.version, handler=handler)


def base64_decode(encoded_data: str) -> Any:
    """The JSON value in a record's base64 `data`."""
    return json.loads(base64.b64decode(encoded_data))


class ModelService:
    """The earlier pipeline's model service, over the one scoring path.

    model: anything with `predict`; one without a `wants` is fed dicts, as the earlier pipeline fed it.
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
        self.model = model if hasattr(model, "wants") else _TakesDicts(model)
        self.model_version = model_version
        self.callbacks = list(callbacks or [])
        self._handler = handler
        self._service = (
            handler.service
            if handler
            else service.ModelService(self.model, tasks.find("ride_duration"), model_version)
        )

    def prepare_features(self, ride: Mapping[str, Any]) -> dict[str, Any]:
        """The features of one ride by name, those that the model takes. Raises InvalidEvent."""
        task = self._service.task
        try:
            event = msgspec.convert({task.id: 0, "ride": ride}, task.event)
        except msgspec.ValidationError as error:
            raise InvalidEvent(str(error)) from None
        if task.dicts and self.model.wants == "dicts":
            return dict(task.dicts.rows([event])[0])
        features = task.features([event], [datetime.now(UTC)])
        for fault in features.faults.values():
            raise fault
        return dict(zip(task.columns, features.block[0].tolist(), strict=True))

    def predict(self, features: Mapping[str, Any]) -> float:
        """The prediction for one ride's features, as `prepare_features` makes them."""
        if self.model.wants == "dicts":
            return float(self.model.predict([features])[0])
        row = [features[column] for column in self._service.task.columns]
        return float(self.model.predict(np.array([row], dtype=np.float64))[0])

    def lambda_handler(self, event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        """`{"predictions": [{model, version, prediction}]}` for records that need hold no more than `data`.

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

    wants: Literal["dicts"] = "dicts"

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: Any) -> NDArray[np.float64]:
        return np.asarray(self._model.predict(features), dtype=np.float64)
