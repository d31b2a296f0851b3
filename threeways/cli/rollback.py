"""`threeways rollback`: back to a deployment before."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.deployment import NoEvent, Region, Stack, Yes, telling_interruption, tools
from threeways.cli.prompts import agreed


def rollback(
    stack: Stack = None,
    region: Region = None,
    to: Annotated[str | None, typer.Option(help="A deployment's id; default: the one before.")] = None,
    no_event: NoEvent = False,
    yes: Yes = False,
) -> None:
    """Go back to the deployment before, at once: its template, image, model and parameters."""
    from threeways.ops.deploy.changes import Options
    from threeways.ops.deploy.rollback import rollback as run_rollback

    console = Console(highlight=False)
    with telling_interruption():
        run_rollback(
            Options(stack, region, to=to, yes=yes, event=not no_event), tools(console), console, agreed
        )
