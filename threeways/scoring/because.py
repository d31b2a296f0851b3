"""Why an event is predicted so: the terms of its score that moved it most, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from threeways.artifact.inputs import Table
from threeways.artifact.sklearn.term_labels import Label
from threeways.artifact.sklearn.whole_words import WholeWords
from threeways.errors import ArtifactUnsupported
from threeways.scoring.outcomes import Fault, Term, fault_of
from threeways.scoring.predicting import Take


class Because:
    """Tells the terms of a model's predictions. count: how many, those with the highest absolute values.

    columns: the names of a block's or table's columns. Raises ArtifactUnsupported for a model that has none.
    """

    def __init__(self, model: Any, count: int, columns: Sequence[str]) -> None:
        made = getattr(model, "terms", None)
        if made is None:
            raise ArtifactUnsupported("because: the model tells no terms; leave `because` out")
        self._terms = made(columns)
        self._convert = model.converted
        self._count = count
        self._columns = columns
        parts = any(one.split is not None for one in self._terms.labels)
        self._words = WholeWords(self._terms.labels) if parts else None

    def prove(self, taken: Any) -> None:
        """Raise ArtifactUnsupported where the terms of rows do not sum to what the model says of them."""
        self._terms.prove(self._convert(taken))

    def of(self, taken: Any) -> list[list[Term]]:
        """Return the terms of each row that the model takes, the largest first; those of 0 are left out."""
        values = _values_of(taken, self._columns)
        contributions, _ = self._terms.of(self._convert(taken))
        texts = taken.columns if isinstance(taken, Table) and self._words is not None else None
        return [
            [
                Term(label.feature, label.word if label.word is not None else values(row, label), found)
                for label, found in self._largest(contributions, row, texts)
            ]
            for row in range(len(taken))
        ]

    def told(
        self, take: Take, rows: Sequence[int], count: int
    ) -> tuple[list[list[Term] | None], dict[int, Fault]]:
        """Return the terms of so many events, those at `rows`, and why one of these has none."""
        found: list[list[Term] | None] = [None] * count
        faults: dict[int, Fault] = {}
        try:
            for row, terms in zip(rows, self.of(take(rows)) if rows else (), strict=True):
                found[row] = terms
        except Exception as error:  # noqa: BLE001  (transformers raise anything at all)
            if len(rows) == 1:
                return found, {rows[0]: fault_of(error)}
            for row in rows:
                alone, fault = self.told(take, [row], count)
                found[row] = alone[row]
                faults |= fault
        return found, faults

    def _largest(
        self, contributions: Any, row: int, texts: Mapping[str, Any] | None
    ) -> list[tuple[Label, float]]:
        if hasattr(contributions, "indptr"):
            part = slice(contributions.indptr[row], contributions.indptr[row + 1])
            places, numbers = contributions.indices[part], contributions.data[part]
        else:
            places, numbers = np.arange(contributions.shape[1]), contributions[row]
        if texts is not None and self._words is not None:
            words = self._words.of(places.tolist(), numbers.tolist(), lambda name: texts[name][row])
            told = sorted(words.items(), key=lambda one: -abs(one[1]))[: self._count]
            return [(label, number) for label, number in told if number]
        order = np.lexsort((places, -np.abs(numbers)))[: self._count]
        labels = self._terms.labels
        chosen = zip(places[order].tolist(), numbers[order].tolist(), strict=True)
        return [(labels[place], number) for place, number in chosen if number]


def _values_of(taken: Any, columns: Sequence[str]) -> Callable[[int, Any], Any]:
    """Return what gives an event's own value for a label: of a table, a block or dicts."""
    if isinstance(taken, Table):

        def of_table(row: int, label: Any) -> Any:
            name = label.feature if label.column is None else columns[label.column]
            return _plain(taken.columns[name][row]) if name in taken.columns else None

        return of_table
    if isinstance(taken, np.ndarray):
        return lambda row, label: None if label.column is None else _plain(taken[row, label.column])
    return lambda row, label: (
        _plain(taken[row].get(label.feature)) if isinstance(taken[row], Mapping) else None
    )


def _plain(value: Any) -> str | int | float | bool | None:
    """Return a value as JSON has it; None for a missing one."""
    found = value.item() if isinstance(value, np.generic) else value
    if isinstance(found, datetime):
        return found.isoformat()
    if isinstance(found, float) and not math.isfinite(found):
        return None
    return found if isinstance(found, str | int | float) else None
