"""`threeways invoke`: one event through the image, under SAM CLI."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.errors import FAILED


def invoke(
    event: Annotated[
        str, typer.Option(help="A recorded one (good, mixed, poison, empty, kpl), generated, or a JSON file.")
    ] = "mixed",
    image: Annotated[str, typer.Option(help="One that is built.")] = "three-ways",
) -> None:
    """Invoke the image with an event. Exit status 1 unless the answer is one that Lambda can use."""
    from threeways.local_run.invoke import invoke as run_invoke

    if not run_invoke(event, image, Console(), Console(stderr=True, highlight=False)):
        raise typer.Exit(FAILED)
