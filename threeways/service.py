"""The one scoring path: events in, predictions out, whoever asks.

The stream, the web service and the batch job all end here. A batch is decoded event by event, turned
into one block of features, and predicted by one call of the model. An event that cannot be scored gets
its reason in its own place; the others never notice.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import (
    DeadlineNear,
    InvalidPrediction,
    ModelFailed,
    PermanentError,
    ResourceShort,
    SettingsError,
    TransientError,
    UnpredictableEvent,
)
from threeways.task import Block, ColumnTask, EventId, Features, Task

logger = logging.getLogger(__name__)


class Model(Protocol):
    """What the service needs of a model; `threeways.artifact.Model` is the one that is deployed."""

    @property
    def wants(self) -> Literal["block", "dicts", "frame"]:
        """What `predict` takes: a float64 block ("block", "frame") or one dict an event ("dicts")."""

    def predict(self, features: Any) -> NDArray[np.float64]:
        """The (n,) predictions of n rows."""


class Scored(msgspec.Struct, frozen=True, gc=False):
    """One event's prediction: `value` in the task's unit, and what the reader should know about it."""

    event_id: EventId
    value: float
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """What became of n events that came by column.

    values: (n,) float64 in the task's unit, NaN where there is none. flags: name -> (n,) which have it.
    faults: row -> why it has no value.
    """

    values: NDArray[np.float64]
    flags: dict[str, NDArray[np.bool_]]
    faults: dict[int, Fault]


type Fault = PermanentError | TransientError
type Outcome = Scored | Fault
"""What became of one event: its prediction, why it can never have one, or why it has none yet."""


type Take = Callable[[Sequence[int]], Any]
"""Gives some of a batch's rows, in the form that `Model.predict` takes."""


def _never() -> bool:
    return False


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One prediction as consumers read it. `prediction` holds the output and the event's id by name."""

    model: str
    version: str | None
    prediction: dict[str, Any]
    source_event_id: str | None = None
    flags: tuple[str, ...] | None = None


