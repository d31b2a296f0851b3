"""Where predictions go, as the job sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Refused
from threeways.batch.interval import Interval
from threeways.batch.layout import Layout
from threeways.batch.record import Run
from threeways.errors import PermanentError
from threeways.scoring.task import EventId


@dataclass(frozen=True, slots=True)
class Scores:
    """n predictions and the refused rows of one chunk.

    ids: n. time: (n,) datetime64[us]. columns: (n,) each, of the types that the output declares. flags: n,
    names joined by commas. actual: see `Chunk`.
    """

    ids: Sequence[EventId]
    time: NDArray[np.datetime64]
    columns: Mapping[str, NDArray[Any]]
    flags: Sequence[str]
    refused: Sequence[Refused]
    actual: NDArray[Any]

    @classmethod
    def none(cls, layout: Layout) -> Scores:
        """Return no prediction at all, with the layout's columns."""
        columns = {name: np.zeros(0, object) for name in layout.written}
        return cls([], np.zeros(0, "datetime64[us]"), columns, [], [], np.zeros(0))

    def time_texts(self) -> list[str]:
        """Return the times as `2021-02-01 08:15:00.000000`."""
        texts: list[str] = np.char.replace(np.datetime_as_string(self.time, unit="us"), "T", " ").tolist()
        return texts


class Writer(Protocol):
    """One run's rows on their way."""

    def predicted(self, ids: Sequence[EventId]) -> NDArray[np.bool_]:
        """(n,) which of the events have a prediction."""

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """Return the ids, as `name_of` writes them, that are in quarantine."""

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:
        """Return which ids the place can't hold, by their position, and why."""

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """Return that of `Source`, of the interval's predictions and quarantine."""

    def write(self, scores: Scores, version: str | None) -> None:
        """Take a chunk."""

    def finish(self, run: Run) -> None:
        """Make all of it the interval's rows, in place of those that were there, and remember the run."""


class Sink(Protocol):
    """A place for predictions, held by this process alone."""

    @property
    def name(self) -> str:
        """The place, without a password."""

    @property
    def layout(self) -> Layout:
        """Whose predictions it holds."""

    @property
    def replaces_rows(self) -> bool:
        """Whether an event's prediction takes the place of its former one, also of another interval's."""

    def history(self) -> list[Run]:
        """Return the runs that came to their end, oldest first."""

    def take(self, layout: Layout) -> None:
        """Write predictions as this layout has them from here on: the task's, with a model's intervals."""

    def writing(self, interval: Interval | None, *, text_ids: bool) -> AbstractContextManager[Writer]:
        """Open a writer for the interval; what it took is kept only if `finish` was called.

        interval: None for a run by ids, which replaces no row.
        text_ids: whether the ids to come are texts. Raises BatchError where the place holds integers.
        """
