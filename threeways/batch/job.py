"""Run once: an interval's events from a source, through the one scoring path, to a sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
from rich.console import Console

from threeways.batch import interval as intervals
from threeways.batch import progress, scoring
from threeways.batch import window as windows
from threeways.batch.chunk import Chunk, Refused, Source, identity
from threeways.batch.ids import Repeats
from threeways.batch.interval import Interval
from threeways.batch.intervals import layout_of
from threeways.batch.layout import BECAUSE
from threeways.batch.record import Run
from threeways.batch.sink import Scores, Sink, Writer
from threeways.batch.tally import Tally
from threeways.batch.window import Window
from threeways.errors import BatchError, RepeatedEvent, TransientError
from threeways.masking import masked
from threeways.scoring.outcomes import ColumnScores
from threeways.scoring.service import ModelService

CHUNK = 100_000
"""Rows a chunk: enough for one `predict` to be worth its call, and some 60 MB."""


class Asked(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What the user, or a schedule's input, asks for: see `interval.chosen`.

    chunk: rows that are read and predicted at a time. lookback: how far before the interval late rows are
    looked for; see `window.lookback_of`. same_source: take the source for the one of the
    runs before, whatever its name.
    """

    start: str | None = None
    end: str | None = None
    last: str | None = None
    chunk: Annotated[int, msgspec.Meta(ge=1)] = CHUNK
    lookback: str | None = None
    same_source: bool = False

    def looks_back(self) -> timedelta:
        """Return how far: not at all where the interval itself is named. Raises BatchError."""
        named = self.start or self.end
        if named and self.lookback:
            raise BatchError("FROM= and TO= name an interval by themselves; leave LOOKBACK= out")
        return windows.lookback_of("0" if named else self.lookback or windows.LOOKBACK)

    def require_no_time(self, task: str) -> None:
        """Raise BatchError where an interval is named and the events have no time."""
        given = {"FROM": self.start, "TO": self.end, "LAST": self.last, "LOOKBACK": self.lookback}
        named = [f"{name}={value}" for name, value in given.items() if value]
        if named:
            raise BatchError(
                f"TASK={task} names no time of its events, so {' '.join(named)} has no meaning; name their "
                "column, TIME=, or leave it out: then all ids without a prediction are scored"
            )


@dataclass(frozen=True, slots=True)
class Done:
    """A run that came to its end, what it added up, and the runs before it, oldest first."""

    run: Run
    tally: Tally
    before: list[Run]


def run(
    asked: Asked, source: Source, sink: Sink, find_service: Callable[[], ModelService[Any]], console: Console
) -> Done:
    """Score the interval's events and replace what the sink has of it, as a whole or not at all.

    A layout without a time is scored by ids: the events that have no prediction yet. find_service: is called
    once the interval is known to be sound. Raises BatchError, DataError, ModelFailed; then the sink is as it
    was.
    """
    layout, before = sink.layout, sink.history()
    same_source(asked, source, sink, before)
    interval = chosen(asked, sink, before, console)
    window = None
    if interval:
        window = windows.of(interval, asked.looks_back(), [one.covered for one in before if one.covered])
    service = find_service()
    layout = layout_of(layout, service.output)
    sink.take(layout)
    total = source.count(window.reading(older=False) if window else None)
    told = interval or "the ids without a prediction"
    console.print(f"Events: {source.name}, {told}: about {total:,} rows", highlight=False, soft_wrap=True)
    console.print(
        f"Predictions: {sink.name}, model version {service.version}", highlight=False, soft_wrap=True
    )
    tally, began = Tally(layout), time.monotonic()
    with (
        sink.writing(interval, text_ids=source.text_ids) as writer,
        progress.shown(console, total) as advance,
        closing(source.chunks(_reading(window, source, writer), asked.chunk)) as chunks,
    ):
        sift = windows.Sift(window, writer)
        repeats = Repeats()
        for chunk in chunks:
            if source.ids_in_order:
                repeats = Repeats()
            sound = without_repeats(sift(chunk.without(writer.unfit(chunk.ids))), repeats)
            writer.write(score(service, sound, tally, sift.new), service.version)
            advance(chunk.passed)
        done = msgspec.structs.replace(
            recorded(source, interval, tally, service.version, time.monotonic() - began, before),
            late=sift.late,
            missed=sift.missed,
            missed_since=sift.missed_since,
        )
        writer.finish(done)
    return Done(done, tally, before)


