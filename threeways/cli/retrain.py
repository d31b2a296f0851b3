"""`threeways retrain`: a challenger out of the newest labelled events, judged against the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from threeways.errors import PromotionRefused, UsageError
from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment

if TYPE_CHECKING:
    from threeways.training.retrain.report import Report


def retrain(
    data: Annotated[
        str | None,
        typer.Option(
            help="Labelled events to learn from: files of the task's system, or a database's URL; "
            "default: the system's own."
        ),
    ] = None,
    holdout: Annotated[
        str | None, typer.Option(help="Newer ones to judge on; default: the newest fifth of DATA=.")
    ] = None,
    window: Annotated[float, typer.Option(min=0.001, max=3650, help="Days of the newest window.")] = 31.0,
    half_life: Annotated[
        float,
        typer.Option(
            min=0.001, max=36500, help="Days after which an event weighs half, where all are taken."
        ),
    ] = 90.0,
    because: Annotated[str, typer.Option(help="Why, for the tags of the model's version.")] = "",
    promote: Annotated[
        bool,
        typer.Option("--promote", help="Have --pointer name it, where it stands and the gate lets it pass."),
    ] = False,
    pointer: Annotated[str | None, typer.Option(help="For --promote: s3://bucket/champion.json.")] = None,
) -> None:
    """Train a challenger, judge it against the champion on events that neither has learnt from."""
    from threeways.local_run.model_choice import choose, names_model
    from threeways.training.retrain.command import Options
    from threeways.training.retrain.command import retrain as retrain_model

    console, settings = Console(), from_environment(Settings)
    place = _place(pointer or settings.follow, holdout) if promote else ""
    champion = choose(settings, console, LOCAL) if names_model(settings) else None
    options = Options(data, holdout, window, half_life, because, settings)
    report = retrain_model(
        settings.task or DEFAULT_TASK, options, console=console, folder=LOCAL, champion=champion
    )
    if promote:
        _promote(report, place, str(holdout), console)


def _place(pointer: str | None, holdout: str | None) -> str:
    """Return the pointer that is to be written. Raises UsageError before anything is trained."""
    from threeways.lifecycle.pointer import place_of

    if not pointer:
        raise UsageError("--promote writes a pointer: name the object s3://bucket/champion.json, --pointer")
    place = str(place_of(pointer))
    if not holdout:
        raise UsageError("--promote holds the two models against each other once more: name --holdout files")
    return place


def _promote(report: Report, pointer: str, holdout: str, console: Console) -> None:
    """Promote a challenger that stands. Raises PromotionRefused."""
    from threeways.local_run.events import Source, load
    from threeways.ops import promote as promoting

    model, reasons = report.model.uri, "; ".join(report.verdict.reasons)
    if not report.stands:
        raise PromotionRefused(
            f"{model} is not promoted: {reasons}. Wait for further labels and retrain; a person may overrule "
            f"this: make promote MODEL={model} POINTER={pointer} FORCE=1 BECAUSE=…"
        )
    done = promoting.promote(
        promoting.Request(model=model, pointer=pointer, by="retrain", because=reasons),
        lambda task: load(Source(holdout), task, lambda line: console.out(line, highlight=False)),
        LOCAL,
    )
    console.out(f"{pointer} names {done.change.pointer}; {done.alias}", highlight=False)
