"""The command line: `threeways …`, or `python -m threeways …`, which the Makefile's targets call.

A module a command. What a command needs beside its options is imported when it runs: `--help` stays quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from threeways import __version__
from threeways.cli import errors
from threeways.cli.batch import batch
from threeways.cli.check import check
from threeways.cli.compare import compare
from threeways.cli.demote import demote
from threeways.cli.deploy import deploy
from threeways.cli.destroy import destroy
from threeways.cli.digest import digest
from threeways.cli.doctor import doctor
from threeways.cli.export import export
from threeways.cli.image import image
from threeways.cli.import_ import import_
from threeways.cli.integration_test import integration_test
from threeways.cli.invoke import invoke
from threeways.cli.monitor import monitor
from threeways.cli.plan import plan
from threeways.cli.promote import promote
from threeways.cli.quarantine import quarantine
from threeways.cli.recalibrate import recalibrate
from threeways.cli.replay import replay
from threeways.cli.retrain import retrain
from threeways.cli.review import review
from threeways.cli.rollback import rollback
from threeways.cli.run import run
from threeways.cli.start_lambda import start_lambda
from threeways.cli.torture import torture
from threeways.cli.train import train
from threeways.cli.watch import watch
from threeways.cli.web import web

COMMANDS = {
    "On this machine": (run, watch, web, batch, torture),
    "A model's life": (train, retrain, compare, promote, demote, recalibrate, monitor),
    "A model's artifact": (check, digest, export, import_),
    "What was given up": (quarantine, replay),
    "What is left to people": (review,),
    "AWS": (plan, doctor, deploy, rollback, destroy),
    "The image, with Docker": (image, invoke, start_lambda, integration_test),
}
"""The commands by what they are about, as `--help` shows them."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(command.__name__.strip("_").replace("_", "-"), rich_help_panel=panel)(command)


def main() -> NoReturn:
    """Run a command.

    Exit status: 0 done, 1 failed or lost, 2 bad input or settings, 3 done with too many in quarantine, 130
    interrupted.
    """
    if (
        str(Path.cwd()) not in sys.path
    ):  # a task of the user's own may lie there; `python -m` looks there itself
        sys.path.append(str(Path.cwd()))
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
