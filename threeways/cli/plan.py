"""`threeways plan`: size a deployment."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs
from rich.console import Console

from threeways.errors import UsageError
from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment


def plan(
    rate: Annotated[float | None, typer.Option(help="Events a second.")] = None,
    shards: Annotated[int | None, typer.Option(help="Of each stream; default: what it takes.")] = None,
    memory: Annotated[int | None, typer.Option(help="The function's, in MB; default: what it takes.")] = None,
    consumers: Annotated[
        str | None, typer.Option(help="Several consumers of the input stream, by their tasks.")
    ] = None,
    arch: Annotated[str, typer.Option(help="x86_64 or arm64.")] = "x86_64",
) -> None:
    """Tell what a deployment needs and costs at a rate and at twice of it, and what breaks first."""
    from threeways.local_run.model_choice import refuse
    from threeways.ops.capacity import measurements, prices, readers, sizing
    from threeways.ops.capacity.record_sizes import sizes_of
    from threeways.ops.capacity.report import print_plan
    from threeways.scoring import tasks

    settings = from_environment(Settings)
    names = readers.names_of(consumers) if consumers is not None else []
    if names and settings.task:
        raise UsageError("TASK= and CONSUMERS= both say what is predicted: give one of them")
    task, *_ = [tasks.find(name) for name in names or [settings.task or DEFAULT_TASK]]
    refuse(
        structs.replace(settings, task=Settings().task),
        "the plan reckons with what `make bench` measured, of its own model",
    )
    if rate is None:
        raise UsageError(
            "say how many events a second: RATE=10000 (and SHARDS=, MEMORY= if they are settled)"
        )
    request = sizing.Request(rate, sizes_of(task), shards, memory)
    sized, dollars, console = sizing.plan(request, measurements.find(LOCAL)), prices.read(), Console()
    if arch not in dollars.function.gb_second:
        known = " or ".join(dollars.function.gb_second)
        raise UsageError(f"ARCH={arch} is not an architecture of Lambda: give {known}")
    print_plan(sized, dollars, arch, console, names)
    console.print(
        f"Model: the one that `make bench` measured, with events as TASK={task.name} has them",
        highlight=False,
        soft_wrap=True,
    )
