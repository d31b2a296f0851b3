"""The routes for programs: predict, predict/batch, model, health, ready, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import Body

from threeways.errors import PermanentError, TransientError
from threeways.scoring.outcomes import Outcome, Prediction
from threeways.web import batch, bodies, fast_path, metrics
from threeways.web.batcher import Gatherer
from threeways.web.fast_path import Predict
from threeways.web.metrics import Metrics
from threeways.web.model_info import About
from threeways.web.problems import MEDIA_TYPE, Problem, RequestRefused, code_of

_MEANINGS = {
    400: "The body is no JSON.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not `application/json`, or it is compressed.",
    422: "It is JSON, but not what was asked for: `detail` names the field.",
    500: "The service failed.",
    503: "Not in time, or too many requests wait: try again.",
}


class Status(msgspec.Struct, frozen=True):
    """How the service is; `why` where it is not well."""

    status: Literal["ok", "unavailable"]
    why: str | None = None


class Readiness:
    """Whether new requests are welcome: from the start of serving to the start of stopping.

    serving: the application runs. stopping: it was told to end, and still answers.
    """

    def __init__(self, gatherer: Gatherer) -> None:
        self.serving = False
        self.stopping = False
        self._gatherer = gatherer

    def status(self) -> Status:
        """What `/ready` answers."""
        if self.stopping or not self.serving:
            return Status("unavailable", "starting or stopping")
        if self._gatherer.full:
            return Status("unavailable", "too many requests are waiting")
        return Status("ok")


def _problems(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            Problem, description=_MEANINGS[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


async def json_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: the body says that it is JSON, as it is. Raises RequestRefused."""
    del handler  # and it is async because Litestar hands a guard that is not to a thread
    said = connection.headers.get("content-type", "")
    kind, _, parameters = said.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise RequestRefused(415, f"Content-Type is {said[:80]!r}; send JSON in UTF-8 as application/json")
    coding = ", ".join(connection.headers.getall("content-encoding", []))
    if coding.strip().lower() not in {"", "identity"}:
        told = f"Content-Encoding is {coding[:80]!r}; send the body as it is, uncompressed"
        raise RequestRefused(415, told, {"Accept-Encoding": "identity"})


def one(gatherer: Gatherer, counts: Metrics) -> Predict:
    """What predicts an event that arrives now, and counts it."""
    service = gatherer.service

    async def predict(event: Any) -> Prediction:
        outcome = await gatherer.score(event, datetime.now(UTC))
        if isinstance(outcome, PermanentError | TransientError):
            raise outcome
        counts.predicted(1)
        return service.prediction(outcome)

    return predict


def predicting(
    gatherer: Gatherer, predict_one: Predict, counts: Metrics, batch_seconds: float
) -> Sequence[HTTPRouteHandler]:
    """The two routes that predict. batch_seconds: after that long no further part of a batch is predicted."""
    service, task = gatherer.service, gatherer.service.task

    @post(
        fast_path.PATH, dto=bodies.single(task), return_dto=None, status_code=200, guards=[json_only],
        request_max_body_size=bodies.SINGLE_BYTES, summary="Predict one event",
        responses=_problems(400, 408, 413, 415, 422, 500, 503),
    )  # fmt: skip
    async def predict(data: Annotated[Any, Body()]) -> Prediction:
        """One event, as the stream takes them; without a time, now stands in and is flagged."""
        return await predict_one(data)

    @post(
        "/predict/batch", dto=bodies.batch(task), return_dto=None, status_code=200, guards=[json_only],
        request_max_body_size=bodies.BATCH_BYTES, summary="Predict up to 10,000 events",
        responses=_problems(400, 408, 413, 415, 422, 500, 503),
    )  # fmt: skip
    async def predict_batch(data: Annotated[Any, Body()]) -> batch.BatchAnswer:
        """An array of events. What cannot be scored gets its reason in its place; the others never notice."""
        time_left = _time_left(batch_seconds)
        outcomes = await gatherer.score_batch(data, datetime.now(UTC), time_left)
        _count(counts, outcomes)
        return batch.answer(service, outcomes)

    return [predict, predict_batch]


def _time_left(seconds: float) -> Callable[[], float]:
    ends = time.monotonic() + seconds
    return lambda: ends - time.monotonic()


def _count(counts: Metrics, outcomes: Sequence[Outcome]) -> None:
    refused = [
        code_of(outcome) for outcome in outcomes if isinstance(outcome, PermanentError | TransientError)
    ]
    counts.predicted(len(outcomes) - len(refused))
    for code in refused:
        counts.refused(code)


def telling(told: About, readiness: Readiness, counts: Metrics) -> Sequence[HTTPRouteHandler]:
    """The routes that tell of the model and of the service."""

    @get("/model", summary="The model that answers", responses=_problems(500, 503))
    async def model() -> About:
        """Its version, when and on what it was trained, its errors and its signature."""
        return told

    @get("/health", summary="Is the process alive", responses=_problems(500, 503))
    async def health() -> Status:
        """200 as long as the process answers at all."""
        return Status("ok")

    @get(
        "/ready",
        summary="May requests come",
        responses={503: ResponseSpec(Status, description="Not now.", generate_examples=False)},
    )
    async def ready(request: Request[Any, Any, Any]) -> Response[Status]:
        """200 from when the model has proven itself until the service stops; 503 while too many wait."""
        del request
        status = readiness.status()
        return Response(status, status_code=200 if status.status == "ok" else 503)

    @get("/metrics", summary="Prometheus metrics", media_type=MediaType.TEXT)
    async def prometheus() -> Response[bytes]:
        """Requests, latencies, gathered predicts, refusals by reason."""
        return Response(counts.text(), media_type=metrics.CONTENT_TYPE)

    return [model, health, ready, prometheus]
