"""`threeways deploy`: the stack into an AWS account."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.deployment import NoEvent, Region, Stack, Yes, telling_interruption, tools
from threeways.cli.prompts import agreed, answered
from threeways.settings import LOCAL


def deploy(
    stack: Stack = None,
    region: Region = None,
    model: Annotated[
        str | None, typer.Option(help="models:/name@alias, a folder or s3://…; default: the registered one.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="The model's digest as you know it, which a pickle needs.")
    ] = None,
    parameters: Annotated[str, typer.Option(help="Name=value, with spaces between several.")] = "",
    image: Annotated[str | None, typer.Option(help="One that is built; default: build it.")] = None,
    repository: Annotated[
        str | None, typer.Option(help="An ECR repository's URI; default: the stack's own.")
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The new version takes over in one step.")
    ] = False,
    events_from: Annotated[
        str | None, typer.Option(help="A stack whose input stream is read, too: this is a further consumer.")
    ] = None,
    join: Annotated[
        str | None, typer.Option(help="A join, instead of a model: its short name or its module.")
    ] = None,
    verdicts_from: Annotated[
        str | None, typer.Option(help="A stack or stream whose predictions are a join's verdicts.")
    ] = None,
    follow: Annotated[
        str | None, typer.Option(help="The pointer of the model that serves, s3://bucket/champion.json.")
    ] = None,
    no_event: NoEvent = False,
    yes: Yes = False,
) -> None:
    """Deploy the stack of a model or of a join, and send an event through."""
    from threeways.ops.deploy.changes import Options
    from threeways.ops.deploy.deploy import deploy as run_deploy

    console = Console(highlight=False)
    options = Options(
        stack,
        region,
        model,
        sha256,
        parameters,
        image,
        repository,
        at_once=at_once,
        yes=yes,
        event=not no_event,
        events_from=events_from,
        join=join,
        verdicts_from=verdicts_from,
        follow=follow,
    )
    with telling_interruption():
        run_deploy(options, tools(console), console, LOCAL, answered if sys.stdin.isatty() else None, agreed)
