"""Add up classes, or several outputs: each label's count, the means of numbers, and how good classes are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.judging import ClassErrors
from threeways.scoring.outputs import Classes, Declared, text_of


@dataclass(frozen=True, slots=True)
class Confusion:
    """rows: each true label with how many events have which predicted one, in the order of `predicted`."""

    predicted: list[str]
    rows: list[tuple[str, list[int]]]


@dataclass(slots=True)
class NumberErrors:
    """The sums of n numbers' errors."""

    judged: int = 0
    absolute: float = 0.0
    squared: float = 0.0

    def add(self, predicted: NDArray[Any], actual: NDArray[np.float64]) -> None:
        """Add (n,) events; those whose truth is NaN do not count."""
        off = (predicted - actual)[np.isfinite(actual)]
        self.judged += len(off)
        self.absolute += float(np.abs(off).sum())
        self.squared += float((off**2).sum())

    def error(self) -> dict[str, float]:
        """Return the mean absolute and the root mean square error."""
        if not self.judged:
            return {}
        return {"mae": self.absolute / self.judged, "rmse": math.sqrt(self.squared / self.judged)}


class Outcomes:
    """What is predicted where that is not one number.

    labels: column -> its texts or booleans, with how many events have each. errors: how good classes are.
    truths: the names of those of several outputs whose truth is told.
    """

    def __init__(self, output: Declared, truths: Sequence[str] = ()) -> None:
        self._classes = output if isinstance(output, Classes) else None
        self.errors = ClassErrors([text_of(one) for one in self._classes.labels] if self._classes else ())
        self.events = 0
        self.labels: dict[str, Counter[str]] = {
            name: Counter()
            for name, kind in output.columns.items()
            if kind in (str, bool) or (self._classes and name == "label")
        }
        self._each: dict[str, ClassErrors | NumberErrors] = {
            name: ClassErrors() if name in self.labels else NumberErrors() for name in truths
        }
        self._sums = {name: 0.0 for name in output.columns if name not in self.labels}

    @property
    def means(self) -> dict[str, float]:
        """The mean of each column of numbers."""
        return {name: total / self.events for name, total in self._sums.items()} if self.events else {}

    def add(self, columns: Mapping[str, NDArray[Any]], actual: NDArray[Any]) -> None:
        """Add (n,) events. actual: labels as texts, None where one is not known."""
        self.events += len(actual)
        for name, counts in self.labels.items():
            counts.update(map(text_of, columns[name].tolist()))
        for name in self._sums:
            self._sums[name] += float(columns[name].sum(dtype=np.float64))
        for place, (name, errors) in enumerate(self._each.items()):
            _add(errors, columns[name], actual[:, place])
        if self._classes is None:
            return
        rows = np.array(
            [place for place, one in enumerate(actual.tolist()) if one is not None], dtype=np.int64
        )
        if len(rows):
            told = list(map(text_of, columns["label"][rows].tolist()))
            self.errors.add(actual[rows].tolist(), told, self._numbers(columns, rows))

    def confusion(self, most: int) -> Confusion | None:
        """Return the confusion matrix of the most frequent labels; None: nothing is judged."""
        counts = self.errors.confusion
        if not counts:
            return None
        true, told = Counter[str](), Counter[str]()
        for (one, other), count in counts.items():
            true[one] += count
            told[other] += count
        kept = [name for name, _ in (true + told).most_common(most)]
        predicted = sorted(name for name in kept if name in told or name not in true)
        rows = sorted(name for name in kept if name in true)
        return Confusion(predicted, [(one, [counts[one, other] for other in predicted]) for one in rows])

    def notes(self) -> list[str]:
        """Return what is to be known of the measures, in sentences."""
        errors, found = self.errors, list[str]()
        if errors.strangers:
            found.append(
                f"{errors.strangers:,} events have a true label that is none of the model's classes, so "
                "there is no log loss and no AUC; check the column, ACTUAL="
            )
        if not errors.is_exact:
            found.append(
                "There are so many distinct probabilities that the AUC is that of their first five digits"
            )
        return found

    @property
    def judged(self) -> int:
        """The events whose truth is known; of several outputs those of the one with the most."""
        return max([self.errors.judged, *(one.judged for one in self._each.values())])

    def error(self) -> dict[str, float]:
        """Return how good the predictions are; of several outputs `rmse_<name>` and the like."""
        return self.errors.error() | {
            f"{measure}_{name}": value
            for name, one in self._each.items()
            for measure, value in one.error().items()
        }

    def record(self) -> dict[str, Any]:
        """Return what a run's record tells of it."""
        confusion: dict[str, dict[str, int]] = {}
        for (true, told), count in sorted(self.errors.confusion.items()):
            confusion.setdefault(true, {})[told] = count
        judged = {"error": self.error(), "confusion": confusion} if self._classes or self._each else {}
        return {
            "labels": {name: dict(one) for name, one in self.labels.items()},
            "means": self.means,
        } | judged

    def _numbers(self, columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """Return what `ClassErrors.add` takes: probabilities, or the distance from a boundary."""
        output = self._classes
        numbers = [columns[name][rows] for name in columns if name != "label"]
        if output is None or not numbers or (output.method == "decision_function" and len(numbers) > 1):
            return None
        if output.method == "decision_function":
            return numbers[0]
        made = np.column_stack(numbers)
        return np.exp(made) if output.method == "predict_log_proba" else made


def _add(errors: ClassErrors | NumberErrors, predicted: NDArray[Any], actual: NDArray[Any]) -> None:
    """Add (n,) events of one output."""
    if isinstance(errors, NumberErrors):
        errors.add(predicted, actual.astype(np.float64))
        return
    rows = [place for place, one in enumerate(actual.tolist()) if one is not None]
    errors.add(actual[rows].tolist(), list(map(text_of, predicted[rows].tolist())))
