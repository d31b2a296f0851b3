"""What a task predicts of an event: one number, a class, or several named answers.

An output checks what the model returned for a batch, tells the rows that cannot be served, and gives each row
its values in the form that messages have. Numbers and texts are those of the model, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.answers import Answers, Label
from threeways.errors import ArtifactMismatch, ModelFailed

type Array = NDArray[Any]

_CLASS_FIELDS = {
    "predict_proba": "probabilities",
    "predict_log_proba": "log_probabilities",
    "decision_function": "scores",
}


class Declared(Protocol):
    """What a task says that it predicts."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def unit(self) -> str:
        """The unit of its numbers, for people; empty where it has none."""

    @property
    def columns(self) -> dict[str, type]:
        """The columns of a table of predictions, with the type of their values: float, int, str or bool."""

    def bound(self, answers: Answers, task: str) -> Output:
        """Return the output with what the model tells of it. Raises ArtifactMismatch where they differ."""


class Output(Declared, Protocol):
    """What a model's service predicts."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names within a message's `prediction`."""

    def checked(self, answer: Any, rows: int) -> Array:
        """Return what the model returned for so many rows, an array of as many. Raises ModelFailed."""

    def none(self, rows: int) -> Array:
        """Return what stands in for the answers of so many rows that have none."""

    def invalid(self, answers: Array) -> dict[int, str]:
        """Return the rows whose answer cannot be served: index -> what it is."""

    def values(self, answers: Array) -> list[Any]:
        """Return the value of each row: of its one field, or a tuple in the order of `fields`."""

    def table(self, answers: Array) -> dict[str, Array]:
        """Return the (n,) columns of a table of predictions."""


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

    def bound(self, answers: Answers, task: str) -> Self:
        """Return the output as it is. Raises ArtifactMismatch for a model that answers labels."""
        numbers = answers.numbers or (answers.method == "decision_function" and answers.classes is None)
        if not numbers:
            raise ArtifactMismatch(
                f"the model answers {_described(answers)}, and TASK={task} predicts a number, {self.name}; "
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
class Classes:
    """A class of an event, with a number for each class where the model's method tells them.

    labels: the classes, in the order of the answer's columns; the model tells them. method: `predict` for the
    label alone; else the label is the class with the highest number, of several the first. kind: the type of
    labels that the model does not tell.
    """

    labels: tuple[Label, ...] = ()
    method: str = "predict"
    kind: type = str

    @property
    def name(self) -> str:
        """The label."""
        return "label"

    @property
    def unit(self) -> str:
        """None."""
        return ""

    @property
    def fields(self) -> tuple[str, ...]:
        """`label`, and `probabilities`, `log_probabilities`, `scores`, or of two classes `score`."""
        if self.method == "predict":
            return ("label",)
        return ("label", "score" if self._is_distance else _CLASS_FIELDS[self.method])

    @property
    def columns(self) -> dict[str, type]:
        """The label, and a column for each class."""
        kinds = {type(one) for one in self.labels} or {self.kind}
        label: dict[str, type] = {"label": kinds.pop() if len(kinds) == 1 else str}
        return label | dict.fromkeys(self._number_columns(), float)

    def bound(self, answers: Answers, task: str) -> Self:
        """Return it with the model's labels. Raises ArtifactMismatch for a model without classes."""
        if answers.numbers or (answers.method != "predict" and answers.classes is None):
            raise ArtifactMismatch(
                f"the model answers {_described(answers)}, and TASK={task} predicts a class; train a "
                "classifier for it, or name a task whose output is a Value"
            )
        texts = [text_of(one) for one in answers.classes or ()]
        if len(set(texts)) < len(texts):
            raise ArtifactMismatch(f"two of the model's classes are written alike: {', '.join(texts)}")
        return replace(self, labels=answers.classes or (), method=answers.method)

    def checked(self, answer: Any, rows: int) -> Array:
        """Return (rows,) labels, or (rows, classes) float64."""
        found = np.asarray(answer)
        if self.method == "predict":
            return _one_column(found, rows)
        if self._is_distance and found.shape == (rows,):
            return found.astype(np.float64, copy=False)
        if found.shape != (rows, len(self.labels)) or found.dtype.kind != "f":
            raise ModelFailed(
                f"the model's {self.method} returns shape {found.shape} of {found.dtype} for {rows} rows and "
                f"{len(self.labels)} classes"
            )
        return found

    def none(self, rows: int) -> Array:
        """Return no label, or NaN for each class."""
        if self.method == "predict":
            return np.full(rows, None, dtype=object)
        return np.full(rows if self._is_distance else (rows, len(self.labels)), np.nan)

    def invalid(self, answers: Array) -> dict[int, str]:
        """Tell which have a number that is not finite; a log probability may be minus infinity."""
        if answers.dtype.kind != "f":
            return {}
        sound = ~np.isnan(answers) if self.method == "predict_log_proba" else np.isfinite(answers)
        if sound.all():
            return {}
        bad = ~sound if sound.ndim == 1 else ~sound.all(axis=1)
        return {row: str(answers[row].tolist()) for row in np.flatnonzero(bad).tolist()}

    def values(self, answers: Array) -> list[Any]:
        """Return each row's label, or its label and its numbers by class."""
        if self.method == "predict":
            return list(answers.tolist())
        labels = self._labels(answers)
        if answers.ndim == 1:
            return list(zip(labels, answers.tolist(), strict=True))
        texts = [text_of(one) for one in self.labels]
        return [
            (label, dict(zip(texts, row, strict=True)))
            for label, row in zip(labels, answers.tolist(), strict=True)
        ]

    def table(self, answers: Array) -> dict[str, Array]:
        """Return the label's column, and the numbers'."""
        if self.method == "predict":
            return {"label": answers}
        labels = np.empty(len(answers), dtype=object)
        labels[:] = self._labels(answers)
        numbers = answers[np.newaxis] if answers.ndim == 1 else answers.T
        return {"label": labels} | dict(zip(self._number_columns(), numbers, strict=True))

    @property
    def _is_distance(self) -> bool:
        """Whether the answer is one number a row: the distance from the boundary between two classes."""
        return self.method == "decision_function" and len(self.labels) == 2

    def _labels(self, answers: Array) -> list[Label]:
        best = (answers > 0).astype(int) if answers.ndim == 1 else np.argmax(answers, axis=1)
        return [self.labels[one] for one in best.tolist()]

    def _number_columns(self) -> list[str]:
        if self.method == "predict":
            return []
        if self._is_distance:
            return ["score"]
        one = {"predict_proba": "probability", "predict_log_proba": "log_probability"}
        return [f"{one.get(self.method, 'score')}_{text_of(label)}" for label in self.labels]


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


def text_of(label: Label) -> str:
    """Return a label as JSON's name of a field: booleans as `true` and `false`."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def message_fields(output: Output, value: Any) -> dict[str, Any]:
    """Return a row's value by the names within `prediction`."""
    fields = output.fields
    return {fields[0]: value} if len(fields) == 1 else dict(zip(fields, value, strict=True))


def value_in(prediction: dict[str, Any], id_name: str) -> Any:
    """Return what a message predicts: its one field's value, or its fields by name. Raises ValueError."""
    fields = {name: value for name, value in prediction.items() if name != id_name}
    if not fields:
        raise ValueError(f"a message predicts nothing: {prediction}")
    return next(iter(fields.values())) if len(fields) == 1 else fields


def _described(answers: Answers) -> str:
    labels: Sequence[Label] = answers.classes or ()
    named = f" ({', '.join(map(text_of, labels[:5]))}{', …' if len(labels) > 5 else ''})" if labels else ""
    if answers.numbers:
        return "numbers"
    return f"labels{named}" if answers.method == "predict" else f"by {answers.method}{named}"


def _one_column(found: Array, rows: int) -> Array:
    if found.shape not in {(rows,), (rows, 1)}:
        raise ModelFailed(
            f"the model predicts shape {found.shape} for {rows} rows, and one label a row is served"
        )
    return found.reshape(rows)


def _holds_labels(answers: Array) -> bool:
    return any(isinstance(one, str | bytes | bool | np.bool_ | complex) for one in answers.flat)
