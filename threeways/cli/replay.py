"""`threeways replay`: score again what was given up."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.errors import FAILED, INTERRUPTED
from threeways.cli.prompts import agreed
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment


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
