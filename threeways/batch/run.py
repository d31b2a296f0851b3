"""`make batch`: what the user names, put together; and what a person reads at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from threeways import disk
from threeways.batch import demo
from threeways.batch.chunk import Source
from threeways.batch.job import Asked, Done
from threeways.batch.job import run as run_job
from threeways.batch.record import Run, tell
from threeways.batch.sink import Sink
from threeways.batch.tally import Tally
from threeways.errors import BatchError
from threeways.scoring.service import ModelService

TOLERATED = 0.05
"""The share of rows in quarantine above which a run is not a good one; the stack's alarm has the same."""
_REASONS = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    rides: a database URL, or parquet files; None makes a database. table: of rides. predictions: a database
    URL, a folder or `s3://bucket/prefix`. report: the HTML file to write. tolerate: a share from 0 to 1.
    """

    rides: str | None = None
    table: str = "rides"
    predictions: str | None = None
    report: Path | None = None
    tolerate: float = TOLERATED
    asked: Asked = field(default_factory=Asked)


def run(
    options: Options, find_service: Callable[[], ModelService[Any]], console: Console, local: Path
) -> bool:
    """Run the job once; writes `last-batch.json` in the folder `local`. Whether few enough rows were bad.

    Raises UsageError or ModelFailed; then no prediction has changed.
    """
    rides = options.rides or _made(local, console)
    place = options.predictions or f"sqlite:///{local / 'predictions.db'}"
    with opened_source(rides, options.table, console) as source, opened_sink(place) as sink:
        done = run_job(options.asked, source, sink, find_service, console)
    good = done.run.good(options.tolerate)
    show(done, console, place, good=good)
    with _all_but():
        tell(local / "last-batch.json", done.run)
        _report(options.report, done, console)
    return good


@contextmanager
def _all_but() -> Iterator[None]:
    """A disk's faults as errors that say what the run has kept."""
    try:
        yield
    except OSError as error:
        fault = disk.fault_of(error) or BatchError(f"{error}; name another file")
        raise type(fault)(f"the predictions are there, but not all that tells of them: {fault}") from None


def opened_source(rides: str, table: str, console: Console) -> AbstractContextManager[Source]:
    """The source that `rides` names. Raises DataError once it is entered."""
    if is_database(rides):
        from threeways.batch import database

        return database.opened(rides, table)
    from threeways.batch import parquet

    return parquet.opened(rides, lambda line: console.print(line, highlight=False, markup=False))


def opened_sink(place: str) -> AbstractContextManager[Sink]:
    """The sink that `place` names. Raises BatchError once it is entered."""
    if is_database(place):
        from threeways.batch import predictions_database

        return predictions_database.opened(place)
    from threeways.batch import predictions_parquet

    return predictions_parquet.opened(place)


def is_database(text: str) -> bool:
    """Whether it is a database's URL; what else there is, are paths, `s3://` and `https://`."""
    scheme, found, _ = text.partition(":")
    others = {"s3", "s3a", "s3n", "http", "https", "file"}
    return bool(found) and scheme.split("+")[0].lower() not in others and "/" not in scheme


def show(done: Done, console: Console, place: str, *, good: bool) -> None:
    """The summary: how many, how fast, what is in quarantine and why, and where everything is."""
    run, tally = done.run, done.tally
    if tally.reasons:
        _reasons(tally, console)
    if run.undated:
        console.print(_undated(run), highlight=False, soft_wrap=True)
    if run.missed:
        console.print(_missed(run), highlight=False, soft_wrap=True)
    if not run.within:
        console.print(
            f"No rides from {run.interval}. FROM=2021-02-01 TO=2021-03-01 scores an interval again."
        )
        return
    table = Table(title=f"Batch: {run.interval}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("read", f"{run.read:,}")
    if run.late:
        table.add_row("entered late", f"{run.late:,}")
    table.add_row("scored", f"{run.scored:,}")
    table.add_row("quarantined", f"{run.quarantined:,}", style="" if good else "bold red")
    for flag, count in tally.flags.items():
        table.add_row(f"flagged {flag}", f"{count:,}")
    if run.mae is not None and run.rmse is not None:
        table.add_row(f"error over {run.judged:,} rides", f"MAE {run.mae:.3f}, RMSE {run.rmse:.3f} min")
    table.add_row("rows a second", f"{run.rows_per_s:,.0f}")
    console.print(table)
    console.print(f"Predictions and quarantine: {_without_password(place)}", highlight=False, soft_wrap=True)


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


def _undated(run: Run) -> str:
    told = (
        f"{run.undated:,} rows have no pickup_datetime that can be read, so they belong to no interval and "
        "each run tells of them again. Write it as 2021-02-01 08:15:00, in the table or a view of it (TABLE=)"
    )
    return f"{told}. Nothing was scored, so {run.interval} is not recorded as done" if run.unscored else told


def _missed(run: Run) -> str:
    since = run.missed_since or run.interval.end
    days = (run.interval.end.date() - since.date()).days + 1
    return (
        f"{run.missed:,} rows were entered too late for LOOKBACK= and have no prediction, the oldest of "
        f"{since:%Y-%m-%d}; LOOKBACK={days}d scores them too"
    )


def _without_password(place: str) -> str:
    if not is_database(place):
        return place
    import sqlalchemy as sa

    return sa.make_url(place).render_as_string(hide_password=True)


def _made(local: Path, console: Console) -> str:
    path = demo.database(local / "rides.db")
    console.print(
        f"RIDES= names no database: a month of the synthetic city is in {path}",
        highlight=False,
        soft_wrap=True,
    )
    return f"sqlite:///{path}"


def _report(path: Path | None, done: Done, console: Console) -> None:
    if path is None or not done.run.read:
        return
    from threeways.batch import report

    report.write(path, done)
    console.print(f"Report: {path}", highlight=False, soft_wrap=True)
