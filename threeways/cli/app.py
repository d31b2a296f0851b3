"""The command line: `python -m threeways …`, which the Makefile's targets call."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from threeways import __version__
from threeways.cli import errors
from threeways.cli.artifacts import check, digest, export
from threeways.cli.errors import FAILED, INTERRUPTED, TOO_MANY_BAD, agreed
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment, inherited_environment

if TYPE_CHECKING:
    from threeways.local_run.ledger import Ledger
    from threeways.scoring.service import ModelService


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Tolerate = Annotated[
    float,
    typer.Option(min=0, max=1, help="Exit status 3 if a greater share of sound rides is given up."),
]


def main() -> NoReturn:
    """Run a command.

    Exit status: 0 done, 1 failed or lost, 2 bad input or settings, 3 done with too many in quarantine, 130
    interrupted.
    """
    sys.exit(errors.run(app))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"three-ways {__version__}")
        raise typer.Exit


@app.callback(help="One model, three ways.")
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Take what comes before a command."""


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
    tolerate: Tolerate = 0.05,
) -> None:
    """Rides in, predictions out: the whole streaming pipeline on this machine, with a ledger at its end."""
    from threeways.local_run.model_choice import choose
    from threeways.local_run.run import Options
    from threeways.local_run.run import run as run_pipeline

    console, settings = Console(), from_environment(Settings)
    options = Options(rides, n, rate, shards, poison, tolerate, settings)
    ledger = run_pipeline(options, lambda: choose(settings, console, LOCAL), console, LOCAL)
    _end(ledger, tolerate)


@app.command()
def torture(
    n: Annotated[int, typer.Option(min=1, help="How many rides.")] = 100_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the schedule; default: a new one.")] = None,
    faults: Annotated[str | None, typer.Option(help="name=chance,…; `help` lists them.")] = None,
    tolerate: Tolerate = 0.05,
) -> None:
    """The whole pipeline under throttles, resets, silence, kills and resharding, with a ledger at its end."""
    from threeways.chaos.schedule import parse
    from threeways.chaos.torture import Options
    from threeways.chaos.torture import torture as run_torture
    from threeways.local_run.model_choice import choose

    console, settings = Console(), from_environment(Settings)
    options = Options(parse(faults), n, seed, tolerate, settings)
    ledger = run_torture(options, lambda: choose(settings, console, LOCAL), console, LOCAL)
    _end(ledger, tolerate)


def _end(ledger: Ledger, tolerate: float) -> None:
    """End with the exit status that a run's ledger says."""
    if ledger.failed:
        raise typer.Exit(FAILED)
    if ledger.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ledger.share_given_up > tolerate:
        raise typer.Exit(TOO_MANY_BAD)


@app.command()
def web(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Default: WEB_PORT, else 8080; 0: a free one.")
    ] = None,
) -> None:
    """The web service with the registered model, or MODEL_LOCATION's, on 127.0.0.1, until Ctrl-C."""
    from threeways.local_run.model_choice import choose, resolved

    settings = from_environment(Settings)
    served = resolved(settings, choose(settings, Console(), LOCAL))
    given = {
        "MODEL_LOCATION": str(served.model_location),
        "MODEL_SHA256": str(served.model_sha256),
        "RUN_ID": str(served.run_id),
    }
    if port is not None:
        given["WEB_PORT"] = str(port)
    # The service takes this process's place: what runs is what a container runs, and Ctrl-C is its alone.
    service = str(Path(__file__).resolve().parents[2] / "web_service.py")
    os.execve(sys.executable, [sys.executable, service], inherited_environment() | given)  # noqa: S606 - ours


@app.command()
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


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="TLC parquet: paths, globs, https:// or s3://.")] = None,
    validation: Annotated[str | None, typer.Option(help="The same, to test on.")] = None,
) -> None:
    """Train the model, track it in MLflow and register it."""
    from threeways.training.registry import TASK
    from threeways.training.train import train as train_model

    task = from_environment(Settings).task
    if task != TASK:
        raise UsageError(f"TASK={task} cannot be honoured: models are trained for {TASK} only; unset TASK")

    train_model(data, validation, console=Console(), folder=LOCAL)


