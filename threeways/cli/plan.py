"""`threeways plan`: size a deployment."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs
from rich.console import Console

from threeways.settings import LOCAL, Settings, from_environment


def plan(
    rate: Annotated[float | None, typer.Option(help="Events a second.")] = None,
    shards: Annotated[int | None, typer.Option(help="Of each stream; default: what it takes.")] = None,
    memory: Annotated[int | None, typer.Option(help="The function's, in MB; default: what it takes.")] = None,
    arch: Annotated[str, typer.Option(help="x86_64 or arm64.")] = "x86_64",
) -> None:
    """Tell what a deployment needs and costs at a rate and at twice of it, and what breaks first."""
    from threeways.local_run.model_choice import refuse
    from threeways.ops.capacity.command import show
    from threeways.scoring import tasks

    settings = from_environment(Settings)
    task = tasks.find(settings.task)
    refuse(
        structs.replace(settings, task=Settings().task),
        "the plan reckons with what `make bench` measured, of its own model",
    )
    console = Console()
    show(rate, shards, memory, arch, console, LOCAL, task)
    console.print(
        f"Model: the one that `make bench` measured, with events as TASK={task.name} has them",
        highlight=False,
        soft_wrap=True,
    )
