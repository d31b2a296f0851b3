"""The answer to a batch request: a result for each event, in the request's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from threeways.errors import PermanentError, TransientError
from threeways.scoring.outcomes import ExplainedPrediction, Outcome, Term
from threeways.scoring.service import ModelService
from threeways.web import bodies
from threeways.web.problems import code_of


class Refusal(msgspec.Struct, frozen=True):
    """Why an event has no prediction: the error's code, and what to fix."""

    code: str
    message: str


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a batch: `prediction` and `flags`, or `error`; `because` where the task tells it."""

    prediction: dict[str, Any] | None = None
    flags: tuple[str, ...] | None = None
    error: Refusal | None = None
    because: list[Term] | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """`results` has one entry for each event, in order; `predicted` + `refused` is their number."""

    model: str
    version: str | None
    predicted: int
    refused: int
    results: list[Result]


def answered(
    service: ModelService[Any], body: bytes, arrived: datetime, time_left: Callable[[], float]
) -> tuple[bytes, list[Outcome]]:
    """Score a batch's body; return the answer's JSON, and the outcomes. Raises as `bodies.elements` does."""
    payloads = bodies.elements(body)
    outcomes = service.score(payloads, [arrived] * len(payloads), time_left)
    return msgspec.json.encode(answer(service, outcomes)), outcomes


def answer(service: ModelService[Any], outcomes: Sequence[Outcome]) -> BatchAnswer:
    """Return the answer for a batch's outcomes."""
    results = [_result(service, outcome) for outcome in outcomes]
    refused = sum(result.error is not None for result in results)
    return BatchAnswer(service.task.model_name, service.version, len(results) - refused, refused, results)


def _result(service: ModelService[Any], outcome: Outcome) -> Result:
    if isinstance(outcome, PermanentError | TransientError):
        return Result(error=Refusal(code_of(outcome), str(outcome)))
    made = service.prediction(outcome)
    because = made.because if isinstance(made, ExplainedPrediction) else None
    return Result(prediction=made.prediction, flags=made.flags, because=because)
