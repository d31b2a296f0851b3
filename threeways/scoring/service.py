"""The one scoring path: events in, predictions out, whoever asks.

The stream, the web service and the batch job all end here. A batch is decoded event by event, turned
into one block of features, and predicted by one call of the model. An event that cannot be scored gets
its reason in its own place; the others never notice. `threeways.scoring.isolation` finds the ones that
`predict` raises on.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, Literal, Protocol, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.answers import Answers
from threeways.artifact.inputs import Rows
from threeways.errors import (
    DeadlineNear,
    InvalidPrediction,
    ModelFailed,
    PermanentError,
    SettingsError,
)
from threeways.scoring.isolation import Pace, isolate
from threeways.scoring.on_demand import OnDemand
from threeways.scoring.outcomes import (
    ColumnScores,
    Fault,
    Outcome,
    Prediction,
    Scored,
    fault_of,
    prediction_maker,
)
from threeways.scoring.outputs import message_fields
from threeways.scoring.task import Columns, Dicts, Flags, Task

logger = logging.getLogger(__name__)

UNSEEN_CATEGORY = "unseen_category"
"""The flag of an event with a text that the model's encoder was not fitted on."""


class Model(Protocol):
    """What the service needs of a model; `threeways.artifact.Model` is the one that is deployed."""

    @property
    def input_kind(self) -> Literal["block", "dicts", "frame", "texts"]:
        """What `predict` takes: see `artifact.sklearn.input_kind`."""

    def predict(self, features: Any) -> NDArray[Any]:
        """Return the answers for n rows, one along the first axis each."""


type Take = Callable[[Sequence[int]], Any]
"""Gives some of a batch's rows, in the form that `Model.predict` takes."""


type Faults = Mapping[int, PermanentError]
"""Rows that have no features, or some that the model cannot take, and why."""


def _for_ever() -> float:
    return math.inf


