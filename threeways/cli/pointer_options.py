"""What `promote`, `demote` and `recalibrate` share: options, the question before, what is told after."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from threeways.cli.prompts import agreed
from threeways.errors import UsageError
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.lifecycle.promotion import Change
    from threeways.scoring.events import Events
    from threeways.scoring.task import Task

Pointer = Annotated[
    str | None, typer.Option("--pointer", "--follow", help="The pointer, s3://bucket/champion.json.")
]
By = Annotated[str, typer.Option(help="Your name; the pointer keeps it. Default: the system's.")]
Because = Annotated[str | None, typer.Option(help="Why; the pointer keeps it.")]
Window = Annotated[
    str | None,
    typer.Option("--events", "--data", help="The newest labelled window: parquet, JSON lines or CSV."),
]
Alias = Annotated[str, typer.Option("--to", help="The registry's alias, which moves along.")]


def place_of(pointer: str | None, settings: Settings) -> str:
    """Return the pointer that is named, or that FOLLOW names. Raises UsageError or SettingsError."""
    from threeways.lifecycle import pointer as pointers

    place = pointer or settings.follow
    if not place:
        raise UsageError("say which pointer: POINTER=s3://bucket/champion.json, as the function's FOLLOW")
    return str(pointers.place_of(place))


def window_of(
    console: Console, events: str | None, actual: str | None, event_id: str | None
) -> Callable[[Task[Any]], Events]:
    """Return what reads the labelled window for a task, and says how far it is."""
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.events import Source, load

    tell = partial(console.print, markup=False)
    return lambda task: load(Source(events, 0, ColumnNames(actual, event_id)), task, tell)


def user() -> str:
    """Return who the system says that it is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def agree(console: Console, place: str, what: str, *, yes: bool) -> None:
    """Say what is touched, and ask before it is a real account's. Raises UsageError where that is refused."""
    from threeways.ops import account

    s3 = account.client("s3")
    console.print(f"This touches {account.whose(s3)}: {place}, {what} wherever it is followed", markup=False)
    if account.is_real(s3) and not yes and not agreed("Go on?"):
        raise UsageError("nothing was touched")


def show(console: Console, place: str, change: Change, alias: str) -> None:
    """Tell what the pointer names now, and what became of the alias."""
    before = f", before it {change.before}" if change.before else ", the first one"
    console.print(f"{place} names {change.pointer}{before}. Because: {change.pointer.because}", markup=False)
    back = f" Back: make demote POINTER={place}" if change.pointer.previous else ""
    console.print(f"{alias[0].upper()}{alias[1:]}.{back}", markup=False)