def chosen(asked: Asked, sink: Sink, before: list[Run], console: Console) -> Interval | None:
    """Return the run's interval, None for a run by ids; says what becomes of an end in the future.

    Raises BatchError.
    """
    layout = sink.layout
    if before and (before[-1].interval is None) != (layout.time is None):
        how = "by ids" if layout.time else "by a time, TIME="
        raise BatchError(
            f"{sink.name} holds predictions of runs {how}; go on like that, or name another "
            "place, PREDICTIONS="
        )
    if layout.time is None:
        asked.require_no_time(layout.task.name)
        return None
    at, zone = intervals.now(), layout.zone
    done = [one.covered for one in before if one.covered]
    interval = intervals.chosen(asked.start, asked.end, asked.last, done, at, zone)
    now = intervals.wall(at, zone).replace(microsecond=0)
    if interval.end <= now:
        return interval
    told = "events up to it are scored, and the interval counts as done up to now"
    if not sink.replaces_rows:
        told = "the interval ends now, and the runs to come take later events"
        interval = intervals.chosen(asked.start, str(now), asked.last, done, at, zone)
    console.print(f"TO={asked.end} is in the future: {told}", highlight=False, markup=False, soft_wrap=True)
    return interval


def _reading(window: Window | None, source: Source, writer: Writer) -> Interval | None:
    """Return what is to be read; what is older only where the sink may lack some of it."""
    if window is None:
        return None
    older = False
    if window.older:
        whole = Interval(window.older[0].start, window.older[-1].end)
        there = source.fingerprint(whole)
        older = there is None or there != writer.fingerprint(whole)
    return window.reading(older=older)


def without_repeats(chunk: Chunk, repeats: Repeats) -> Chunk:
    """Return the chunk with rows of an id that was there before among the refused: its first row counts."""
    repeated = repeats.among(chunk.ids)
    if not repeated.any():
        return chunk
    name = chunk.layout.id.name
    error = RepeatedEvent(f"another row has this {name} and was taken; make {name} unique")
    refused = [chunk.refusal(row, error) for row in np.flatnonzero(repeated).tolist()]
    return chunk.only(~repeated, [*chunk.refused, *refused])


def score(
    service: ModelService[Any],
    chunk: Chunk,
    tally: Tally,
    new: Callable[[list[Refused]], list[Refused]] = list,
) -> Scores:
    """Return a chunk's predictions, from one `predict`, and its refused rows; both counted in `tally`.

    new: leaves out what was refused before and is told no more. Raises ModelFailed, or TransientError where
    memory or a file was lacking.
    """
    scored = scoring.scored(service, chunk)
    rows = np.array([row for row in range(len(chunk.ids)) if row not in scored.faults], dtype=np.int64)
    refused = new([*chunk.refused, *(_faulty(chunk, row, scored) for row in scored.faults)])
    columns = scoring.columns_of(service.output, scored.values[rows])
    tally.add(chunk, columns, scored, rows)
    if scored.because is not None:
        columns[BECAUSE] = scoring.because_of(scored.because, rows)
    tally.refuse(refused)
    every = len(rows) == len(chunk.ids)
    return Scores(
        chunk.ids if every else [chunk.ids[row] for row in rows.tolist()],
        chunk.time[rows],
        columns,
        scoring.flags_of(scored, rows),
        refused,
        chunk.actual[rows],
    )


def _faulty(chunk: Chunk, row: int, scored: ColumnScores) -> Refused:
    error = scored.faults[row]
    if isinstance(error, TransientError):
        raise error
    return chunk.refusal(row, error)


def same_source(asked: Asked, source: Source, sink: Sink, before: list[Run]) -> None:
    """Raise BatchError where the sink holds another source's predictions: of another database or table.

    A user, a host and a port may change: each run is compared with the last.
    """
    other = before[-1].source if before else source.name
    if not asked.same_source and identity(masked(other)) != identity(source.name):
        raise BatchError(
            f"{sink.name} holds predictions of {other}, and would mix them with those of {source.name}; "
            "name another place, PREDICTIONS=, or say that it is the same source, SAME_SOURCE=1"
        )


def recorded(
    source: Source,
    interval: Interval | None,
    tally: Tally,
    version: str | None,
    seconds: float,
    before: list[Run],
) -> Run:
    """Return the record of a run that ends now. before: the runs before it, oldest first."""
    task, last = tally.layout.task.name, before[-1] if before else None
    made = Run(
        source=source.name,
        task=task,
        zone=str(tally.layout.zone),
        **{tally.layout.names.mean: tally.mean()},  # type: ignore[arg-type]
        interval=interval,
        finished_at=intervals.now(),
        seconds=round(seconds, 3),
        read=tally.read,
        scored=tally.scored,
        quarantined=tally.quarantined,
        undated=tally.undated,
        undated_before=last.undated if last else 0,
        unscored_before=last.unscored if last else False,
        model_version=version,
        judged=tally.judged,
        mae=tally.mae(),
        rmse=tally.rmse(),
    )
    share, width = tally.coverage(), tally.mean_width()
    if share is not None and width is not None:
        made = msgspec.structs.replace(made, coverage=share, mean_width=width)
    return msgspec.structs.replace(made, **tally.outcomes.record()) if tally.outcomes else made
