"""What a task predicts of an event: one number, a class, or several named answers.

An output checks what the model returned for a batch, tells the rows that cannot be served, and gives each row
its values in the form that messages have. Numbers and texts are those of the model, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from threeways.artifact.answers import Answers
from threeways.errors import ArtifactMismatch, ModelFailed
from threeways.scoring.classes import Classes
from threeways.scoring.output import Array, Declared, Output, described, message_fields, text_of, value_in

__all__ = [
    "Classes", "Declared", "ModelOutput", "Output", "Scores", "Value", "message_fields", "text_of",
    "value_in",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """One number. name: within `prediction`. unit: for people. whole: integers stay integers."""

    name: str
    unit: str = ""
    whole: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Its name."""
        return (self.name,)

    @property
    def columns(self) -> dict[str, type]:
        """One column of numbers."""
        return {self.name: int if self.whole else float}

    def bound(self, answers: Answers, task: str) -> Value:
        """Return the output as it is. Raises ArtifactMismatch for a model that answers labels."""
        numbers = answers.numbers or (answers.method == "decision_function" and answers.classes is None)
        if not numbers:
            raise ArtifactMismatch(
                f"the model answers {described(answers)}, and TASK={task} predicts a number, {self.name}; "
                "train a regressor for it, or name a task whose output is Classes"
            )
        return self

    def checked(self, answer: Any, rows: int) -> Array:
        """Return (rows,) float64, or int64 where they are whole."""
        try:
            numbers = np.asarray(answer)
            if numbers.dtype.kind == "O" and not _holds_labels(numbers):
                numbers = numbers.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ModelFailed(f"the model predicts something other than numbers: {error}") from error
        if numbers.dtype.kind not in "iuf":
            raise ModelFailed(f"the model predicts something other than numbers ({numbers.dtype})")
        if numbers.shape not in {(rows,), (rows, 1)}:
            raise ModelFailed(
                f"the model predicts shape {numbers.shape} for {rows} rows, and one number a row is "
                f"{self.name}; log it with a signature that names its outputs"
            )
        kept = numbers.reshape(rows)
        return kept if self.whole and kept.dtype.kind in "iu" else kept.astype(np.float64, copy=False)

    def none(self, rows: int) -> Array:
        """Return NaN, or zeros where they are whole."""
        return np.zeros(rows, np.int64) if self.whole else np.full(rows, np.nan)

    def invalid(self, answers: Array) -> dict[int, str]:
        """Tell which are no finite numbers."""
        finite = np.isfinite(answers)
        return {} if finite.all() else {row: str(answers[row]) for row in np.flatnonzero(~finite).tolist()}

    def values(self, answers: Array) -> list[Any]:
        """Return the numbers."""
        return list(answers.tolist())

    def table(self, answers: Array) -> dict[str, Array]:
        """Return the one column."""
        return {self.name: answers}


@dataclass(frozen=True, slots=True)
class Scores:
    """Several named answers, as a model with many outputs gives them: numbers, or labels.

    names: within `prediction`, in the order of the answer's columns. types: of each; all float if not given.
    """

    names: tuple[str, ...]
    types: tuple[type, ...] = ()

    @property
    def name(self) -> str:
        """Their names."""
        return ", ".join(self.names)

    @property
    def unit(self) -> str:
        """None."""
        return ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Their names."""
        return self.names

    @property
    def columns(self) -> dict[str, type]:
        """A column each."""
        return dict(zip(self.names, self.types or (float,) * len(self.names), strict=True))

    def bound(self, answers: Answers, task: str) -> Self:
        """Return the output as it is. Raises ArtifactMismatch where the model's outputs have other names."""
        if answers.names and answers.names != self.names and len(answers.names) != len(self.names):
            raise ArtifactMismatch(
                f"the model answers {', '.join(answers.names)}, and TASK={task} predicts "
                f"{', '.join(self.names)}; name the task that it was trained for"
            )
        return self

    def checked(self, answer: Any, rows: int) -> Array:
        """Return the (rows, names) answers."""
        found = np.asarray(answer)
        if found.shape == (rows,) and len(self.names) == 1:
            found = found.reshape(rows, 1)
        if found.shape != (rows, len(self.names)):
            raise ModelFailed(
                f"the model predicts shape {found.shape} for {rows} rows, and its outputs are "
                f"{', '.join(self.names)}"
            )
        return found

    def none(self, rows: int) -> Array:
        """Return NaN for each."""
        return np.full((rows, len(self.names)), np.nan)

    def invalid(self, answers: Array) -> dict[int, str]:
        """Tell which have a number that is not finite."""
        if answers.dtype.kind != "f":
            return {}
        sound = np.isfinite(answers).all(axis=1)
        return {row: str(answers[row].tolist()) for row in np.flatnonzero(~sound).tolist()}

    def values(self, answers: Array) -> list[Any]:
        """Return each row's answers: one, or a tuple of them."""
        rows = answers.tolist()
        return [row[0] for row in rows] if len(self.names) == 1 else list(map(tuple, rows))

    def table(self, answers: Array) -> dict[str, Array]:
        """Return a column each."""
        return dict(zip(self.names, answers.T, strict=True))


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the model answers, whatever that is: the loaded model tells it, and `bound` returns that output.

    numbers: the output where the answers are numbers, as the signature tells it.
    """

    numbers: Value | Scores

    @property
    def name(self) -> str:
        """What the numbers are called."""
        return self.numbers.name

    @property
    def unit(self) -> str:
        """The numbers' unit."""
        return self.numbers.unit

    @property
    def columns(self) -> dict[str, type]:
        """Those of the numbers."""
        return self.numbers.columns

    def bound(self, answers: Answers, task: str) -> Output:
        """Return the output that the model's answers are. Raises ArtifactMismatch."""
        if isinstance(self.numbers, Scores) and answers.method == "predict":
            return self.numbers
        if answers.labels and not (answers.method == "decision_function" and answers.classes is None):
            whole = isinstance(self.numbers, Value) and self.numbers.whole
            return Classes(kind=int if whole else str).bound(answers, task)
        return self.numbers if answers.numbers else Value("score")


def _holds_labels(answers: Array) -> bool:
    return any(isinstance(one, str | bytes | bool | np.bool_ | complex) for one in answers.flat)
