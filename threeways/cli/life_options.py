"""What `run` does for LIFE=1: what cannot go with it, and its exit status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from threeways.cli.errors import FAILED, INTERRUPTED
from threeways.errors import UsageError
from threeways.settings import LOCAL

if TYPE_CHECKING:
    from threeways.settings import Settings


def run(n: int | None, rate: float | None, given: Mapping[str, object], settings: Settings) -> None:
    """Run a model's life. given: the other variables, by name. Raises UsageError for what does not fit."""
    from threeways.local_run.life.pipeline import COUNT, LEAST, RATE, run_life
    from threeways.local_run.model_choice import choose

    named = [f"{name}=" for name, value in given.items() if value]
    if named:
        raise UsageError(
            f"LIFE=1 makes its own events and runs a consumer and its shadow: leave out {', '.join(named)}"
        )
    if n is not None and n < LEAST:
        raise UsageError(f"LIFE=1 takes N={LEAST} events or more: fewer have too few labels after the change")
    console = Console()
    ledger, failed = run_life(
        settings, n or COUNT, rate or RATE, lambda: choose(settings, console, LOCAL), console, LOCAL
    )
    if ledger.interrupted and not ledger.lost:
        raise typer.Exit(INTERRUPTED)
    if ledger.failed or failed:
        raise typer.Exit(FAILED)
