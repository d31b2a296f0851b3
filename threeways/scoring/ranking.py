"""The output of a model that scores many things for an event, such as users or items: the best of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from threeways.artifact.answers import Answers
from threeways.errors import ArtifactMismatch, ModelFailed
from threeways.scoring.output import Array, text_of


@dataclass(frozen=True, slots=True)
class Ranking:
    """The names with the highest numbers, the highest first; of equal ones the first in the model's order.

    best: how many. names: of the answer's columns, in order; if not given, those of the model's outputs in
    its signature, or its classes.
    """

    best: int
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return "ranked"

    @property
    def unit(self) -> str:
        """None."""
        return ""

    @property
    def fields(self) -> tuple[str, ...]:
        """One, a list."""
        return ("ranked",)

    @property
    def columns(self) -> dict[str, type]:
        """A name and a score for each place."""
        places = range(1, self.best + 1)
        return {
            f"{what}_{place}": kind for place in places for what, kind in (("name", str), ("score", float))
        }

    def bound(self, answers: Answers, task: str) -> Self:
        """Return it with the model's names. Raises ArtifactMismatch where they are too few, or unknown."""
        told = answers.names or tuple(map(text_of, answers.classes or ()))
        names = self.names or told
        if told and len(told) != len(names):
            raise ArtifactMismatch(
                f"the model answers {len(told)} numbers, and TASK={task} names {len(names)}; name the task "
                "that it was trained for"
            )
        if not 0 < self.best <= len(names) or len(set(names)) < len(names):
            raise ArtifactMismatch(
                f"TASK={task} ranks the best {self.best} of {len(names)} names; log the model with a "
                "signature that names its outputs, give the task their names, each once, or fewer places"
            )
        return replace(self, names=names)

    def checked(self, answer: Any, rows: int) -> Array:
        """Return the (rows, names) numbers."""
        found = np.asarray(answer)
        if found.shape != (rows, len(self.names)) or found.dtype.kind not in "iuf":
            raise ModelFailed(
                f"the model predicts shape {found.shape} of {found.dtype} for {rows} rows, and numbers for "
                f"{len(self.names)} names are ranked"
            )
        return found

    def none(self, rows: int) -> Array:
        """Return NaN for each."""
        return np.full((rows, len(self.names)), np.nan)

    def invalid(self, answers: Array) -> dict[int, str]:
        """Tell which have a number that is not finite."""
        sound = np.isfinite(answers).all(axis=1)
        return {row: _first(answers[row]) for row in np.flatnonzero(~sound).tolist()}

    def values(self, answers: Array) -> list[Any]:
        """Return each row's best names with their scores."""
        order = self._order(answers)
        scores = np.take_along_axis(answers, order, axis=1).tolist()
        return [
            [{"name": self.names[place], "score": score} for place, score in zip(places, row, strict=True)]
            for places, row in zip(order.tolist(), scores, strict=True)
        ]

    def table(self, answers: Array) -> dict[str, Array]:
        """Return a column for each place's name and score."""
        order = self._order(answers)
        names = np.array(self.names, dtype=object)[order]
        scores = np.take_along_axis(answers, order, axis=1)
        columns = [one for place in range(self.best) for one in (names[:, place], scores[:, place])]
        return dict(zip(self.columns, columns, strict=True))

    def _order(self, answers: Array) -> Array:
        """Return the (rows, best) columns with the highest numbers."""
        backwards = np.argsort(answers[:, ::-1], axis=1, kind="stable")[:, ::-1]
        found: Array = answers.shape[1] - 1 - backwards[:, : self.best]
        return found


def _first(numbers: Array) -> str:
    """Return the first number that is not finite."""
    return str(numbers[~np.isfinite(numbers)][0])
