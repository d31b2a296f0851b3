"""Where predictions go, as the job sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Refused
from threeways.batch.interval import Interval
from threeways.batch.record import Run
from threeways.batch.window import Known
from threeways.errors import PermanentError
from threeways.scoring.task import EventId


@dataclass(frozen=True, slots=True)
class Scores:
    """n predictions and the refused rows of one chunk.

    ids: n. pickup: (n,) datetime64[us]. minutes: (n,) float64, finite. flags: n, names joined by commas.
    """

    ids: Sequence[EventId]
    pickup: NDArray[np.datetime64]
    minutes: NDArray[np.float64]
    flags: Sequence[str]
    refused: Sequence[Refused]

    def pickup_texts(self) -> list[str]:
        """The pickups as `2021-02-01 08:15:00.000000`."""
        texts: list[str] = np.char.replace(np.datetime_as_string(self.pickup, unit="us"), "T", " ").tolist()
        return texts

    def only(self, rows: NDArray[np.intp]) -> Scores:
        """The predictions at `rows`, without a refused row."""
        at = rows.tolist()
        ids, flags = [self.ids[row] for row in at], [self.flags[row] for row in at]
        return Scores(ids, self.pickup[rows], self.minutes[rows], flags, ())


def joined(parts: Sequence[Scores]) -> Scores:
    """The rows of one or more, as one."""
    return Scores(
        [one for part in parts for one in part.ids],
        np.concatenate([part.pickup for part in parts]),
        np.concatenate([part.minutes for part in parts]),
        [flags for part in parts for flags in part.flags],
        [one for part in parts for one in part.refused],
    )


class Writer(Known, Protocol):
    """One run's rows on their way."""

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:
        """Which ids the place can't hold, by their position, and why."""

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """That of `Source`, of the interval's predictions and quarantine."""

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
    def replaces_rows(self) -> bool:
        """Whether a ride's prediction takes the place of its former one, also of another interval's."""

    def history(self) -> list[Run]:
        """The runs that came to their end, oldest first."""

    def writing(self, interval: Interval, *, text_ids: bool) -> AbstractContextManager[Writer]:
        """A writer for the interval; what it took is kept only if `finish` was called.

        text_ids: whether the ids to come are texts. Raises BatchError where the place holds integers.
        """
