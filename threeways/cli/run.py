"""`threeways run`: events through the whole streaming pipeline, on this machine."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.console import Console

from threeways.cli import life_options
from threeways.cli.event_options import MOST, Actual, EventId, Events, Tolerate, end, end_all
from threeways.cli.system_options import System, consumers_of, declared
from threeways.settings import LOCAL, Settings, from_environment

POISON, TOLERATED = 0.005, 0.05
COUNT = 20_000
"""Events of a run where neither N nor SYSTEM says how many."""


def run(
    n: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST, help="How many events; 0: all of the file. Default: 20,000, or the system's."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Events a second; default: as fast as it goes.")
    ] = None,
    events: Events = None,
    actual: Actual = None,
    event_id: EventId = None,
    shards: Annotated[int | None, typer.Option(min=1, max=64, help="Shards of each stream.")] = None,
    poison: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the events replaced by broken records.")
    ] = POISON,
    tolerate: Tolerate = TOLERATED,
    system: System = None,
    consumers: Annotated[
        str | None, typer.Option(help="Tasks on one input stream, each a consumer: 'one another'.")
    ] = None,
    fan_out: Annotated[
        str | None, typer.Option(help="Those of the consumers that read with enhanced fan-out.")
    ] = None,
    pause: Annotated[
        str | None, typer.Option(help="Pause consumers: name@5s-15s, in seconds from the start.")
    ] = None,
    life: Annotated[
        bool, typer.Option("--life", help="A model's whole life: watched, retrained, promoted, followed.")
    ] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Serve a page to watch it, on 127.0.0.1, as long as it runs.")
    ] = False,
) -> None:
    """Events in, predictions out: the whole streaming pipeline on this machine, with a ledger at its end."""
    if life:
        given = {
            "EVENTS": events, "ACTUAL": actual, "ID": event_id, "SHARDS": shards, "SYSTEM": system,
            "CONSUMERS": consumers, "FAN_OUT": fan_out, "PAUSE": pause, "PAGE": page,
            "POISON": poison != POISON, "TOLERATE": tolerate != TOLERATED,
        }  # fmt: skip
        life_options.run(n, rate, given, from_environment(Settings))
        return
    from threeways.local_run import consumers as many
    from threeways.local_run.event_rows import ColumnNames
    from threeways.local_run.labelled.pipeline import run_labels
    from threeways.local_run.model_choice import choose
    from threeways.local_run.pauses import parse as parse_pauses
    from threeways.local_run.pipeline import Options
    from threeways.local_run.pipeline import run as run_pipeline
    from threeways.local_run.system.pipeline import run_system
    from threeways.local_run.system.running import Options as SystemOptions
    from threeways.local_run.watch.server import watched

    console, settings = Console(), from_environment(Settings)
    whole = declared(system, EVENTS=events, ACTUAL=actual, ID=event_id, CONSUMERS=consumers, FAN_OUT=fan_out)
    if whole is not None and whole.join is not None:
        chosen = SystemOptions(
            n=whole.count if n is None else n, rate=rate, shards=shards, poison=poison, tolerate=tolerate,
            settings=settings, name=str(system), system=whole,
        )  # fmt: skip
        run_it = run_labels if whole.labels else run_system
        with watched(LOCAL / "runs", console) if page else nullcontext():
            end(
                run_it(chosen, lambda own: choose(own, console, LOCAL), console, LOCAL, pause or ""), tolerate
            )
        return
    n = (whole.count if whole else COUNT) if n is None else n
    named = many.named(consumers_of(whole, consumers, settings), settings, fan_out)
    pauses = parse_pauses(pause or "", [one.name for one in named])
    alone = len(named) == 1 and not (named[0].fan_out or pauses)
    if alone:
        settings = named[0].settings
    options = Options(events, n, rate, shards, poison, tolerate, settings, ColumnNames(actual, event_id))
    with watched(LOCAL / "runs", console) if page else nullcontext():
        if named and not alone:
            done = many.run(options, named, lambda own: choose(own, console, LOCAL), console, LOCAL, pauses)
            end_all(*done, tolerate)
            return
        ledger = run_pipeline(options, lambda: choose(settings, console, LOCAL), console, LOCAL)
    end(ledger, tolerate)
