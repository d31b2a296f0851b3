"""`threeways torture`: the same pipeline under faults."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.errors import called_by_make, for_caller
from threeways.cli.event_options import MOST, Actual, EventId, Events, Tolerate, end, end_all
from threeways.cli.system_options import System, consumers_of, declared
from threeways.settings import LOCAL, Settings, from_environment

COUNT = 100_000
"""Events where neither N nor SYSTEM says how many."""


def torture(
    n: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="How many events. Default: 100,000, or the system's."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the schedule; default: a new one.")] = None,
    faults: Annotated[str | None, typer.Option(help="name=chance,…; `help` lists them.")] = None,
    tolerate: Tolerate = 0.05,
    events: Events = None,
    actual: Actual = None,
    event_id: EventId = None,
    system: System = None,
    consumers: Annotated[
        str | None, typer.Option(help="Tasks on one input stream, each a consumer: 'one another'.")
    ] = None,
) -> None:
    """Run the whole pipeline under throttles, resets, kills, silence and resharding; ends with a ledger."""
    from threeways.chaos.schedule import parse, usage
    from threeways.chaos.system_schedule import parse as parse_system
    from threeways.chaos.system_schedule import usage as usage_of_system
    from threeways.chaos.system_torture import Options as SystemOptions
    from threeways.chaos.system_torture import torture_system
    from threeways.chaos.torture import Options, torture_consumers
    from threeways.chaos.torture import torture as run_torture
    from threeways.local_run import consumers as many
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.model_choice import choose

    console, settings = Console(), from_environment(Settings)
    whole = declared(system, EVENTS=events, ACTUAL=actual, ID=event_id, CONSUMERS=consumers)
    if faults == "help":
        known = usage_of_system() if whole is not None and whole.join is not None else usage()
        typer.echo(for_caller(known, {"--faults": "FAULTS"}, by_make=called_by_make()))
        return
    if whole is not None and whole.join is not None:
        chosen = SystemOptions(
            plan=parse_system(faults), n=whole.count if n is None else n, seed=seed, tolerate=tolerate,
            settings=settings, name=str(system), system=whole,
        )  # fmt: skip
        end(torture_system(chosen, lambda own: choose(own, console, LOCAL), console, LOCAL), tolerate)
        return
    columns = ColumnNames(actual, event_id)
    consumers = consumers_of(whole, consumers, settings)
    named = many.named(consumers, settings)
    if len(named) == 1:
        settings = named[0].settings
    options = Options(
        plan=parse(faults, [one.name for one in named]),
        consumers=consumers,
        n=COUNT if n is None else n,
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
