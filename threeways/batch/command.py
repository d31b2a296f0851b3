"""Run `make batch`: put together what the user names, and tell at the end what became of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from threeways import disk
from threeways.batch import layout, summary
from threeways.batch.chunk import Source
from threeways.batch.job import Asked, Done
from threeways.batch.job import run as run_job
from threeways.batch.layout import Layout, Naming
from threeways.batch.outcomes import Outcomes
from threeways.batch.record import Run, tell
from threeways.batch.sink import Sink
from threeways.batch.tally import Tally
from threeways.errors import BatchError, DataError
from threeways.masking import masked
from threeways.scoring import tasks
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.settings import DEFAULT_TASK

TOLERATED = 0.05
"""The share of rows in quarantine above which a run is not a good one; the stack's alarm has the same."""
_REASONS, _LABELS = 8, 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    events: a database URL, or parquet files; None: the task's system makes a database. table: of events,
    None: see `database.usual_table`. predictions: a database URL, a folder or `s3://bucket/prefix`. report:
    the HTML file to write. tolerate: a share from 0 to 1. task: its name; None: the model tells it. naming:
    of the columns.
    """

    events: str | None = None
    table: str | None = None
    predictions: str | None = None
    report: Path | None = None
    tolerate: float = TOLERATED
    asked: Asked = field(default_factory=Asked)
    task: str | None = DEFAULT_TASK
    naming: Naming = field(default_factory=Naming)

    def layout(self) -> Layout | None:
        """Return how the named task's events lie in a table; None: the model tells. Raises SettingsError."""
        return layout.of(tasks.find(self.task), self.naming) if self.task else None


def run(
    options: Options, find_service: Callable[[], ModelService[Any]], console: Console, local: Path
) -> bool:
    """Run the job once; writes `last-batch.json` in the folder `local`. Whether few enough rows were bad.

    Raises UsageError or ModelFailed; then no prediction has changed.
    """
    ours = options.layout()
    if ours is None or not ours.is_whole:
        if ours and options.events:
            with opened_source(options.events, options.table, ours, console):
                pass  # what cannot be read is told before a model is trained
        service = find_service()
        ours = layout.of(service.declared, options.naming)
        find_service = lambda: service  # noqa: E731
    events, table = (
        (options.events, options.table) if options.events else _made(options, ours, local, console)
    )
    place = options.predictions or f"sqlite:///{local / 'predictions.db'}"
    with opened_source(events, table, ours, console) as source, opened_sink(place, ours) as sink:
        done = run_job(options.asked, source, sink, find_service, console)
    good = done.run.good(options.tolerate)
    show(done, console, sink.name, good=good)
    with _all_but():
        tell(local / "last-batch.json", done.run)
        _report(options.report, done, console)
    if told := summary.unjudged(done.tally):
        if done.tally.beyond:
            raise DataError(f"the predictions are there, but {told}")
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    return good


@contextmanager
def _all_but() -> Iterator[None]:
    """Return a disk's faults as errors that say what the run has kept."""
    try:
        yield
    except OSError as error:
        fault = disk.fault_of(error) or BatchError(f"{error}; name another file")
        raise type(fault)(f"the predictions are there, but not all that tells of them: {fault}") from None


def opened_source(
    events: str, table: str | None, ours: Layout, console: Console
) -> AbstractContextManager[Source]:
    """Return the source that `events` names. Raises DataError once it is entered."""
    if is_database(events):
        from threeways.batch import database

        return database.opened(events, table, ours)
    from threeways.batch import parquet

    return parquet.opened(events, lambda line: console.print(line, highlight=False, markup=False), ours)


def opened_sink(place: str, ours: Layout) -> AbstractContextManager[Sink]:
    """Return the sink that `place` names. Raises BatchError once it is entered."""
    if is_database(place):
        from threeways.batch import predictions_database

        return predictions_database.opened(place, ours)
    from threeways.batch import predictions_parquet

    return predictions_parquet.opened(place, ours)


def is_database(text: str) -> bool:
    """Return whether it is a database's URL; what else there is, are paths, `s3://` and `https://`."""
    scheme, found, _ = text.partition(":")
    others = {"s3", "s3a", "s3n", "http", "https", "file"}
    return bool(found) and scheme.split("+")[0].lower() not in others and "/" not in scheme


