"""One run: an interval's rides from a source, through the one scoring path, to a sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from threeways.batch import interval as intervals
from threeways.batch import progress
from threeways.batch import window as windows
from threeways.batch.chunk import Chunk, Refused, Source, identity
from threeways.batch.ids import Repeats
from threeways.batch.interval import Interval
from threeways.batch.record import Run, undated_before
from threeways.batch.sink import Scores, Sink, Writer
from threeways.batch.tally import Tally
from threeways.batch.window import Window
from threeways.errors import BatchError, RepeatedEvent, TransientError
from threeways.scoring.outcomes import ColumnScores
from threeways.scoring.service import ModelService

CHUNK = 100_000
"""Rows a chunk: enough for one `predict` to be worth its call, and some 60 MB."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asks for: see `interval.chosen`. chunk: rows that are read and predicted at a time.

    lookback: how far before the interval late rows are looked for; see `window.lookback_of`.
    same_source: take the source for the one of the runs before, whatever its name.
    """

    start: str | None = None
    end: str | None = None
    last: str | None = None
    chunk: int = CHUNK
    lookback: str | None = None
    same_source: bool = False

    def looks_back(self) -> timedelta:
        """How far: not at all where the interval itself is named. Raises BatchError."""
        named = self.start or self.end
        if named and self.lookback:
            raise BatchError("FROM= and TO= name an interval by themselves; leave LOOKBACK= out")
        return windows.lookback_of("0" if named else self.lookback or windows.LOOKBACK)


@dataclass(frozen=True, slots=True)
class Done:
    """A run that came to its end, what it added up, and the runs before it, oldest first."""

    run: Run
    tally: Tally
    before: list[Run]


def run(
    asked: Asked, source: Source, sink: Sink, find_service: Callable[[], ModelService[Any]], console: Console
) -> Done:
    """Score the interval's rides and replace what the sink has of it, as a whole or not at all.

    find_service: is called once the interval is known to be sound. Raises BatchError, DataError, ModelFailed;
    then the sink is as it was.
    """
    before = sink.history()
    same_source(asked, source, sink, before)
    interval = chosen(asked, sink, before, console)
    window = windows.of(interval, asked.looks_back(), [one.covered for one in before if one.covered])
    service = find_service()
    total = source.count(window.reading(older=False))
    console.print(f"Rides: {source.name}, {interval}: about {total:,} rows", highlight=False, soft_wrap=True)
    console.print(
        f"Predictions: {sink.name}, model version {service.version}", highlight=False, soft_wrap=True
    )
    tally, began = Tally(), time.monotonic()
    with (
        sink.writing(interval, text_ids=source.text_ids) as writer,
        progress.shown(console, total) as advance,
        closing(source.chunks(_reading(window, source, writer), asked.chunk)) as chunks,
    ):
        sift, repeats = windows.Sift(window, writer), Repeats()
        for chunk in chunks:
            if source.ids_in_order:
                repeats = Repeats()
            sound = without_repeats(sift(chunk.without(writer.unfit(chunk.ids))), repeats)
            writer.write(score(service, sound, tally), service.version)
            advance(chunk.passed)
        done = msgspec.structs.replace(
            _run(source, interval, tally, service.version, time.monotonic() - began, before),
            late=sift.late,
            missed=sift.missed,
            missed_since=sift.missed_since,
        )
        writer.finish(done)
    return Done(done, tally, before)


def chosen(asked: Asked, sink: Sink, before: list[Run], console: Console) -> Interval:
    """The run's interval; says what becomes of an end in the future. Raises BatchError."""
    at = intervals.now()
    done = [one.covered for one in before if one.covered]
    interval = intervals.chosen(asked.start, asked.end, asked.last, done, at)
    now = intervals.wall(at).replace(microsecond=0)
    if interval.end <= now:
        return interval
    told = "rides up to it are scored, and the interval counts as done up to now"
    if not sink.replaces_rows:
        told = "the interval ends now, and the runs to come take later rides"
        interval = intervals.chosen(asked.start, str(now), asked.last, done, at)
    console.print(f"TO={asked.end} is in the future: {told}", highlight=False, markup=False, soft_wrap=True)
    return interval


def _reading(window: Window, source: Source, writer: Writer) -> Interval:
    """What is to be read; what is older only where the sink may lack some of it."""
    older = False
    if window.older:
        whole = Interval(window.older[0].start, window.older[-1].end)
        there = source.fingerprint(whole)
        older = there is None or there != writer.fingerprint(whole)
    return window.reading(older=older)


def without_repeats(chunk: Chunk, repeats: Repeats) -> Chunk:
    """The chunk with the rows of an id that was there before among the refused: its first row counts."""
    repeated = repeats.among(chunk.ids)
    if not repeated.any():
        return chunk
    error = RepeatedEvent("another row has this ride_id and was taken; make ride_id unique")
    refused = [chunk.refusal(row, error) for row in np.flatnonzero(repeated).tolist()]
    return chunk.only(~repeated, [*chunk.refused, *refused])


def score(service: ModelService[Any], chunk: Chunk, tally: Tally) -> Scores:
    """A chunk's predictions, from one `predict`, and its refused rows; both counted in `tally`.

    Raises ModelFailed, or TransientError where memory or a file was lacking.
    """
    scored = service.score_columns(chunk.rides.by_field())
    rows = np.array([row for row in range(len(chunk.ids)) if row not in scored.faults], dtype=np.int64)
    refused = [*chunk.refused, *(_faulty(chunk, row, scored) for row in scored.faults)]
    tally.add(chunk, scored, rows)
    tally.refuse(refused)
    every = len(rows) == len(chunk.ids)
    return Scores(
        chunk.ids if every else [chunk.ids[row] for row in rows.tolist()],
        chunk.pickup[rows],
        scored.values[rows],
        _flags(scored, rows),
        refused,
    )


def _faulty(chunk: Chunk, row: int, scored: ColumnScores) -> Refused:
    error = scored.faults[row]
    if isinstance(error, TransientError):
        raise error
    return chunk.refusal(row, error)


def _flags(scored: ColumnScores, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    told = [""] * len(rows)
    for flag, mask in scored.flags.items():
        for position in np.flatnonzero(mask[rows]).tolist():
            told[position] = f"{told[position]},{flag}" if told[position] else flag
    return told


def same_source(asked: Asked, source: Source, sink: Sink, before: list[Run]) -> None:
    """Raises BatchError where the sink holds another source's predictions: of another database or table.

    A user, a host and a port may change: each run is compared with the last.
    """
    other = before[-1].source if before else source.name
    if not asked.same_source and identity(other) != identity(source.name):
        raise BatchError(
            f"{sink.name} holds predictions of {other}, and would mix them with those of {source.name}; "
            "name another place, PREDICTIONS=, or say that it is the same source, SAME_SOURCE=1"
        )


def _run(
    source: Source, interval: Interval, tally: Tally, version: str | None, seconds: float, before: list[Run]
) -> Run:
    return Run(
        source=source.name,
        interval=interval,
        finished_at=intervals.now(),
        seconds=round(seconds, 3),
        read=tally.read,
        scored=tally.scored,
        quarantined=tally.quarantined,
        undated=tally.undated,
        **undated_before(before),
        model_version=version,
        mean_minutes=tally.mean_minutes(),
        judged=int(tally.all.judged[0]),
        mae=tally.mae(),
        rmse=tally.rmse(),
    )
