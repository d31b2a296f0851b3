"""`threeways run`: events through the whole streaming pipeline, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.event_options import Actual, EventId, Events, Tolerate, end, end_all
from threeways.settings import LOCAL, Settings, from_environment


def run(
    n: Annotated[int, typer.Option(min=0, help="How many events; 0: all of the file.")] = 20_000,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Events a second; default: as fast as it goes.")
    ] = None,
    events: Events = None,
    actual: Actual = None,
    event_id: EventId = None,
    shards: Annotated[int | None, typer.Option(min=1, max=64, help="Shards of each stream.")] = None,
    poison: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the events replaced by broken records.")
    ] = 0.005,
    tolerate: Tolerate = 0.05,
    consumers: Annotated[
        str | None, typer.Option(help="Tasks on one input stream, each a consumer: 'one another'.")
    ] = None,
) -> None:
    """Events in, predictions out: the whole streaming pipeline on this machine, with a ledger at its end."""
    from threeways.local_run import consumers as many
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.model_choice import choose
    from threeways.local_run.pipeline import Options
    from threeways.local_run.pipeline import run as run_pipeline

    console, settings = Console(), from_environment(Settings)
    named = many.named(consumers, settings) if consumers and consumers.strip(" ,") else []
    if len(named) == 1:
        settings = named[0].settings
    options = Options(events, n, rate, shards, poison, tolerate, settings, ColumnNames(actual, event_id))
    if len(named) > 1:
        end_all(*many.run(options, named, lambda own: choose(own, console, LOCAL), console, LOCAL), tolerate)
        return
    ledger = run_pipeline(options, lambda: choose(settings, console, LOCAL), console, LOCAL)
    end(ledger, tolerate)