def show(done: Done, console: Console, place: str, *, good: bool) -> None:
    """Print the summary: how many, how fast, what is in quarantine and why, and where everything is."""
    run, tally = done.run, done.tally
    if tally.reasons:
        _reasons(tally, console)
    if run.undated:
        console.print(_undated(done), highlight=False, soft_wrap=True)
    if run.missed:
        console.print(_missed(run), highlight=False, soft_wrap=True)
    if not run.within:
        told = "No new events: all ids have a prediction, or were refused before and are again."
        if run.interval:
            told = f"No events from {run.interval}. FROM=2021-02-01 TO=2021-03-01 scores an interval again."
        console.print(told, soft_wrap=True)
        return
    table = Table(title=f"Batch: {run.what}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("read", f"{run.read:,}")
    if run.late:
        table.add_row("entered late", f"{run.late:,}")
    table.add_row("scored", f"{run.scored:,}")
    table.add_row("quarantined", f"{run.quarantined:,}", style="" if good else "bold red")
    for flag, count in tally.flags.items():
        table.add_row(f"flagged {flag}", f"{count:,}")
    for name, value in _outcomes(done):
        table.add_row(escape(name), value)
    table.add_row("rows a second", f"{run.rows_per_s:,.0f}")
    console.print(table)
    if tally.outcomes:
        _confusion(tally.outcomes, console)
    console.print(f"Predictions and quarantine: {masked(place)}", highlight=False, soft_wrap=True)


def _outcomes(done: Done) -> Iterator[tuple[str, str]]:
    """Yield how many events have each label, the most first, the means of numbers, and the error."""
    run, outcomes = done.run, done.tally.outcomes
    for column, counts in outcomes.labels.items() if outcomes else ():
        for label, count in counts.most_common(_LABELS):
            yield f"{column} {label}", f"{count:,}"
    for column, mean in list(outcomes.means.items())[:_LABELS] if outcomes else ():
        yield f"mean {column}", f"{mean:.6g}"
    if run.errors:
        told = summary.error(run.errors, done.tally.layout.task.output.unit)
        yield f"error over {run.judged:,} events", told
    if intervals := summary.coverage(run, done.tally.layout.task.output.unit):
        yield f"intervals hold, of {run.judged:,}", intervals


def _confusion(outcomes: Outcomes, console: Console) -> None:
    """Print how often each label was predicted for each true one, and what could not be judged."""
    matrix = outcomes.confusion(_LABELS)
    if matrix is None:
        return
    table = Table(title="True labels, and what was predicted", title_justify="left")
    table.add_column("true")
    for label in matrix.predicted:
        table.add_column(escape(label), justify="right")
    for label, counts in matrix.rows:
        table.add_row(escape(label), *(f"{one:,}" for one in counts))
    console.print(table)
    for line in outcomes.notes():
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _reasons(tally: Tally, console: Console) -> None:
    table = Table(title="Quarantined, and why", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("code")
    table.add_column("reason")
    told = tally.reasons.most_common(_REASONS)
    for (code, message), count in told:
        table.add_row(f"{count:,}", code, escape(message))
    if len(tally.reasons) > len(told):
        rest = tally.reasons.total() - sum(count for _, count in told)
        table.add_row(f"{rest:,}", "…", f"{len(tally.reasons) - len(told):,} more reasons")
    console.print(table)


def _undated(done: Done) -> str:
    run = done.run
    name = done.tally.layout.time_name
    told = (
        f"{run.undated:,} rows have no {name} that can be read, so they belong to no interval and each run "
        "tells of them again. Write it as 2021-02-01 08:15:00, in the table or a view of it (TABLE=)"
    )
    return f"{told}. Nothing was scored, so {run.what} is not recorded as done" if run.unscored else told


def _missed(run: Run) -> str:
    end = run.interval.end if run.interval else run.finished_at
    since = run.missed_since or end
    days = (end.date() - since.date()).days + 1
    return (
        f"{run.missed:,} rows were entered too late for LOOKBACK= and have no prediction, the oldest of "
        f"{since:%Y-%m-%d}; LOOKBACK={days}d scores them too"
    )


def _made(options: Options, ours: Layout, local: Path, console: Console) -> tuple[str, str | None]:
    url, table = demo_of(ours.task).table(local)
    console.print(f"EVENTS= names none: made-up events are in {url}", highlight=False, soft_wrap=True)
    return url, options.table or table


def demo_of(task: Task[Any]) -> Any:
    """Return the module that makes events for a job that is given none. Raises BatchError: there is none."""
    if task.demo is None:
        who = f"the model {task.name}" if task.from_signature else f"TASK={task.name}"
        raise BatchError(
            f"{who} makes no events by itself; give EVENTS=, a database URL (with TABLE=) or parquet files"
        )
    return importlib.import_module(task.demo)


def _report(path: Path | None, done: Done, console: Console) -> None:
    if path is None or not done.run.read:
        return
    from threeways.batch import report

    report.write(path, done)
    console.print(f"Report: {path}", highlight=False, soft_wrap=True)