@app.command()
def replay(
    location: Annotated[
        str | None, typer.Option("--from", help="A folder, s3://bucket/prefix or an SQS queue's URL.")
    ] = None,
    function: Annotated[
        str | None, typer.Option(help="A deployed function; default: the template's, on this machine.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a real account is touched.")] = False,
) -> None:
    """Score again what is in quarantine or at a failure destination, with a ledger at its end."""
    from threeways.local_run.model_choice import choose, refuse
    from threeways.local_run.replay_target import local_target
    from threeways.ops.locations import FORMS
    from threeways.ops.replay.replay import Options
    from threeways.ops.replay.replay import replay as run_replay

    if not location:
        raise UsageError(f"say what to replay, FROM=…: {FORMS}")
    console, settings = Console(), from_environment(Settings)
    if function:
        refuse(settings, f"the deployed function {function} has a model and a task of its own")
    ledger = run_replay(
        Options(location, function, yes),
        lambda folder: local_target(
            folder, lambda: choose(settings, console, LOCAL), console, LOCAL, settings
        ),
        console,
        LOCAL,
        agreed,
    )
    if ledger.interrupted and not ledger.lost:
        raise typer.Exit(INTERRUPTED)
    if not ledger.complete:
        raise typer.Exit(FAILED)


@app.command()
def quarantine(
    location: Annotated[str, typer.Argument(help="A folder or s3://bucket/prefix.")],
    show: Annotated[str | None, typer.Option(help="Show the record with this source_event_id.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write all entries to this file, as JSON lines.")
    ] = None,
) -> None:
    """What is in quarantine: by reason and by time, one record, or all of it to a file."""
    from threeways.ops.quarantine import Reader

    reader = Reader(location, Console())
    if show:
        reader.show(show)
    if export:
        reader.export(export)
    if not (show or export):
        reader.overview()


@app.command()
def plan(
    rate: Annotated[float | None, typer.Option(help="Rides a second.")] = None,
    shards: Annotated[int | None, typer.Option(help="Of each stream; default: what it takes.")] = None,
    memory: Annotated[int | None, typer.Option(help="The function's, in MB; default: what it takes.")] = None,
    arch: Annotated[str, typer.Option(help="x86_64 or arm64.")] = "x86_64",
) -> None:
    """What a deployment needs and costs at a rate, at twice of it, and what breaks first."""
    from threeways.local_run.model_choice import refuse
    from threeways.ops.capacity.command import show

    refuse(from_environment(Settings), "the plan reckons with what `make bench` measured, of its own model")
    console = Console()
    show(rate, shards, memory, arch, console, LOCAL)
    console.print("Model: the one that `make bench` measured, task ride_duration", highlight=False)


@app.command()
def doctor(
    template: Annotated[Path | None, typer.Option(help="A template; default: template.yaml.")] = None,
    stack: Annotated[str | None, typer.Option(help="A deployed stack, by name or ARN, instead.")] = None,
    rate: Annotated[int, typer.Option(min=0, help="Records a second that its streams must carry.")] = 0,
    record_bytes: Annotated[int, typer.Option(min=1, help="How large those records are.")] = 1000,
    key_rate: Annotated[int, typer.Option(min=0, help="Records a second of the key that has most.")] = 0,
) -> None:
    """What will bite a consumer of Kinesis, in a template or a deployed stack. Exit status 1 if anything."""
    from threeways.ops import account as aws
    from threeways.ops.doctor.check import examine, read_template, tell
    from threeways.ops.doctor.deployed import fetch

    if template and stack:
        raise UsageError("name a TEMPLATE or a STACK, not both")
    console = Console(soft_wrap=True)
    if stack:
        console.print(f"Reading {stack} from {aws.whose(aws.client('cloudformation'))}", markup=False)
        name, text = stack, fetch(stack, aws.client)
    else:
        path = template or Path("template.yaml")
        name, text = str(path), read_template(path)
    findings = examine(text, name, rate=rate, record_bytes=record_bytes, key_rate=key_rate)
    tell(findings, name, console, lines=not stack)
    if findings:
        raise typer.Exit(FAILED)


app.command()(digest)
app.command()(check)
app.command()(export)
