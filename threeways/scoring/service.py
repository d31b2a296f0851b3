"""The one scoring path: events in, predictions out, whoever asks.

The stream, the web service and the batch job all end here. A batch is decoded event by event, turned
into one block of features, and predicted by one call of the model. An event that cannot be scored gets
its reason in its own place; the others never notice. `threeways.scoring.isolation` finds the ones that
`predict` raises on.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.errors import (
    DeadlineNear,
    InvalidPrediction,
    ModelFailed,
    PermanentError,
    ResourceShort,
    SettingsError,
    UnpredictableEvent,
)
from threeways.scoring.isolation import Pace, isolate
from threeways.scoring.on_demand import OnDemand
from threeways.scoring.outcomes import ColumnScores, Fault, Outcome, Prediction, Scored
from threeways.scoring.task import Columns, Dicts, Flags, Task

logger = logging.getLogger(__name__)


class Model(Protocol):
    """What the service needs of a model; `threeways.artifact.Model` is the one that is deployed."""

    @property
    def input_kind(self) -> Literal["block", "dicts", "frame"]:
        """What `predict` takes: a float64 block ("block", "frame") or one dict an event ("dicts")."""

    def predict(self, features: Any) -> NDArray[np.float64]:
        """Return the (n,) predictions of n rows."""


type Take = Callable[[Sequence[int]], Any]
"""Gives some of a batch's rows, in the form that `Model.predict` takes."""


type Faults = Mapping[int, PermanentError]
"""Rows that have no features, or some that the model cannot take, and why."""


def _for_ever() -> float:
    return math.inf


class ModelService[E]:
    """A model and its task, ready to predict.

    task: the one for the model's dicts where it takes those. version: what predictions name as their model's
    version. clock: seconds, to measure calls of `predict` with.
    """

    def __init__(
        self,
        model: Model,
        task: Task[E],
        version: str | None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.model = model
        self.task: Task[Any] = task
        self._dicts: Dicts[Any] | None = None
        if model.input_kind == "dicts":
            taken = getattr(model, "vocabulary", None)
            self.task = task.for_dicts(None if taken is None else frozenset(taken))
            self._dicts = self.task.dicts
        self.version = version
        # a test's model may have no types to refuse anything for
        self._refused: Callable[[Block], Faults] = getattr(model, "refused", lambda _: {})
        self._clock = clock
        self._pace = Pace()
        self._careful = False  # the time did not suffice to isolate what made the last call raise
        self._encode = msgspec.json.Encoder().encode
        names = {"value": task.output.name, "event_id": task.id}
        self._made: Any = msgspec.defstruct("Made", list(names), rename=names, frozen=True, gc=False)

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
            value = float(self._call(self._prepared(example, arrived)[0], [0])[0])
        except Exception as error:
            raise ModelFailed(f"the model cannot predict {self.task.name}'s example: {error!r}") from error
        if not np.isfinite(value):
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
        outcomes: list[Outcome] = list(map(Scored, ids, values.tolist(), flags))
        for row, fault in faults.items():
            outcomes[row] = fault
        return outcomes

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
        if dicts is not None and dicts.by_column is not None:
            take = partial(dicts.by_column, columns)
            flags = {name: mask for name, mask in flags.items() if name in dicts.about}
        without = self._refused(features.block) if dicts is None else {}
        values, faults = self._predict(take, len(features.block), without, _for_ever)
        return ColumnScores(values, flags, faults)

    def prediction(self, scored: Scored, source_event_id: str | None = None) -> Prediction:
        """Return a scored event in the form that consumers read."""
        made = {self.task.output.name: scored.value, self.task.id: scored.event_id}
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
        return partial(_rows_of, features.block), features.flags, without

    def _predict(
        self, take: Take, count: int, without: Mapping[int, PermanentError], time_left: Callable[[], float]
    ) -> tuple[NDArray[np.float64], dict[int, Fault]]:
        """Return the (count,) values, NaN where there is none, and for each such row the reason.

        without: rows that have no features, and why.
        """
        faults: dict[int, Fault] = dict(without)
        rows: Sequence[int] = range(count)
        if faults:
            rows = [row for row in rows if row not in faults]
        if not rows:
            return np.full(count, np.nan), faults
        found, told = self._values(take, rows, time_left)
        faults |= told
        if len(rows) == count and np.isfinite(found).all():
            return found, faults
        values = np.full(count, np.nan)
        for row, value in zip(rows, found.tolist(), strict=True):
            if math.isfinite(value):
                values[row] = value
            elif row not in faults:
                faults[row] = InvalidPrediction(f"the model predicts {value}, which is not a finite number")
        return values, faults

    def _values(
        self, take: Take, rows: Sequence[int], time_left: Callable[[], float]
    ) -> tuple[NDArray[np.float64], dict[int, Fault]]:
        """Return the model's answer for each of these rows, by one call if it can be, and why it is NaN."""
        failed, expected = False, self._pace.seconds(len(rows))
        if len(rows) == 1 or expected * (2 if self._careful else 1) <= time_left():
            try:
                return self._call(take, rows), {}
            except ModelFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a model may raise anything at all
                self.prove()  # a model that fails on its example is at fault itself: that raises
                if len(rows) == 1:
                    return np.full(1, np.nan), {rows[0]: _alone(error)}
                logger.warning("predict failed on %d events, which are isolated: %r", len(rows), error)
                failed = True
        told = isolate(
            lambda some: self._call(take, some), rows, self._pace, time_left, self.prove, failed=failed
        )
        self._careful = len(told) < len(rows)
        late = DeadlineNear("no time is left to predict it within this invocation")
        faults: dict[int, Fault] = dict.fromkeys(rows[len(told) :], late)
        faults |= {row: _alone(value) for row, value in told.items() if isinstance(value, Exception)}
        return np.array([np.nan if row in faults else told[row] for row in rows], dtype=np.float64), faults

    def _call(self, take: Take, rows: Sequence[int]) -> NDArray[np.float64]:
        """Predict some rows. Pass a copy: a pipeline may change its input."""
        taken = take(rows)
        began = self._clock()
        try:
            values = self.model.predict(taken)
        except Exception:
            self._pace.failed(len(rows), self._clock() - began)
            raise
        self._pace.succeeded(len(rows), self._clock() - began)
        if values.shape != (len(rows),):
            raise ModelFailed(f"the model answers {values.shape} numbers for {len(rows)} events")
        return values


def _rows_of(block: Block, rows: Sequence[int]) -> Block:
    """Return a copy of some of its rows, in order."""
    return block.copy() if len(rows) == len(block) else block[rows]


def _alone(error: Exception) -> Fault:
    """Return what an error says of the one event that predict raised it on."""
    if isinstance(error, MemoryError | OSError):
        return ResourceShort(f"predict lacked something: {error!r}")
    return UnpredictableEvent(f"predict raises on this event alone: {error!r}")