class ModelService[E]:
    """A model and its task, ready to predict.

    version: what predictions name as their model's version.
    """

    def __init__(self, model: Model, task: Task[E], version: str | None) -> None:
        self.model = model
        self.task = task
        self.version = version
        self._encode = msgspec.json.Encoder().encode
        names = {"value": task.output, "event_id": task.id_field}
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
            value = float(self._call(self._take(example, self.task.features(example, arrived)), [0])[0])
        except Exception as error:
            raise ModelFailed(f"the model cannot predict {self.task.name}'s example: {error!r}") from error
        if not np.isfinite(value):
            raise ModelFailed(f"the model predicts {value} for {self.task.name}'s example")

    def score(
        self,
        payloads: Sequence[bytes | PermanentError],
        arrived: Sequence[datetime],
        out_of_time: Callable[[], bool] = _never,
    ) -> list[Outcome]:
        """One outcome for each payload (JSON bytes, or the reason why there are none), in order.

        arrived: when each payload arrived, aware. out_of_time: asked before each call that bisecting makes.
        Raises ModelFailed where the model is at fault.
        """
        events, reasons = self.task.decode_all(payloads)
        if not reasons:
            return self.score_events(events, arrived, out_of_time)
        sound = [position for position in range(len(payloads)) if position not in reasons]
        scored = iter(self.score_events(events, OnDemand(sound, arrived.__getitem__), out_of_time))
        return [reasons[p] if p in reasons else next(scored) for p in range(len(payloads))]

    def score_events(
        self,
        events: Sequence[E],
        arrived: Sequence[datetime],
        out_of_time: Callable[[], bool] = _never,
    ) -> list[Outcome]:
        """One outcome for each event, in order, from one `predict` call. Raises ModelFailed."""
        if not events:
            return []
        features = self.task.features(events, arrived)
        take = self._take(events, features)
        values, faults = self._predict(take, len(events), features.faults, out_of_time)
        ids = map(self.task.event_id, events)
        outcomes: list[Outcome] = list(map(Scored, ids, values.tolist(), features.flags))
        for row, fault in faults.items():
            outcomes[row] = fault
        return outcomes

    def score_columns(self, columns: Any) -> ColumnScores:
        """What `score_events` answers for the same events in the same order, bit for bit, from columns.

        columns: as the task's `column_features` takes them, n events that are all valid. One `predict` call.
        Raises ModelFailed, or SettingsError where the task takes no columns.
        """
        task = self.task
        if not isinstance(task, ColumnTask):
            raise SettingsError(f"TASK={self.task.name} takes no columns; give it those of `ColumnTask`")
        features = task.column_features(columns)

        def take(rows: Sequence[int]) -> Any:
            if self.model.wants == "dicts":
                return task.column_dicts(columns, rows)
            return _rows_of(features.block, rows)

        values, faults = self._predict(take, len(features.block), {}, _never)
        return ColumnScores(values, features.flags, faults)

    def prediction(self, scored: Scored, source_event_id: str | None = None) -> Prediction:
        """A scored event in the form that consumers read."""
        made = {self.task.output: scored.value, self.task.id_field: scored.event_id}
        return Prediction(self.task.model_name, self.version, made, source_event_id, scored.flags)

    def messages(self, scored: Sequence[Scored], source_event_ids: Sequence[str | None]) -> list[bytes]:
        """The JSON of each one's `prediction`."""
        model, version = self.task.model_name, self.version
        encode, made = self._encode, self._made  # a Struct takes half a dict's time, and its JSON is the same
        return [
            encode(Prediction(model, version, made(one.value, one.event_id), source, one.flags))
            for one, source in zip(scored, source_event_ids, strict=True)
        ]

    def _take(self, events: Sequence[E], features: Features) -> Take:
        if self.model.wants == "dicts":
            return lambda rows: self.task.dicts([events[row] for row in rows])
        return lambda rows: _rows_of(features.block, rows)

    def _predict(
        self, take: Take, count: int, without: Mapping[int, PermanentError], out_of_time: Callable[[], bool]
    ) -> tuple[NDArray[np.float64], dict[int, Fault]]:
        """The (count,) values, NaN where there is none, and for each such row the reason.

        without: rows that have no features, and why. If the call raises, the batch is bisected until what
        fails, fails alone.
        """
        faults: dict[int, Fault] = dict(without)
        rows: Sequence[int] = range(count)
        if faults:
            rows = [row for row in rows if row not in faults]
        if not rows:
            return np.full(count, np.nan), faults
        try:
            found = self._call(take, rows)
        except ModelFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a model may raise anything at all
            self.prove()  # a model that fails on its example is at fault itself: that raises
            logger.warning("predict failed on %d events and is bisected: %r", len(rows), error)
            told = self._bisect(take, rows, error, out_of_time)
            faults |= {row: value for row, value in told.items() if not isinstance(value, float)}
            found = np.array([np.nan if row in faults else told[row] for row in rows], dtype=np.float64)
        if len(rows) == count and np.isfinite(found).all():
            return found, faults
        values = np.full(count, np.nan)
        for row, value in zip(rows, found.tolist(), strict=True):
            if math.isfinite(value):
                values[row] = value
            elif row not in faults:
                faults[row] = InvalidPrediction(f"the model predicts {value}, which is not a finite number")
        return values, faults

    def _bisect(
        self, take: Take, rows: Sequence[int], error: Exception, out_of_time: Callable[[], bool]
    ) -> dict[int, float | Fault]:
        """What became of each row, in order."""
        if len(rows) == 1:
            return {rows[0]: _alone(error)}
        values: dict[int, float | Fault] = {}
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            if out_of_time():
                late = DeadlineNear("no time is left to find out which events predict fails on")
                values.update(dict.fromkeys(half, late))
                continue
            try:
                values.update(zip(half, self._call(take, half).tolist(), strict=True))
            except ModelFailed:
                raise
            except Exception as half_error:  # noqa: BLE001 - a model may raise anything at all
                values.update(self._bisect(take, half, half_error, out_of_time))
        return values

    def _call(self, take: Take, rows: Sequence[int]) -> NDArray[np.float64]:
        """The model's answer for some rows. It gets rows of its own: pipelines may work in place."""
        values = self.model.predict(take(rows))
        if values.shape != (len(rows),):
            raise ModelFailed(f"the model answers {values.shape} numbers for {len(rows)} events")
        return values


class OnDemand[Key, T](Sequence[T]):
    """What is made of each key, made where it is asked for."""

    def __init__(self, keys: Sequence[Key], make: Callable[[Key], T]) -> None:
        self._keys, self._make = keys, make

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return OnDemand(self._keys[index], self._make)
        return self._make(self._keys[index])


def _rows_of(block: Block, rows: Sequence[int]) -> Block:
    """A copy of some of its rows, in order."""
    return block.copy() if len(rows) == len(block) else block[rows]


def _alone(error: Exception) -> Fault:
    """What an error says of the one event that predict raised it on."""
    if isinstance(error, MemoryError | OSError):
        return ResourceShort(f"predict lacked something: {error!r}")
    return UnpredictableEvent(f"predict raises on this event alone: {error!r}")
