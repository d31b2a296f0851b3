"""`threeways retrain`: a challenger out of the newest labelled events, judged against the champion."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment


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
) -> None:
    """Train a challenger, judge it against the champion on events that neither has learnt from."""
    from threeways.local_run.model_choice import choose, names_model
    from threeways.training.retrain.command import Options
    from threeways.training.retrain.command import retrain as retrain_model

    console, settings = Console(), from_environment(Settings)
    champion = choose(settings, console, LOCAL) if names_model(settings) else None
    options = Options(data, holdout, window, half_life, because, settings)
    retrain_model(settings.task or DEFAULT_TASK, options, console=console, folder=LOCAL, champion=champion)
