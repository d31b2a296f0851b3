"""The command line: `python -m threeways …`, which the Makefile's targets call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from threeways.errors import ThreewaysError, UsageError

LOCAL = Path(".local")
USAGE, FAILED = 2, 1

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="One model, three ways."
)


def main() -> NoReturn:
    """Run a command. Exit status: 0 done, 1 failed, 2 bad input or settings, 130 interrupted."""
    try:
        app(standalone_mode=True)
    except UsageError as error:
        _complain(str(error))
        sys.exit(USAGE)
    except ThreewaysError as error:
        _complain(str(error))
        sys.exit(FAILED)
    sys.exit(0)


@app.command()
def run(
    n: Annotated[int, typer.Option(min=0, help="How many rides; 0: all of the file.")] = 20_000,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Rides a second; default: as fast as it goes.")
    ] = None,
    rides: Annotated[
        str | None, typer.Option(help="Parquet files of real trips; default: a synthetic city.")
    ] = None,
    shards: Annotated[int | None, typer.Option(min=1, max=64, help="Shards of each stream.")] = None,
    poison: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the rides replaced by broken records.")
    ] = 0.005,
) -> None:
    """Rides in, predictions out: the whole streaming pipeline on this machine, with a ledger at its end."""
    from threeways.pipeline.run import Options
    from threeways.pipeline.run import run as run_pipeline
    from threeways.training.train import resolve_or_train

    console = Console()
    options = Options(rides=rides, n=n, rate=rate, shards=shards, poison=poison)
    ledger = run_pipeline(options, lambda: resolve_or_train(console=console, folder=LOCAL), console, LOCAL)
    if ledger.lost:
        raise typer.Exit(FAILED)


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="TLC parquet: paths, globs, https:// or s3://.")] = None,
    validation: Annotated[str | None, typer.Option(help="The same, to test on.")] = None,
) -> None:
    """Train the model, track it in MLflow and register it."""
    from threeways.training.train import train as train_model

    train_model(data, validation, console=Console(), folder=LOCAL)


@app.command()
def digest(
    model: Annotated[str | None, typer.Argument(help="A folder or s3://bucket/prefix.")] = None,
) -> None:
    """Print the SHA-256 of a model artifact, as MODEL_SHA256 pins it; default: the registered model's."""
    from threeways import artifact
    from threeways.training.train import resolve_or_train

    if model:
        folder = artifact.fetch(model)
    else:
        folder = resolve_or_train(console=Console(stderr=True), folder=LOCAL).folder
    typer.echo(artifact.digest(folder))


def _complain(message: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print("error:", message, markup=False)
