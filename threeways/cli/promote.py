"""`threeways promote`: have a model serve wherever a pointer is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from threeways.cli.deployment import Yes
from threeways.cli.event_options import Actual, EventId
from threeways.cli.pointer_options import (
    Alias,
    Because,
    By,
    Pointer,
    Window,
    agree,
    place_of,
    show,
    user,
    window_of,
)
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment, refuse

if TYPE_CHECKING:
    from threeways.lifecycle.gate import Comparison

SHOWN = 5
"""Slices that are told, those first where the new model is worse."""


def promote(
    model: Annotated[str | None, typer.Argument(help="models:/name/version, a folder or s3://….")] = None,
    pointer: Pointer = None,
    to: Alias = "champion",
    events: Window = None,
    actual: Actual = None,
    event_id: EventId = None,
    sha256: Annotated[
        str | None, typer.Option(help="The model's digest as you know it, which a pickle needs.")
    ] = None,
    by: By = "",
    because: Because = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote it although the gate refuses; BECAUSE is kept.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Have a model serve wherever the pointer is followed, if it is no worse than the one that does."""
    from threeways.ops import promote as promoting

    console, settings = Console(highlight=False, soft_wrap=True), from_environment(Settings)
    if not model:
        raise UsageError("say which model: MODEL=models:/name/version, a folder or s3://bucket/prefix")
    if actual and not events:
        raise UsageError(f"ACTUAL={actual} is a column of labelled events, and none are named: EVENTS=…")
    refuse(_task_alone(settings), "MODEL=, SHA256= and TASK= say what is promoted")
    place = place_of(pointer, settings)
    agree(console, place, f"{model} is to serve", yes=yes)
    done = promoting.promote(
        promoting.Request(
            model=model,
            pointer=place,
            by=by or user(),
            because=because,
            alias=to,
            force=force,
            settings=Settings(task=settings.task, model_sha256=sha256 or settings.model_sha256),
        ),
        window_of(console, events, actual, event_id) if events else None,
        LOCAL,
    )
    if done.comparison is not None:
        _compared(console, done.comparison)
    if done.alone is not None:
        console.print(f"No model serves yet to compare it with: {done.alone}", markup=False)
    for reason in done.forced:
        console.print(f"Overruled: {reason}", markup=False)
    show(console, place, done.change, done.alias)


def _task_alone(settings: Settings) -> Settings:
    return Settings(model_location=settings.model_location, model_bucket=settings.model_bucket)


def _compared(console: Console, found: Comparison) -> None:
    console.print(f"Compared: {found}", markup=False)
    for part in found.parts[:SHOWN]:
        sign = "worse" if part.worse else "better" if part.challenger < part.champion else "no better"
        console.print(
            f"  {part.name}: {found.measure} {part.challenger:.4g} against {part.champion:.4g} on "
            f"{part.events:,} events, {sign}",
            markup=False,
        )
