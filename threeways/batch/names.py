"""Name what a task writes: tables, and the one older name that a task's table of events may have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The tables of a predictions database, and the table of events where TABLE= names none.

    mean: what the runs' record calls the mean prediction.
    """

    predictions: str
    quarantine: str
    runs: str
    events: str = "events"
    mean: str = "mean"


OLDER = {"ride_duration": Names("ride_predictions", "ride_quarantine", "batch_runs", "rides", "mean_minutes")}
"""A task that was there before the others: its tables and records keep their names."""
FIRST = next(iter(OLDER))
"""The task of a record that names none."""


def of(task: str) -> Names:
    """Return the names of a task's tables."""
    return OLDER.get(task) or Names(f"{task}_predictions", f"{task}_quarantine", f"{task}_runs")
