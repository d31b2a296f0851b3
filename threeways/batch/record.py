"""What a run leaves of itself: in the predictions database, in a manifest, in `last-batch.json`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from threeways.batch.interval import Interval
from threeways.whole_files import write_json


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run that came to its end.

    read = scored + quarantined. undated: the quarantined without a pickup; each run meets them anew.
    mean_minutes: of the predictions, None where there is none. judged: the rides
    whose real duration is known and one that training would keep; mae, rmse: the error over them, in minutes.
    """

    source: str
    interval: Interval
    finished_at: datetime
    seconds: float
    read: int
    scored: int
    quarantined: int
    undated: int = 0
    model_version: str | None
    mean_minutes: float | None = None
    judged: int = 0
    mae: float | None = None
    rmse: float | None = None

    @property
    def within(self) -> int:
        """The rows that lie in the interval itself, and, where it has no start, those without a pickup."""
        return self.read - (self.undated if self.interval.start else 0)

    def good(self, tolerated: float) -> bool:
        """Whether no greater share of its rows than `tolerated` (0 to 1) is in quarantine."""
        return self.within - self.scored <= tolerated * self.within

    @property
    def rows_per_s(self) -> float:
        """Rows read a second."""
        return self.read / self.seconds if self.seconds else 0.0


def tell(path: Path, run: Run) -> None:
    """Write `last-batch.json`."""
    told: dict[str, Any] = msgspec.to_builtins(run)
    told["rows_per_s"] = round(run.rows_per_s, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, told)