class ModelService[E]:
    """A model and its task, ready to predict.

    task: the one for the model's dicts where it takes those. declared: the same with the events as they
    come. version: what predictions name as their model's version. clock: seconds, to measure calls of
    `predict` with.
    """

    def __init__(
        self,
        model: Model,
        task: Task[E],
        version: str | None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.model = model
        self.output = output = task.output.bound(getattr(model, "answers", Answers()), task.name)
        if output is not task.output:
            task = dataclasses.replace(task, output=output)
        self.task: Task[Any] = task
        self.declared: Task[Any] = task
        self._dicts: Dicts[Any] | None = None
        if model.input_kind == "dicts" and not task.mixed:
            taken = getattr(model, "vocabulary", None)
            self.task = task.for_dicts(None if taken is None else frozenset(taken))
            self._dicts = self.task.dicts
        self.version = version
        self._refused: Callable[[Rows], Faults] = getattr(model, "refused", lambda _: {})
        self._unseen: Callable[[Rows], NDArray[np.bool_] | None] = getattr(model, "unseen", lambda _: None)
        self._clock = clock
        self._pace = Pace()
        self._careful = False  # the time did not suffice to isolate what made the last call raise
        self._encode = msgspec.json.Encoder().encode
        self._made = prediction_maker(output.fields, task.id_name, task.name)

    @property
    def runtime(self) -> str:
        """What serves the model, `onnx` or `sklearn`; `unknown` where it does not tell."""
        return str(getattr(self.model, "runtime", "unknown"))

    def prove(self) -> None:
        """Predict the task's example, so that a model that cannot work fails before the first event.

        Raises ModelFailed.
        """
        example, arrived = [self.task.example], [datetime.now(UTC)]
        try:
            answers = self._call(self._prepared(example, arrived)[0], [0])
        except Exception as error:
            raise ModelFailed(f"the model cannot predict {self.task.name}'s example: {error!r}") from error
        for value in self.output.invalid(answers).values():
            raise ModelFailed(f"the model predicts {value} for {self.task.name}'s example")

    def score(
        self,
        payloads: Sequence[bytes | PermanentError],
        arrived: Sequence[datetime],
        time_left: Callable[[], float] = _for_ever,
    ) -> list[Outcome]:
        """One outcome for each payload (JSON bytes, or the reason why there are none), in order.

        arrived: when each payload arrived, aware. time_left: seconds that predicting may take; what they do
        not suffice for is DeadlineNear, and all before it is not. Raises ModelFailed where the model is at
        fault.
        """
        events, reasons = self.task.decode_all(payloads)
        if not reasons:
            return self.score_events(events, arrived, time_left)
        sound = [position for position in range(len(payloads)) if position not in reasons]
        scored = iter(self.score_events(events, OnDemand(sound, arrived.__getitem__), time_left))
        return [reasons[p] if p in reasons else next(scored) for p in range(len(payloads))]

    def score_events(
        self,
        events: Sequence[E],
        arrived: Sequence[datetime],
        time_left: Callable[[], float] = _for_ever,
    ) -> list[Outcome]:
        """One outcome for each event, in order, from one `predict` call. Raises ModelFailed."""
        if not events:
            return []
        take, flags, without = self._prepared(events, arrived)
        values, faults = self._predict(take, len(events), without, time_left)
        ids = map(self.task.event_id, events)
        outcomes: list[Outcome] = list(map(Scored, ids, self.output.values(values), flags))
        for row, fault in faults.items():
            outcomes[row] = fault
        return outcomes

    def score_rows(self, events: Sequence[E], arrived: Sequence[datetime]) -> ColumnScores:
        """Score events as `score_events` does; return the answers by column. Raises ModelFailed."""
        if not events:
            return ColumnScores(self.output.none(0), {}, {})
        take, told, without = self._prepared(events, arrived)
        values, faults = self._predict(take, len(events), without, _for_ever)
        flags: dict[str, NDArray[np.bool_]] = {}
        for row, names in enumerate(told):
            for name in names if row not in faults else ():
                flags.setdefault(name, np.zeros(len(events), np.bool_))[row] = True
        return ColumnScores(values, flags, faults)

    def score_columns(self, columns: Columns) -> ColumnScores:
        """Score events by column: the same, bit for bit, as `score_events` answers for them in this order.

        columns: as the task's `features_by_column` takes them, n events that are all valid. One `predict`
        call. Raises ModelFailed, or SettingsError where the task takes no columns.
        """
        task, dicts = self.task, self._dicts
        if task.features_by_column is None or (dicts and dicts.by_column is None):
            raise SettingsError(f"TASK={task.name} takes no events by column; give it `features_by_column`")
        features = task.features_by_column(columns)
        take: Take = partial(_rows_of, features.block)
        flags = features.flags
        unseen = self._unseen(features.block)
        if unseen is not None:
            flags = flags | {UNSEEN_CATEGORY: unseen}
        if dicts is not None and dicts.by_column is not None:
            take = partial(dicts.by_column, columns)
            flags = {name: mask for name, mask in flags.items() if name in dicts.about}
        without = self._refused(features.block) if dicts is None else {}
        values, faults = self._predict(take, len(features.block), without, _for_ever)
        return ColumnScores(values, flags, faults)

    def prediction(self, scored: Scored, source_event_id: str | None = None) -> Prediction:
        """Return a scored event in the form that consumers read."""
        made = message_fields(self.output, scored.value) | {self.task.id_name: scored.event_id}
        return Prediction(self.task.model_name, self.version, made, source_event_id, scored.flags)

    def messages(self, scored: Sequence[Scored], source_event_ids: Sequence[str | None]) -> list[bytes]:
        """Return the JSON of each one's `prediction`."""
        model, version = self.task.model_name, self.version
        encode, made = self._encode, self._made  # a Struct takes half a dict's time, and its JSON is the same
        return [
            encode(Prediction(model, version, made(one.value, one.event_id), source, one.flags))
            for one, source in zip(scored, source_event_ids, strict=True)
        ]

    def _prepared(
        self, events: Sequence[E], arrived: Sequence[datetime]
    ) -> tuple[Take, list[tuple[str, ...]], Mapping[int, PermanentError]]:
        """Return what gives the events' rows to the model, their flags, and those that have no row."""
        if self._dicts is not None:
            dicts = self._dicts
            flags: Flags = dicts.flags(events) if dicts.flags else [()] * len(events)
            return lambda rows: dicts.rows([events[row] for row in rows]), flags, {}
        features = self.task.features(events, arrived)
        without = {**self._refused(features.block), **features.faults}
        flags, unseen = features.flags, self._unseen(features.block)
        if unseen is not None:
            flags = [
                (*told, UNSEEN_CATEGORY) if one else told for told, one in zip(flags, unseen, strict=True)
            ]
        return partial(_rows_of, features.block), flags, without

    def _predict(
        self, take: Take, count: int, without: Mapping[int, PermanentError], time_left: Callable[[], float]
    ) -> tuple[NDArray[Any], dict[int, Fault]]:
        """Return the answers of so many rows, and for each row without one the reason.

        without: rows that have no features, and why. What the answer of such a row holds means nothing.
        """
        faults: dict[int, Fault] = dict(without)
        rows: Sequence[int] = range(count)
        if faults:
            rows = [row for row in rows if row not in faults]
        if not rows:
            return self.output.none(count), faults
        found, told = self._values(take, rows, time_left)
        faults |= told
        for place, value in self.output.invalid(found).items():
            if rows[place] not in faults:
                faults[rows[place]] = InvalidPrediction(
                    f"the model predicts {value}, which is not a finite number"
                )
        if len(rows) == count:
            return found, faults
        answers = np.zeros((count, *found.shape[1:]), dtype=found.dtype)
        if found.dtype.kind == "f":
            answers.fill(np.nan)
        answers[list(rows)] = found
        return answers, faults

    def _values(
        self, take: Take, rows: Sequence[int], time_left: Callable[[], float]
    ) -> tuple[NDArray[Any], dict[int, Fault]]:
        """Return the model's answer for each of these rows, by one call if it can be, and why it has none."""
        failed, expected = False, self._pace.seconds(len(rows))
        if len(rows) == 1 or expected * (2 if self._careful else 1) <= time_left():
            try:
                return self._call(take, rows), {}
            except ModelFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a model may raise anything at all
                self.prove()  # a model that fails on its example is at fault itself: that raises
                if len(rows) == 1:
                    return self.output.none(1), {rows[0]: fault_of(error)}
                logger.warning("predict failed on %d events, which are isolated: %r", len(rows), error)
                failed = True
        told = isolate(
            lambda some: self._call(take, some), rows, self._pace, time_left, self.prove, failed=failed
        )
        self._careful = len(told) < len(rows)
        late = DeadlineNear("no time is left to predict it within this invocation")
        faults: dict[int, Fault] = dict.fromkeys(rows[len(told) :], late)
        faults |= {row: fault_of(value) for row, value in told.items() if isinstance(value, Exception)}
        none = next((one for one in told.values() if not isinstance(one, Exception)), self.output.none(1))
        kept = [none if row in faults else told[row] for row in rows]
        return np.concatenate(cast("list[NDArray[Any]]", kept)), faults

    def _call(self, take: Take, rows: Sequence[int]) -> NDArray[Any]:
        """Predict some rows. Pass a copy: a pipeline may change its input."""
        taken = take(rows)
        began = self._clock()
        try:
            values = self.model.predict(taken)
        except Exception:
            self._pace.failed(len(rows), self._clock() - began)
            raise
        self._pace.succeeded(len(rows), self._clock() - began)
        return self.output.checked(values, len(rows))


def _rows_of(block: Rows, rows: Sequence[int]) -> Rows:
    """Return a copy of some of its rows, in order."""
    return block.copy() if len(rows) == len(block) else block[rows]
