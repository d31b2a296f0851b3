"""`threeways plan`: size a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs
from rich.console import Console

from threeways.errors import UsageError
from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment

if TYPE_CHECKING:
    from threeways.ops.capacity.prices import Prices
    from threeways.ops.capacity.record_sizes import Sizes


def plan(
    rate: Annotated[float | None, typer.Option(help="Events a second.")] = None,
    shards: Annotated[int | None, typer.Option(help="Of each stream; default: what it takes.")] = None,
    memory: Annotated[int | None, typer.Option(help="The function's, in MB; default: what it takes.")] = None,
    consumers: Annotated[
        str | None, typer.Option(help="Several consumers of the input stream, by their tasks.")
    ] = None,
    arch: Annotated[str, typer.Option(help="x86_64 or arm64.")] = "x86_64",
    join: Annotated[str | None, typer.Option(help="A join: RATE= is of its subjects.")] = None,
) -> None:
    """Tell what a deployment needs and costs at a rate and at twice of it, and what breaks first."""
    from threeways.ops.capacity import measurements, prices, readers, sizing
    from threeways.ops.capacity.report import print_plan

    settings = from_environment(Settings)
    if join is not None:
        _of_join(join, rate, memory, arch, settings, shards=shards, consumers=consumers)
        return
    names = readers.names_of(consumers) if consumers is not None else []
    for given, name in ((settings.task, "TASK="), (settings.model_location, "MODEL=")):
        if names and given:
            raise UsageError(f"{name} and CONSUMERS= both say what is predicted: give one of them")
    if rate is None:
        raise UsageError(
            "say how many events a second: RATE=10000 (and SHARDS=, MEMORY= if they are settled)"
        )
    console = Console()
    sizes, events = _sizes(settings, names, console)
    request = sizing.Request(rate, sizes, shards, memory)
    sized, dollars = sizing.plan(request, measurements.find(LOCAL)), prices.read()
    _require_arch(arch, dollars)
    if settings.model_location:
        console.print(
            "Seconds, memory and cold start below are those of the model that `make bench` measured, not of "
            "this one; its records' sizes are. Measure: the deployed function's Duration and Max Memory Used",
            style="bold yellow",
            highlight=False,
            soft_wrap=True,
        )
    print_plan(sized, dollars, arch, console, names)
    console.print(
        f"Model: the one that `make bench` measured, with events as {events} has them",
        highlight=False,
        soft_wrap=True,
    )


def _require_arch(arch: str, dollars: Prices) -> None:
    if arch not in dollars.function.gb_second:
        known = " or ".join(dollars.function.gb_second)
        raise UsageError(f"ARCH={arch} is not an architecture of Lambda: give {known}")


def _of_join(
    name: str, rate: float | None, memory: int | None, arch: str, settings: Settings, **of_models: object
) -> None:
    """Tell what a join needs. of_models: options that are for models alone."""
    from threeways.join import finding
    from threeways.ops.capacity import join_report, join_sizing, limits, prices

    of_models |= {"task": settings.task, "model": settings.model_location}
    given = [f"{option.upper()}=" for option, value in of_models.items() if value is not None]
    if given:
        raise UsageError(
            f"{' and '.join(given)} say what a model needs, and JOIN={name} has none: leave them out"
        )
    if rate is None:
        raise UsageError("say how many subjects a second: RATE=100")
    join_sizing.require_rate(rate)
    size = memory or 1024
    if not 256 <= size <= limits.MAX_MB:
        raise UsageError(f"MEMORY={size}: join.yaml takes 256 to {limits.MAX_MB:,} MB")
    dollars = prices.read()
    _require_arch(arch, dollars)
    join_report.print_plan(finding.find(name), rate, size, dollars, arch, Console(), name)


def _sizes(settings: Settings, names: Sequence[str], console: Console) -> tuple[Sizes, str]:
    """Return how large records are, and what has such ones: the first task of these, or the model's own."""
    from threeways import bootstrap
    from threeways.local_run import model_choice
    from threeways.ops.capacity.record_sizes import sizes_by, sizes_of
    from threeways.scoring import tasks

    if model_choice.names_model(settings):
        model = model_choice.choose(settings, console, LOCAL)
        return sizes_by(bootstrap.service_of(model.folder, model_choice.resolved(settings, model))), model.uri
    model_choice.refuse(
        structs.replace(settings, task=None), "the plan reckons with a task's events, or MODEL='s"
    )
    task, *_ = [tasks.find(name) for name in names or [settings.task or DEFAULT_TASK]]
    return sizes_of(task), f"TASK={task.name}"
