"""The routes for programs: predict, predict/batch, model, health, ready, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import Body

from threeways.errors import PermanentError, TransientError
from threeways.scoring.outcomes import Outcome, Prediction
from threeways.web import answer_schema, batch, bodies, fast_path, metrics
from threeways.web.batcher import Batcher
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
    """The service's status; `why` if it is unavailable."""

    status: Literal["ok", "unavailable"]
    why: str | None = None


class Readiness:
    """Whether the service accepts requests: from the start of serving to the start of stopping.

    serving: the application runs. stopping: it was asked to end, and still answers. batcher: what scores.
    """

    def __init__(self) -> None:
        self.serving = False
        self.stopping = False
        self.batcher: Batcher | None = None

    def status(self) -> Status:
        """Return the status that `/ready` answers."""
        if self.stopping or not self.serving:
            return Status("unavailable", "starting or stopping")
        if self.batcher is not None and self.batcher.full:
            return Status("unavailable", "too many requests are waiting")
        return Status("ok")


def _problems(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            Problem, description=_MEANINGS[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def _answer(kind: type, description: str) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(kind, description=description, generate_examples=False)}


async def json_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard against a body that is not uncompressed JSON. Raises RequestRefused."""
    del handler  # this is async because Litestar runs a synchronous guard in a thread
    content_type = connection.headers.get("content-type", "")
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        detail = f"Content-Type is {content_type[:80]!r}; send JSON in UTF-8 as application/json"
        raise RequestRefused(415, detail)
    coding = ", ".join(connection.headers.getall("content-encoding", []))
    if coding.strip().lower() not in {"", "identity"}:
        detail = f"Content-Encoding is {coding[:80]!r}; send the body as it is, uncompressed"
        raise RequestRefused(415, detail, {"Accept-Encoding": "identity"})


def single_predictor(batcher: Batcher, counts: Metrics) -> Predict:
    """Return the function that predicts an event that arrives now, and counts it."""
    service = batcher.service

    async def predict(event: Any) -> Prediction:
        outcome = await batcher.score(event, datetime.now(UTC))
        if isinstance(outcome, PermanentError | TransientError):
            raise outcome
        counts.predicted(1)
        return service.prediction(outcome)

    return predict


def prediction_routes(
    batcher: Batcher, predict_one: Predict, counts: Metrics, batch_seconds: float
) -> Sequence[HTTPRouteHandler]:
    """Return the two routes that predict. batch_seconds: the time limit for starting a part of a batch."""
    service, task = batcher.service, batcher.service.task
    one, many = answer_schema.answers(task)

    @post(
        fast_path.PATH, dto=bodies.single(task), return_dto=None, status_code=200, guards=[json_only],
        request_max_body_size=bodies.SINGLE_BYTES, summary="Predict one event",
        responses=_answer(one, "The prediction.") | _problems(400, 408, 413, 415, 422, 500, 503),
    )  # fmt: skip
    async def predict(data: Annotated[Any, Body()]) -> Any:
        """Predict one event in the stream's format; a missing time defaults to now, and is flagged."""
        return await predict_one(data)

    @post(
        "/predict/batch", dto=bodies.batch(task), return_dto=None, status_code=200, guards=[json_only],
        request_max_body_size=bodies.BATCH_BYTES, summary="Predict up to 10,000 events",
        responses=_answer(many, "A result for each event.") | _problems(400, 408, 413, 415, 422, 500, 503),
    )  # fmt: skip
    async def predict_batch(data: Annotated[Any, Body()]) -> Response[Any]:
        """Predict each event of an array; one that cannot be scored has its reason as its result."""
        time_left = _time_left(batch_seconds)
        work = partial(batch.answered, service, data, datetime.now(UTC), time_left)
        answer, outcomes = await batcher.run_batch(work)
        _count(counts, outcomes)
        return Response(cast("Any", answer), media_type=MediaType.JSON)

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


def info_routes(info: About, readiness: Readiness, counts: Metrics) -> Sequence[HTTPRouteHandler]:
    """Return the routes with information on the model and the service."""

    @get("/model", summary="The model that answers", responses=_problems(500, 503))
    async def model() -> About:
        """Return the model's version, training time and data, errors and signature."""
        return info

    @get("/health", summary="Is the process alive", responses=_problems(500, 503))
    async def health() -> Status:
        """Return 200 as long as the process answers."""
        return Status("ok")

    @get(
        "/ready",
        summary="May requests come",
        responses={503: ResponseSpec(Status, description="Not now.", generate_examples=False)},
    )
    async def ready(request: Request[Any, Any, Any]) -> Response[Status]:
        """Return 200 while the service accepts requests, and 503 before, after, and while too many wait."""
        del request
        status = readiness.status()
        return Response(status, status_code=200 if status.status == "ok" else 503)

    @get("/metrics", summary="Prometheus metrics", media_type=MediaType.TEXT)
    async def prometheus() -> Response[bytes]:
        """Return requests, latencies, batched predicts, and refusals by reason."""
        return Response(counts.text(), media_type=metrics.CONTENT_TYPE)

    return [model, health, ready, prometheus]
