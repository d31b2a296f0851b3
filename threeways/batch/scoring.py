"""Score a chunk: by columns where the task takes them, else event by event, as the stream does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk
from threeways.scoring.outcomes import ColumnScores, Fault, Scored
from threeways.scoring.service import ModelService


def scored(service: ModelService[Any], chunk: Chunk) -> ColumnScores:
    """Return what became of the chunk's events, from one `predict`. Raises ModelFailed."""
    if chunk.columns is not None:
        return service.score_columns(chunk.columns)
    events = chunk.events or []
    if (
        service.task.event is not chunk.layout.task.event
    ):  # a model that takes dicts reads a part of the event
        events = [service.task.decode(msgspec.json.encode(one)) for one in events]
    values, faults = np.full(len(events), np.nan), dict[int, Fault]()
    flags: dict[str, NDArray[np.bool_]] = {}
    for row, outcome in enumerate(service.score_events(events, _arrivals(chunk))):
        if not isinstance(outcome, Scored):
            faults[row] = outcome
            continue
        values[row] = outcome.value
        for flag in outcome.flags:
            flags.setdefault(flag, np.zeros(len(events), bool))[row] = True
    return ColumnScores(values, flags, faults)


def _arrivals(chunk: Chunk) -> list[datetime]:
    """When each event happened, which stands in for its arrival; now, where the task has no time."""
    now, zone = datetime.now(UTC), chunk.layout.zone
    return [now if time is None else time.replace(tzinfo=zone) for time in chunk.time.tolist()]


def flags_of(scored: ColumnScores, rows: NDArray[np.int64]) -> list[str]:
    """Return the flags of each event at `rows`, joined by commas."""
    told = [""] * len(rows)
    for flag, mask in scored.flags.items():
        for position in np.flatnonzero(mask[rows]).tolist():
            told[position] = f"{told[position]},{flag}" if told[position] else flag
    return told
