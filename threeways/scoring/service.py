"""The one scoring path: events in, predictions out, whoever asks.

The stream, the web service and the batch job all end here. A batch is decoded event by event, turned
into one block of features, and predicted by one call of the model. An event that cannot be scored gets
its reason in its own place; the others never notice. `threeways.scoring.isolation` finds the ones that
`predict` raises on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import interval as interval_tables
from threeways.artifact.answers import Answers
from threeways.artifact.inputs import Rows
from threeways.artifact.interval import IntervalTable
from threeways.artifact.reference import Reference
from threeways.errors import (
    ModelFailed,
    PermanentError,
    SettingsError,
)
from threeways.scoring.because import Because
from threeways.scoring.encoding import Encoder
from threeways.scoring.groups import GroupedModel
from threeways.scoring.interval import applied
from threeways.scoring.messages import Messages
from threeways.scoring.observed import Observed
from threeways.scoring.on_demand import OnDemand
from threeways.scoring.outcomes import (
    ColumnScores,
    ExplainedPrediction,
    Fault,
    Outcome,
    Prediction,
    Scored,
    ScoredEvent,
    Term,
)
from threeways.scoring.outputs import Value, message_fields
from threeways.scoring.predicting import Model, Predictor, Take
from threeways.scoring.task import Columns, Dicts, Flags, Task

UNSEEN_CATEGORY = "unseen_category"
"""The flag of an event with a text that the model's encoder was not fitted on."""


type Faults = Mapping[int, PermanentError]
"""Rows that have no features, or some that the model cannot take, and why."""


def _for_ever() -> float:
    return math.inf


