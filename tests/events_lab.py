"""Events as `make run` has them, and the broken records of the rides' task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from threeways.local_run.broken_events import kinds
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, Workload, load, with_broken
from threeways.scoring.task import Task
from threeways.systems.taxi import duration

DURATION = duration.task
KINDS = kinds(DURATION)


def workload(
    count: int = 0,
    share: float = 0,
    *,
    spec: str | None = None,
    task: Task[Any] = DURATION,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 - it is frozen
) -> Workload:
    """`count` events of a task, a share of them replaced by broken records."""
    events = load(Source(spec, count, columns), task, lambda _: None)
    return replace(with_broken(task, events, share), kinds=list(kinds(task).values()))
