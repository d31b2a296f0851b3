"""`threeways integration-test`: test the image as it is deployed."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.console import Console

from threeways.cli.errors import FAILED
from threeways.cli.prompts import agreed


def integration_test(
    emulator: Annotated[str, typer.Option(help="moto, localstack or aws.")] = "moto",
    target: Annotated[
        Literal["function", "fast", "frame"], typer.Option(help="The image to build, without --image.")
    ] = "function",
    image: Annotated[str | None, typer.Option(help="One that is built.")] = None,
    function: Annotated[
        str | None, typer.Option(help="A deployed function or alias, for the emulator aws.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a real account is touched.")] = False,
) -> None:
    """Send events through the image, and compare every prediction. Needs the project's checkout."""
    from threeways.integration.suite import run

    confirmed = (lambda _: True) if yes else agreed
    if not run(emulator, image, target, function, Console(), confirmed):
        raise typer.Exit(FAILED)
