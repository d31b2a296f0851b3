"""`threeways batch`: the batch job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from threeways.cli.errors import TOO_MANY_BAD
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment

if TYPE_CHECKING:
    from threeways.scoring.service import ModelService


def batch(
    rides: Annotated[
        str | None, typer.Option(help="A database URL, or parquet files; default: makes a database.")
    ] = None,
    table: Annotated[str, typer.Option(help="The table or view of rides, in a database.")] = "rides",
    predictions: Annotated[
        str | None, typer.Option(help="A database URL, a folder or s3://bucket/prefix.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="The first pickup, New York time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The first pickup left out.")] = None,
    last: Annotated[str | None, typer.Option(help="The last whole hour, day, week or month.")] = None,
    lookback: Annotated[
        str | None, typer.Option(help="How far back late rows are scored: 36h, 2d, 1w, 0; default: a day.")
    ] = None,
    same_source: Annotated[
        bool, typer.Option("--same-source", help="The rides' place has moved, and its rides are the same.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write a report for people to this HTML file.")] = None,
    tolerate: Annotated[
        float, typer.Option(min=0, max=1, help="Exit status 3 if a greater share is quarantined.")
    ] = 0.05,
    chunk: Annotated[int, typer.Option(min=1, max=5_000_000, help="Rows a predict.")] = 100_000,
    engine: Annotated[str, typer.Option(help="local, or spark (parquet to a folder).")] = "local",
) -> None:
    """A table of rides in, a table of predictions out, by interval; default: all since the last success."""
    from threeways.batch.job import Asked
    from threeways.batch.model import require_written, service_of
    from threeways.batch.run import Options
    from threeways.local_run.model_choice import choose, resolved

    console, settings = Console(), from_environment(Settings)
    require_written(settings.task)
    asked = Asked(start, end, last, chunk, lookback, same_source)
    options = Options(rides, table, predictions, report, tolerate, asked)

    def find_folder() -> Path:
        return choose(settings, console, LOCAL).folder

    def find_service() -> ModelService[Any]:
        model = choose(settings, console, LOCAL)
        return service_of(model.folder, resolved(settings, model))

    if engine == "spark":
        from threeways.batch.spark_run import run_spark

        good = run_spark(options, find_folder, console, LOCAL, settings)
    elif engine == "local":
        from threeways.batch.run import run as run_batch

        good = run_batch(options, find_service, console, LOCAL)
    else:
        raise UsageError(f"ENGINE={engine} is none; give local or spark")
    if not good:
        raise typer.Exit(TOO_MANY_BAD)
