"""`threeways batch`: the batch job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from threeways.cli.errors import TOO_MANY_BAD
from threeways.errors import UsageError
from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment

if TYPE_CHECKING:
    from threeways.scoring.service import ModelService


def batch(
    events: Annotated[
        str | None,
        typer.Option("--events", "--rides", help="A database URL, or parquet files; default: made up."),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table or view of events, in a database.")] = None,
    predictions: Annotated[
        str | None, typer.Option(help="A database URL, a folder or s3://bucket/prefix.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="The first time of events, by the task's clock.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The first time left out.")] = None,
    last: Annotated[
        str | None, typer.Option(help="The last whole minute, hour, day, week or month; or 10m, 6h, 2d.")
    ] = None,
    lookback: Annotated[
        str | None, typer.Option(help="How far back late rows are scored: 36h, 2d, 1w, 0; default: a day.")
    ] = None,
    same_source: Annotated[
        bool, typer.Option("--same-source", help="The events' place has moved, and its events are the same.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write a report for people to this HTML file.")] = None,
    tolerate: Annotated[
        float, typer.Option(min=0, max=1, help="Exit status 3 if a greater share is quarantined.")
    ] = 0.05,
    chunk: Annotated[int, typer.Option(min=1, max=5_000_000, help="Rows a predict.")] = 100_000,
    engine: Annotated[str, typer.Option(help="local, or spark (parquet to a folder).")] = "local",
    event_id: Annotated[str | None, typer.Option("--id", help="The column with the events' ids.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the events' time.")] = None,
    actual: Annotated[
        str | None,
        typer.Option(
            help="The column with what the prediction should have been; of several outputs one each."
        ),
    ] = None,
) -> None:
    """Score a table of events into one of predictions, by interval; default: all since the last success."""
    from threeways.batch.command import Options
    from threeways.batch.job import Asked
    from threeways.batch.layout import Naming
    from threeways.batch.model import service_of
    from threeways.local_run.model_choice import choose, names_model, resolved

    console, settings = Console(), from_environment(Settings)
    asked = Asked(start, end, last, chunk, lookback, same_source)
    naming = Naming(event_id, time, actual)
    task = settings.task or (None if names_model(settings) else DEFAULT_TASK)
    options = Options(events, table, predictions, report, tolerate, asked, task, naming)

    def find_model() -> tuple[Path, Settings]:
        model = choose(settings, console, LOCAL)
        return model.folder, resolved(settings, model)

    def find_service() -> ModelService[Any]:
        return service_of(*find_model(), naming)

    if engine == "spark":
        from threeways.batch.spark_run import run_spark

        good = run_spark(options, find_model, console, LOCAL)
    elif engine == "local":
        from threeways.batch.command import run as run_batch

        good = run_batch(options, find_service, console, LOCAL)
    else:
        raise UsageError(f"ENGINE={engine} is none; give local or spark")
    if not good:
        raise typer.Exit(TOO_MANY_BAD)
