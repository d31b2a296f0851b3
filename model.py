"""Where a model service is put together from the environment: the composition root.

`build` is what `lambda_function.py` uses, `build_web` what `web_service.py` does. `init`, `base64_decode` and
`ModelService` are the names that users of the MLOps Zoomcamp's streaming pipeline call and test.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.aws import clients
from threeways.errors import SettingsError
from threeways.lifecycle.counting import Counting, S3Records
from threeways.lifecycle.events import Counted
from threeways.lifecycle.start import start
from threeways.lifecycle.telemetry import Metrics
from threeways.settings import Settings, WebSettings, from_environment
from threeways.stream.aggregated_delivery import AggregatedDelivery
from threeways.stream.delivery import Delivery, NoDelivery, StreamDelivery
from threeways.stream.earlier_pipeline import ModelService, base64_decode
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine, Quarantine, S3Quarantine
from threeways.stream.telemetry import PowertoolsTelemetry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from threeways.web.middleware import RequestMiddleware

__all__ = ["ModelService", "base64_decode", "build", "build_web", "init"]

CONNECT_SECONDS, READ_SECONDS = 2, 5
"""How long an attempt at a call to AWS may take to connect, and to wait for the next byte of its answer.
Attempts after the first are the stream's own, which knows the deadline."""


def build(settings: Settings | None = None) -> StreamHandler:
    """Return the handler of one Lambda process. `settings`: the environment's, if not given.

    Raises SettingsError, ArtifactError, or ModelFailed where the model fails on the task's example.
    """
    settings = settings or from_environment(Settings)
    service, function = settings.powertools_service_name, settings.aws_lambda_function_name
    model_service, following = start(
        settings, Metrics(service or settings.task or "unknown", function or "unknown")
    )
    if model_service.fan_out is not None and settings.aggregate_predictions:
        raise SettingsError(
            f"AGGREGATE_PREDICTIONS packs an event's one message under its own key, and TASK="
            f"{model_service.task.name} makes several with keys of their own; unset AGGREGATE_PREDICTIONS"
        )
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
        following=following,
        counting=_counting(settings),
    )


def build_web(settings: Settings | None = None, web: WebSettings | None = None) -> RequestMiddleware:
    """Return the web service's ASGI application, of the same model service; raises what `build` raises."""
    from threeways.web import inline_budget
    from threeways.web.app import create

    settings, web = settings or from_environment(Settings), web or from_environment(WebSettings)
    report = Counted()
    model_service, following = start(settings, report)
    logging.getLogger("threeways.web").info(
        "model %s, version %s, task %s, served by %s",
        model_service.task.model_name, model_service.version, model_service.task.name, model_service.runtime,
    )  # fmt: skip
    return create(
        model_service,
        seconds=web.web_seconds,
        gather=web.web_gather,
        budget=inline_budget.measure(model_service),
        following=following,
        followed=report.counts if following else None,
    )


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


def _counting(settings: Settings) -> Counting | None:
    if not settings.counts_location:
        return None
    return Counting(S3Records(_client("s3"), settings.counts_location), settings.counts_seconds)


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
    """Return a model service from the environment; what is given goes before the environment.

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
