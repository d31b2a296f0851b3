"""`threeways torture`: the same pipeline under faults."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.event_options import MOST, Actual, EventId, Events, Tolerate, end, end_all
from threeways.settings import LOCAL, Settings, from_environment


def torture(
    n: Annotated[int, typer.Option(min=1, max=MOST, help="How many events.")] = 100_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the schedule; default: a new one.")] = None,
    faults: Annotated[str | None, typer.Option(help="name=chance,…; `help` lists them.")] = None,
    tolerate: Tolerate = 0.05,
    events: Events = None,
    actual: Actual = None,
    event_id: EventId = None,
    consumers: Annotated[
        str | None, typer.Option(help="Tasks on one input stream, each a consumer: 'one another'.")
    ] = None,
) -> None:
    """Run the whole pipeline under throttles, resets, kills, silence and resharding; ends with a ledger."""
    from threeways.chaos.schedule import parse
    from threeways.chaos.torture import Options, torture_consumers
    from threeways.chaos.torture import torture as run_torture
    from threeways.local_run import consumers as many
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.model_choice import choose

    console, settings = Console(), from_environment(Settings)
    columns = ColumnNames(actual, event_id)
    named = many.named(consumers or "", settings)
    if len(named) == 1:
        settings = named[0].settings
    options = Options(
        plan=parse(faults, [one.name for one in named]),
        consumers=consumers or "",
        n=n,
        seed=seed,
        tolerate=tolerate,
        settings=settings,
        events=events,
        columns=columns,
    )
    if len(named) > 1:
        done = torture_consumers(options, named, lambda own: choose(own, console, LOCAL), console, LOCAL)
        end_all(*done, tolerate)
        return
    ledger = run_torture(options, lambda: choose(settings, console, LOCAL), console, LOCAL)
    end(ledger, tolerate)
