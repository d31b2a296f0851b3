"""The output of a classifier: a label, and a number for each class where the model tells them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from threeways.artifact.answers import Answers, Label
from threeways.errors import ArtifactMismatch, ModelFailed
from threeways.scoring.output import Array, described, text_of

_CLASS_FIELDS = {
    "predict_proba": "probabilities",
    "predict_log_proba": "log_probabilities",
    "decision_function": "scores",
}


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
        if answers.labels and answers.method != "predict" and answers.classes is None:
            raise ArtifactMismatch(
                f"the model's {answers.method} has no one list of classes, as of several outputs; log it "
                "with pyfunc_predict_fn='predict'"
            )
        if answers.numbers or (answers.method != "predict" and answers.classes is None):
            raise ArtifactMismatch(
                f"the model answers {described(answers)}, and TASK={task} predicts a class; train a "
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


def _one_column(found: Array, rows: int) -> Array:
    if found.shape not in {(rows,), (rows, 1)}:
        raise ModelFailed(
            f"the model predicts shape {found.shape} for {rows} rows, and one label a row is served"
        )
    return found.reshape(rows)
