"""Record a run: in the predictions database, in a manifest, in `last-batch.json`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from threeways.atomic_files import write_json
from threeways.batch import names
from threeways.batch.interval import Interval, wall
from threeways.batch.layout import Layout


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run that came to its end.

    task: whose predictions these are. zone: the clock of the interval, which is None for a run by ids. read =
    scored + quarantined. undated: the quarantined without a time; each run meets them anew. undated_before:
    how many the run before had. unscored_before: whether that one was `unscored`. late: of the read, those
    entered late, into an interval that was done. missed: those entered too late for LOOKBACK, without a
    prediction, since missed_since. mean: of the predictions, None where there is none; mean_minutes: its name
    in the records of the first task. judged: the events whose output is known and one that training would
    keep; mae, rmse: the error over them. coverage: the share of them whose interval holds
    their output; mean_width: of their intervals. Where a class is predicted, or several outputs: labels: how
    many events have which; means: of the other columns; error: accuracy, log_loss, auc; confusion: true label
    -> predicted label -> how many.
    """

    source: str
    task: str = names.FIRST
    zone: str | None = None
    interval: Interval | None
    finished_at: datetime
    seconds: float
    read: int
    scored: int
    quarantined: int
    undated: int = 0
    undated_before: int = 0
    unscored_before: bool = False
    late: int = 0
    missed: int = 0
    missed_since: datetime | None = None
    model_version: str | None
    mean: float | msgspec.UnsetType | None = msgspec.UNSET
    mean_minutes: float | msgspec.UnsetType | None = msgspec.UNSET
    judged: int = 0
    mae: float | None = None
    rmse: float | None = None
    coverage: float | msgspec.UnsetType = msgspec.UNSET
    mean_width: float | msgspec.UnsetType = msgspec.UNSET
    labels: dict[str, dict[str, int]] | msgspec.UnsetType = msgspec.UNSET
    means: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    error: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    confusion: dict[str, dict[str, int]] | msgspec.UnsetType = msgspec.UNSET

    @property
    def average(self) -> float | None:
        """The mean prediction, None where there is none."""
        known = [one for one in (self.mean, self.mean_minutes) if isinstance(one, float)]
        return known[0] if known else None

    @property
    def errors(self) -> dict[str, float]:
        """How good the predictions are: measure -> its value; none where nothing is judged."""
        if isinstance(self.error, dict):
            return self.error
        return {} if self.mae is None or self.rmse is None else {"MAE": self.mae, "RMSE": self.rmse}

    @property
    def what(self) -> str:
        """What it went over, in words."""
        return "the ids without a prediction" if self.interval is None else str(self.interval)

    @property
    def within(self) -> int:
        """The rows that this run has to answer for: undated ones that the run before told are not counted.

        An interval without a start answers for all of them.
        """
        told = min(self.undated, self.undated_before) if self.interval and self.interval.start else 0
        return self.read - told

    @property
    def unscored(self) -> bool:
        """Whether it scored nothing beside undated rows, which may be the interval's events.

        Those that an earlier run told beside its predictions are not: they must not spoil a quiet day.
        """
        told = self.undated <= self.undated_before and not self.unscored_before
        return bool(self.undated) and not self.scored and not told

    @property
    def covered(self) -> Interval | None:
        """What of its interval needs no other run; None where it is `unscored`.

        It ends when the run began at the latest: later events can't have been there yet.
        """
        if self.unscored or self.interval is None:
            return None
        start, end = self.interval.start, self.interval.end
        zone = ZoneInfo(self.zone or "UTC")
        began = wall(self.finished_at - timedelta(seconds=self.seconds), zone).replace(microsecond=0)
        if end > began + timedelta(seconds=1):  # the interval's own end is floored to a second too
            end = began
        return None if start is not None and start > end else Interval(start, end)

    def good(self, tolerated: float) -> bool:
        """Return whether no greater share of its rows than `tolerated` (0 to 1) is in quarantine.

        A run that is `unscored` is not good.
        """
        if self.unscored:
            return tolerated >= 1
        return self.within - self.scored <= tolerated * self.within

    @property
    def rows_per_s(self) -> float:
        """Rows read a second."""
        return self.read / self.seconds if self.seconds else 0.0


def of(run: Run, layout: Layout) -> Run:
    """Return a recorded run of the layout's task; one without a time zone is on the task's clock."""
    return run if run.zone else msgspec.structs.replace(run, zone=str(layout.zone))


def tell(path: Path, run: Run) -> None:
    """Write `last-batch.json`."""
    told: dict[str, Any] = msgspec.to_builtins(run)
    told["rows_per_s"] = round(run.rows_per_s, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, told)
