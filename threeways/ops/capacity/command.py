"""The command `python -m threeways plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from threeways.errors import UsageError
from threeways.ops.capacity import measurements, prices, sizing
from threeways.ops.capacity.prices import Architecture
from threeways.ops.capacity.record_sizes import sizes_of
from threeways.ops.capacity.report import print_plan
from threeways.scoring.task import Task

MAX_RATE = 1e9


def show(
    rate: float | None,
    shards: int | None,
    memory: int | None,
    architecture: str,
    console: Console,
    local: Path,
    task: Task[Any],
) -> None:
    """Plan and print the report. local: the folder of `make bench`'s figures. Raises UsageError.

    task: whose events are planned for.
    """
    if rate is None:
        raise UsageError(
            "say how many events a second: RATE=10000 (and SHARDS=, MEMORY= if they are settled)"
        )
    if not 0 < rate <= MAX_RATE:
        raise UsageError(f"RATE={rate:g} is no rate: give events a second, above 0 and up to {MAX_RATE:,.0f}")
    if shards is not None and shards < 1:
        raise UsageError(f"SHARDS={shards}: a stream has 1 shard or more")
    known = measurements.find(local)
    plan = sizing.plan(sizing.Asked(rate, sizes_of(task), shards, memory), known)
    print_plan(plan, prices.read(), _architecture(architecture), console)


def _architecture(name: str) -> Architecture:
    if name == "x86_64":
        return "x86_64"
    if name == "arm64":
        return "arm64"
    raise UsageError(f"ARCH={name} is not an architecture of Lambda: give x86_64 or arm64")
