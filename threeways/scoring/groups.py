"""Events of any number of rows each, such as an upload's frames: one call predicts all rows of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.answers import Answers
from threeways.artifact.inputs import Rows
from threeways.errors import ModelFailed, UnpredictableEvent


@dataclass(frozen=True)
class Groups:
    """The rows of n events. rows: event by event. counts: (n,) how many each has, none included."""

    rows: Rows
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, events: Sequence[int]) -> Groups:
        chosen = np.asarray(events, dtype=np.int64)
        counts, starts = self.counts[chosen], (np.cumsum(self.counts) - self.counts)[chosen]
        before = np.cumsum(counts) - counts
        places: Any = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return Groups(self.rows[places], counts)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The (rows,) positions of the events that the rows are of."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def copy(self) -> Groups:
        """Return the same with a copy of the rows."""
        return Groups(self.rows.copy(), self.counts)


type Combine = Callable[[NDArray[Any], Groups], NDArray[Any]]
"""Makes n events' answers, one along the first axis each, of the model's answers for their rows.

It gets an empty array where no event has a row.
"""


class GroupedModel:
    """A model of rows that answers for events.

    answers: what `combine` makes, whatever the model answers. model: of the rows. combine: see `Combine`.
    """

    answers = Answers()

    def __init__(self, model: Any, combine: Combine) -> None:
        self._model, self._combine = model, combine
        self.input_kind = model.input_kind

    def predict(self, groups: Groups) -> NDArray[Any]:
        """Return one answer an event. Raises ModelFailed where `combine` makes another number of them."""
        answers = self._model.predict(groups.rows) if len(groups.rows) else np.empty(0)
        made = np.asarray(self._combine(answers, groups))
        if made.shape[:1] != (len(groups),):
            raise ModelFailed(
                f"the task combines shape {made.shape} for {len(groups)} events; make one of each"
            )
        return made

    def refused(self, groups: Groups) -> dict[int, UnpredictableEvent]:
        """Return the events with a row that the model cannot take, each with its first one's error."""
        found: dict[int, UnpredictableEvent] = {}
        for row, fault in sorted(getattr(self._model, "refused", lambda _: {})(groups.rows).items()):
            found.setdefault(int(groups.owners[row]), fault)
        return found

    def unseen(self, groups: Groups) -> NDArray[np.bool_] | None:
        """Return the (n,) events with a row of a category that is unknown to the model; None for none."""
        rows = getattr(self._model, "unseen", lambda _: None)(groups.rows)
        if rows is None:
            return None
        found: NDArray[np.bool_] = np.bincount(groups.owners[rows], minlength=len(groups)) > 0
        return found
