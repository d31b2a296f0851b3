"""`threeways recalibrate`: fit the intervals of the model that serves to the newest labels."""

from __future__ import annotations

import msgspec
from rich.console import Console

from threeways.cli.deployment import Yes
from threeways.cli.event_options import Actual, EventId
from threeways.cli.pointer_options import Because, By, Pointer, Window, agree, place_of, show, user, window_of
from threeways.errors import UsageError
from threeways.settings import Settings, from_environment, refuse


def recalibrate(
    pointer: Pointer = None,
    events: Window = None,
    actual: Actual = None,
    event_id: EventId = None,
    by: By = "",
    because: Because = None,
    yes: Yes = False,
) -> None:
    """Fit the serving model's intervals to the newest labels, without retraining, if they cover better."""
    from threeways.ops import recalibrate as recalibrating

    console, settings = Console(highlight=False, soft_wrap=True), from_environment(Settings)
    named = msgspec.structs.replace(settings, task=None, event_id=None)
    refuse(named, "the pointer says which model is recalibrated")
    place = place_of(pointer, settings)
    if not events:
        raise UsageError("say which labels are the newest: EVENTS=march.parquet, and ACTUAL= its column")
    window = window_of(console, events, actual, event_id)
    agree(console, place, "newer intervals are to serve", yes=yes)
    done = recalibrating.recalibrate(place, window, by or user(), because, settings)
    console.print(f"Coverage: {done.found}", markup=False)
    show(console, place, done.change, "the model is the same, and so is the registry's alias")
