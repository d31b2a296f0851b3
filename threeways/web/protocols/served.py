"""Predict rows of a model's signature: the answers as the model gives them, in one predict a request."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact import Model, signature
from threeways.artifact.answers import Answers
from threeways.errors import ArtifactError, PermanentError, TransientError
from threeways.scoring import signature_task
from threeways.scoring.outcomes import Outcome
from threeways.scoring.outputs import Output
from threeways.scoring.service import ModelService
from threeways.web.batcher import Batcher
from threeways.web.bodies import SINGLE_BYTES
from threeways.web.metrics import Metrics
from threeways.web.problems import RequestRefused
from threeways.web.protocols.rows import RowReader, numbered

type MakeBatcher = Callable[[ModelService[Any]], Batcher]

_FEW = 8
"""A request of no more rows shares a predict with others that arrive at the same time."""


@dataclass(frozen=True, slots=True)
class AsAnswered:
    """The model's answers in its own shape and types. judged: the output that finds the invalid ones."""

    judged: Output

    @property
    def name(self) -> str:
        """What people call it."""
        return self.judged.name

    @property
    def unit(self) -> str:
        """The unit of its numbers."""
        return self.judged.unit

    @property
    def columns(self) -> dict[str, type]:
        """Those of the output."""
        return self.judged.columns

    @property
    def fields(self) -> tuple[str, ...]:
        """One, which no message is made of."""
        return ("(answer)",)

    def bound(self, answers: Answers, task: str) -> Self:
        """Return it: the output within is bound already."""
        del answers, task
        return self

    def checked(self, answer: Any, rows: int) -> NDArray[Any]:
        """Return the answers as they are. Raises ModelFailed."""
        self.judged.checked(answer, rows)
        return np.asarray(answer)

    def none(self, rows: int) -> NDArray[Any]:
        """Return None for each."""
        return np.full(rows, None, dtype=object)

    def invalid(self, answers: NDArray[Any]) -> dict[int, str]:
        """Tell which cannot be served."""
        return self.judged.invalid(self.judged.checked(answers, len(answers)))

    def values(self, answers: NDArray[Any]) -> list[Any]:
        """Return each row's answer: a value, or a list of them."""
        return list(answers.tolist())

    def table(self, answers: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the columns of the output."""
        return self.judged.table(self.judged.checked(answers, len(answers)))


class ServedRows:
    """A model that is asked with rows of its signature, whatever its task's events are.

    reader: reads the rows. output: what the model predicts, by name. version: the model's.
    """

    def __init__(
        self, service: ModelService[Any], make: MakeBatcher, counts: Metrics, seconds: float
    ) -> None:
        task = service.declared
        made = task if task.from_signature else _signature_s(service)
        model: Any = service.model
        # Of a task that makes one answer of several rows' the model's own answer for each row is told.
        own = service.answered
        self.output: Output = made.output.bound(model.answers, made.name) if task.combine else own
        unnamed = isinstance(service.model, Model) and signature.names(service.model.info) is None
        self.reader = reader = RowReader(made, unnamed)
        example = reader.event(
            **{
                one.name: getattr(made.example, one.name)
                for one in msgspec.structs.fields(reader.event)
                if one.name != "event_id"
            }
        )
        rows = dataclasses.replace(
            made,
            event=reader.event,
            example=example,
            output=AsAnswered(self.output),
            because=0,
            messages=None,
        )
        self._service: ModelService[Any] = ModelService(service.model, rows, service.version)
        self._batcher = make(self._service)
        self._counts, self._seconds = counts, seconds

    async def answers(self, body: bytes, read: Callable[[bytes], list[Any]]) -> list[Any]:
        """Return the model's answer for each row of a body, in order.

        read: returns a body's events. A large body is read on the batches' thread. Raises what it raises, the
        first fault of a row, with its number, and ModelFailed.
        """
        if len(body) > SINGLE_BYTES:
            outcomes = await self._batcher.run_batch(lambda: self._score(read(body)))
        else:
            events = read(body)
            if len(events) > _FEW:
                outcomes = await self._batcher.run_batch(lambda: self._score(events))
            else:
                arrived = datetime.now(UTC)
                outcomes = await asyncio.gather(*(self._batcher.score(one, arrived) for one in events))
        values = _values(outcomes)
        self._counts.predicted(len(values))
        return values

    def close(self) -> None:
        """Wait for running predicts."""
        self._batcher.close()

    def _score(self, events: list[Any]) -> list[Outcome]:
        ends = time.monotonic() + self._seconds
        arrived = [datetime.now(UTC)] * len(events)
        return self._service.score_events(events, arrived, lambda: ends - time.monotonic())


def _signature_s(service: ModelService[Any]) -> Any:
    """Return the task that the signature of a model with another task makes. Raises RequestRefused."""
    model, name = service.model, service.task.name
    if not isinstance(model, Model):
        raise RequestRefused(404, f"TASK={name}: its model has no signature; send events to POST /predict")
    info = msgspec.structs.replace(model.info, saved_input_example_info=None)
    try:
        return signature_task.task_of(info, Path("the model"), name=name, categories=model.categories)
    except ArtifactError as error:
        detail = f"TASK={name}: {error}; or send events to POST /predict"
        raise RequestRefused(404, detail) from error


def _values(outcomes: Sequence[Outcome]) -> list[Any]:
    values = []
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, PermanentError):
            raise numbered(outcome, row)
        if isinstance(outcome, TransientError):
            raise outcome
        values.append(outcome.value)
    return values