class ModelService[E]:
    """A model and its task, ready to predict.

    task: the one for the model's dicts where it takes those. declared: the same with the events as they
    come. version: what predictions name as their model's version. golden: the examples of its golden set that
    were answered as when it was made; 0: it has none. clock: seconds, to measure calls of `predict` with.
    interval: the table of prediction intervals in place of the artifact's own; None: that, if it has one.
    output: what messages hold; answered: what the model itself answers, without its interval. intervals: what
    gives answers theirs, None without a table.
    """

    def __init__(
        self,
        model: Model,
        task: Task[E],
        version: str | None,
        clock: Callable[[], float] = perf_counter,
        *,
        interval: IntervalTable | None = None,
    ) -> None:
        self.model = model
        asked: Any = GroupedModel(model, task.combine) if task.combine else model
        self.answered = answered = task.output.bound(getattr(asked, "answers", Answers()), task.name)
        info = getattr(model, "info", None)
        if interval is None and info is not None and isinstance(answered, Value):
            interval = interval_tables.of(info)
        by_column = model.input_kind != "dicts" or task.mixed
        columns = task.columns if by_column and not task.combine else ()
        output, self.intervals = applied(answered, interval, columns)
        self.output = output
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
        self.golden = 0
        self._refused: Callable[[Rows], Faults] = getattr(asked, "refused", lambda _: {})
        self._unseen: Callable[[Rows], NDArray[np.bool_] | None] = getattr(asked, "unseen", lambda _: None)
        self._predictor = Predictor(asked, answered, self.prove, clock)
        self.fan_out = Messages(self.task, output, version) if task.messages else None
        self._because = Because(model, task.because, self.task.columns) if task.because else None
        self._encoder = Encoder(self.task, output, version)
        self.reference: Reference | None = None  # what it was trained on, where somebody counts
        self.observed: list[Observed] | None = None  # what it scores, where somebody counts it

    @property
    def runtime(self) -> str:
        """What serves the model, `onnx` or `sklearn`; `unknown` where it does not tell."""
        return str(getattr(self.model, "runtime", "unknown"))

    @property
    def only_predicts(self) -> bool:
        """Whether nothing is made of an answer, neither its terms nor several messages."""
        return self._because is None and self.fan_out is None

    def plain(self) -> ModelService[E]:
        """Return the same service, which tells no terms of its answers."""
        made = copy(self)
        made._because = None  # noqa: SLF001  (its own class)
        return made

    def prove(self) -> None:
        """Predict the task's example, so that a model that cannot work fails before the first event.

        Raises ModelFailed.
        """
        example, arrived = [self.task.example], [datetime.now(UTC)]
        try:
            answers = self._predictor.call(self._prepared(example, arrived)[0], [0])
        except Exception as error:
            disagree = (
                ": its signature or its input example is not what it was fitted on; log it again with "
                "signature=mlflow.models.infer_signature(X, model.predict(X)), input_example=X[:20]"
            )
            raise ModelFailed(
                f"the model cannot predict {self.task.name}'s example, {error!r}"
                f"{disagree if self.task.from_signature else ''}"
            ) from error
        for value in self.answered.invalid(answers).values():
            raise ModelFailed(f"the model predicts {value} for {self.task.name}'s example")
        answers = self._with_intervals(answers, self._prepared(example, arrived)[0])
        if self._because is not None:
            self._because.prove(self._prepared(example, arrived)[0]([0]))
        if self.fan_out is not None:
            told = [ScoredEvent(1, one, (), example[0]) for one in self.output.values(answers)]
            for fault in self.fan_out.fanned_out(told, ["example"], _for_ever):
                if isinstance(fault, Exception):
                    raise ModelFailed(f"TASK={self.task.name}: its example: {fault}") from fault

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
        values, faults = self._predictor.predict(take, len(events), without, time_left)
        if self.observed is not None:
            self.observed.append(Observed(take, values, flags, faults))
        ids = map(self.task.event_id, events)
        told = self.output.values(self._with_intervals(values, take))
        outcomes: list[Outcome] = (
            list(map(Scored, ids, told, flags))
            if self.fan_out is None and self._because is None
            else list(map(ScoredEvent, ids, told, flags, events, self._terms(take, len(events), faults)))
        )
        for row, fault in faults.items():
            outcomes[row] = fault
        return outcomes

    def score_rows(self, events: Sequence[E], arrived: Sequence[datetime]) -> ColumnScores:
        """Score events as `score_events` does; return the answers by column. Raises ModelFailed."""
        if not events:
            return ColumnScores(self.output.none(0), {}, {})
        take, told, without = self._prepared(events, arrived)
        values, faults = self._predictor.predict(take, len(events), without, _for_ever)
        flags: dict[str, NDArray[np.bool_]] = {}
        for row, names in enumerate(told):
            for name in names if row not in faults else ():
                flags.setdefault(name, np.zeros(len(events), np.bool_))[row] = True
        because = None if self._because is None else self._terms(take, len(events), faults)
        return ColumnScores(self._with_intervals(values, take), flags, faults, because)

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
        values, faults = self._predictor.predict(take, len(features.block), without, _for_ever)
        because = None if self._because is None else self._terms(take, len(features.block), faults)
        return ColumnScores(self._with_intervals(values, take), flags, faults, because)

    def refused(self, events: Sequence[E], arrived: Sequence[datetime]) -> Mapping[int, PermanentError]:
        """Return the events that are not given to `predict`: position -> why."""
        return self._prepared(events, arrived)[2] if events else {}

    def prediction(self, scored: Scored, source_event_id: str | None = None) -> Prediction:
        """Return a scored event in the form that consumers read."""
        made = message_fields(self.output, scored.value) | {self.task.id_name: scored.event_id}
        told = self.task.model_name, self.version, made, source_event_id, scored.flags
        if isinstance(scored, ScoredEvent) and scored.because is not None:
            return ExplainedPrediction(*told, scored.because)
        return Prediction(*told)

    def messages(self, scored: Sequence[Scored], source_event_ids: Sequence[str | None]) -> list[bytes]:
        """Return the JSON of each one's `prediction`."""
        return self._encoder.messages(scored, source_event_ids)

    def _with_intervals(self, values: NDArray[Any], take: Take) -> NDArray[Any]:
        """Return the model's answers as the output holds them. take: gives the rows that they are of."""
        return values if self.intervals is None else self.intervals.around(values, take)

    def _terms(self, take: Take, count: int, faults: dict[int, Fault]) -> list[list[Term] | None]:
        """Return the largest terms of each event's score; `faults` gets those that have none."""
        if self._because is None:
            return [None] * count
        rows = [row for row in range(count) if row not in faults]
        found, more = self._because.told(take, rows, count)
        faults |= more
        return found

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


def _rows_of(block: Rows, rows: Sequence[int]) -> Rows:
    """Return a copy of some of its rows, in order."""
    return block.copy() if len(rows) == len(block) else block[rows]
