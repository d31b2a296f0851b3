"""`threeways promote` and `threeways demote`: which model serves wherever a pointer is followed."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from threeways.cli.deployment import Yes
from threeways.cli.event_options import Actual, EventId
from threeways.cli.prompts import agreed
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment, refuse

if TYPE_CHECKING:
    from threeways.lifecycle.gate import Comparison
    from threeways.lifecycle.promotion import Change

SHOWN = 5
"""Slices that are told, those first where the new model is worse."""

Pointer = Annotated[
    str | None, typer.Option("--pointer", "--follow", help="The pointer, s3://bucket/champion.json.")
]
By = Annotated[str, typer.Option(help="Your name; the pointer keeps it. Default: the system's.")]
Because = Annotated[str | None, typer.Option(help="Why; the pointer keeps it.")]
Alias = Annotated[str, typer.Option("--to", help="The registry's alias, which moves along.")]


def promote(
    model: Annotated[str | None, typer.Argument(help="models:/name/version, a folder or s3://….")] = None,
    pointer: Pointer = None,
    to: Alias = "champion",
    events: Annotated[
        str | None,
        typer.Option("--events", "--data", help="The newest labelled window: parquet, JSON lines or CSV."),
    ] = None,
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
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.events import Source, load
    from threeways.ops import promote as promoting

    console, settings = Console(highlight=False, soft_wrap=True), from_environment(Settings)
    if not model:
        raise UsageError("say which model: MODEL=models:/name/version, a folder or s3://bucket/prefix")
    refuse(_task_alone(settings), "MODEL=, SHA256= and TASK= say what is promoted")
    place = _place(pointer, settings)

    def window(task: Any) -> Any:
        tell = lambda line: console.print(line, markup=False)  # noqa: E731
        return load(Source(events, 0, ColumnNames(actual, event_id)), task, tell)

    _agree(console, place, f"{model} is to serve", yes=yes)
    done = promoting.promote(
        promoting.Request(
            model=model,
            pointer=place,
            by=by or _user(),
            because=because,
            alias=to,
            force=force,
            settings=Settings(task=settings.task, model_sha256=sha256 or settings.model_sha256),
        ),
        window if events else None,
        LOCAL,
    )
    if done.comparison is not None:
        _compared(console, done.comparison)
    for reason in done.forced:
        console.print(f"Overruled: {reason}", markup=False)
    _changed(console, place, done.change, done.alias)


def demote(
    pointer: Pointer = None,
    to: Alias = "champion",
    by: By = "",
    because: Because = None,
    yes: Yes = False,
) -> None:
    """Go back to the model that served before the last promotion, at once."""
    from threeways.ops import promote as promoting

    console, settings = Console(highlight=False, soft_wrap=True), from_environment(Settings)
    place = _place(pointer, settings)
    _agree(console, place, "the model before is to serve", yes=yes)
    _changed(console, place, *promoting.demote(place, by or _user(), because or "demoted", to, LOCAL))


def _place(pointer: str | None, settings: Settings) -> str:
    place = pointer or settings.follow
    if not place:
        raise UsageError("say which pointer: POINTER=s3://bucket/champion.json, as the function's FOLLOW")
    return place


def _task_alone(settings: Settings) -> Settings:
    return Settings(model_location=settings.model_location, model_bucket=settings.model_bucket)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _agree(console: Console, place: str, what: str, *, yes: bool) -> None:
    from threeways.ops import account

    s3 = account.client("s3")
    console.print(f"This touches {account.whose(s3)}: {place}, {what} wherever it is followed", markup=False)
    if account.is_real(s3) and not yes and not agreed("Go on?"):
        raise UsageError("nothing was touched")


def _compared(console: Console, found: Comparison) -> None:
    console.print(f"Compared: {found}", markup=False)
    for part in found.parts[:SHOWN]:
        sign = "worse" if part.worse else "better" if part.challenger < part.champion else "no better"
        console.print(
            f"  {part.name}: {found.measure} {part.challenger:.4g} against {part.champion:.4g} on "
            f"{part.events:,} events, {sign}",
            markup=False,
        )


def _changed(console: Console, place: str, change: Change, alias: str) -> None:
    before = f", before it {change.before}" if change.before else ", the first one"
    console.print(f"{place} names {change.pointer}{before}. Because: {change.pointer.because}", markup=False)
    console.print(f"{alias[0].upper()}{alias[1:]}. Back: make demote POINTER={place}", markup=False)
