"""Predict a batch by one call of the model, and find the rows that it raises on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DeadlineNear, InvalidPrediction, ModelFailed, PermanentError
from threeways.scoring.isolation import Pace, isolate
from threeways.scoring.outcomes import Fault, fault_of
from threeways.scoring.output import Output

logger = logging.getLogger(__name__)

type Take = Callable[[Sequence[int]], Any]
"""Gives some of a batch's rows, in the form that `Model.predict` takes."""


class Model(Protocol):
    """What the service needs of a model; `threeways.artifact.Model` is the one that is deployed."""

    @property
    def input_kind(self) -> Literal["block", "columns", "dicts", "frame", "texts"]:
        """What `predict` takes: see `artifact.sklearn.input_kind`."""

    def predict(self, features: Any) -> NDArray[Any]:
        """Return the answers for n rows, one along the first axis each."""


class Predictor:
    """A model's answers, row by row where it raises. prove: raises ModelFailed where the model is at fault.

    clock: seconds, to measure calls of `predict` with.
    """

    def __init__(
        self, model: Model, output: Output, prove: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._model = model
        self._output = output
        self._prove = prove
        self._clock = clock
        self._pace = Pace()
        self._careful = False  # the time did not suffice to isolate what made the last call raise

    def predict(
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
            return self._output.none(count), faults
        found, told = self._values(take, rows, time_left)
        faults |= told
        for place, value in self._output.invalid(found).items():
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
                return self.call(take, rows), {}
            except ModelFailed:
                raise
            except Exception as error:  # noqa: BLE001 - a model may raise anything at all
                self._prove()  # a model that fails on its example is at fault itself: that raises
                if len(rows) == 1:
                    return self._output.none(1), {rows[0]: fault_of(error)}
                logger.warning("predict failed on %d events, which are isolated: %r", len(rows), error)
                failed = True
        told = isolate(
            lambda some: self.call(take, some), rows, self._pace, time_left, self._prove, failed=failed
        )
        self._careful = len(told) < len(rows)
        late = DeadlineNear("no time is left to predict it within this invocation")
        faults: dict[int, Fault] = dict.fromkeys(rows[len(told) :], late)
        faults |= {row: fault_of(value) for row, value in told.items() if isinstance(value, Exception)}
        none = next((one for one in told.values() if not isinstance(one, Exception)), self._output.none(1))
        kept = [none if row in faults else told[row] for row in rows]
        return np.concatenate(cast("list[NDArray[Any]]", kept)), faults

    def call(self, take: Take, rows: Sequence[int]) -> NDArray[Any]:
        """Predict some rows. Pass a copy: a pipeline may change its input."""
        taken = take(rows)
        began = self._clock()
        try:
            values = self._model.predict(taken)
        except Exception:
            self._pace.failed(len(rows), self._clock() - began)
            raise
        self._pace.succeeded(len(rows), self._clock() - began)
        return self._output.checked(values, len(rows))
