"""What `deploy`, `rollback` and `destroy` share: the options that say where, and how an interruption ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from threeways.cli.errors import INTERRUPTED
from threeways.settings import LOCAL

if TYPE_CHECKING:
    from rich.console import Console

    from threeways.ops.deploy.docker_and_sam import DockerAndSam

Stack = Annotated[str | None, typer.Option(help="The stack's name; default: samconfig.toml's.")]
Region = Annotated[str | None, typer.Option(help="Default: samconfig.toml's, else the environment's.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
NoEvent = Annotated[bool, typer.Option("--no-event", "--no-ride", help="Send no event through afterwards.")]


@contextmanager
def telling_interruption() -> Iterator[None]:
    """End by Ctrl-C with the warning that CloudFormation goes on, and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            "interrupted: what CloudFormation has begun it goes on with; look before you deploy again",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def tools(console: Console) -> DockerAndSam:
    """Docker and SAM CLI, with a folder for what they read."""
    from threeways.ops.deploy.docker_and_sam import DockerAndSam

    return DockerAndSam(LOCAL / "deploy", console)
