"""A whole system on this machine: events in, decisions and their messages out, all accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways.atomic_files import write_json
from threeways.errors import UsageError
from threeways.interrupts import interruptible
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import Ledger
from threeways.local_run.pauses import parse as parse_pauses
from threeways.local_run.pauses import pausing
from threeways.local_run.result import ledger_of as consumers_ledger
from threeways.local_run.session import named_faults
from threeways.local_run.system.console import show_system, system_screen
from threeways.local_run.system.declared import Judged
from threeways.local_run.system.ledger import SystemLedger, ledger_of
from threeways.local_run.system.publisher import SystemPublisher
from threeways.local_run.system.quality import Quality, quality_of
from threeways.local_run.system.running import Options, Prepared, prepared, running
from threeways.local_run.system.session import Session, SystemResult, SystemView
from threeways.scoring import tasks
from threeways.settings import Settings, refuse

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


def run_system(
    options: Options,
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    local: Path,
    pause: str = "",
) -> SystemLedger:
    """Run a system once; writes `last-run.json` and `last-<system>.json` in the folder `local`.

    pause: when which of its consumers is paused, as PAUSE has it. Raises UsageError where something cannot
    start. Ctrl-C ends the run early, with its ledger.
    """
    pauses = parse_pauses(pause, [tasks.find(name).name for name in options.system.consumers])
    made = prepared_for(options, find_model, console)
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        running(made, options, console, folder) as up,
    ):
        session = Session(up, options)
        publisher = SystemPublisher(folder)
        session.start()
        mappings = {name: one.mapping for name, one in up.consumers.items()}
        say = partial(console.print, markup=False, highlight=False)
        with system_screen(console) as show, pausing(mappings, pauses, say):

            def look(view: SystemView) -> None:
                show(view)
                publisher.write(session, view)

            session.watch(stopping, look, console)
            console.out("Reading back what lies on the streams, in the table and in quarantine")
            result = session.end(stopping)
        publisher.write(session, session.view(), ended=True)
    ledger, consumers = accounts(made, result)
    show_system(console, made.system, ledger, consumers, result, options.tolerate)
    say_reviews(made, ledger, console)
    write(options, made, ledger, consumers, folder, local)
    return ledger


def say_reviews(made: Prepared, ledger: SystemLedger, console: Console) -> None:
    """Say how many wait for a person, and that they can be looked at while a run goes on only."""
    waiting = sum(count for outcome, count in ledger.outcomes.items() if outcome in made.join.reviewed)
    if waiting:
        console.print(
            f"{waiting:,} {made.system.subject}s waited for a person. The emulator that held them has ended "
            "with the run: the command to review them is printed at a run's start, for another terminal.",
            highlight=False,
        )


def prepared_for(
    options: Options, find_model: Callable[[Settings], RegisteredModel], console: Console
) -> Prepared:
    """Refuse what cannot be honoured, and find all that the system needs. Raises UsageError."""
    refuse(options.settings, f"SYSTEM={options.name} serves the registered model of each of its tasks")
    if options.system.labels:
        raise UsageError(f"SYSTEM={options.name} has late labels, which `make run SYSTEM=` alone puts")
    if not options.n:
        raise UsageError(
            f"N=0 is all of a file, and SYSTEM={options.name} makes its events; give N=1 or more"
        )
    made = prepared(options, find_model, console)
    minute = f"; a minute of the sweeper takes {options.minute:g} s" if options.minute != 60 else ""
    console.out(f"In this run the join's deadline is {made.deadline:g} s{minute}", highlight=False)
    return made


def accounts(made: Prepared, result: SystemResult) -> tuple[SystemLedger, dict[str, Ledger]]:
    """Return the system's ledger, and its consumers'."""
    quality = {
        task.name: one for task in made.tasks if (one := _quality(made, result, task.name)) is not None
    }
    ledger = ledger_of(result.account, quality, interrupted=result.interrupted, seconds=result.seconds)
    return ledger, {
        name: msgspec.structs.replace(consumers_ledger(one), model_uri=made.models[name].uri)
        for name, one in result.consumers.items()
    }


def _quality(made: Prepared, result: SystemResult, name: str) -> Quality | None:
    """Judge a consumer's verdicts by its own truth; None where nothing of it is known."""
    workload = made.workloads[name]
    predictions = result.reader.predictions[workload.task.model_name]
    pairs: list[tuple[Judged, bool]] = []
    for id_, truth in zip(workload.events.ids, workload.events.truth.tolist(), strict=True):
        if truth is None or truth != truth or id_ not in predictions:
            continue
        judged = made.system.judged(name, predictions[id_])
        if judged is not None:
            pairs.append((judged, made.system.holds(name, truth)))
    return quality_of(pairs) if pairs else None


def write(
    options: Options,
    made: Prepared,
    ledger: SystemLedger,
    consumers: Mapping[str, Ledger],
    folder: Path,
    local: Path,
    names: tuple[str, str] = ("run.json", "last-run.json"),
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write the ledger into the run's folder and into `local`: of the system, and as every run has it.

    names: of the latter's file in both. further: what it has besides.
    """
    short = options.name.rpartition(".")[2]
    figures = ledger.figures(made.system.subject)
    for path in (folder / f"{short}.json", local / f"last-{short}.json"):
        write_json(path, figures)
    told: dict[str, Any] = {
        "system": short, "sent": ledger.sent, "decided": ledger.decided, "predicted": ledger.decided,
        "quarantined": ledger.quarantined, "abandoned": ledger.abandoned, "pending": ledger.pending,
        "lost": ledger.lost, "duplicates": ledger.duplicates, "interrupted": ledger.interrupted,
        "seconds": ledger.seconds,
    }  # fmt: skip
    own = {name: _figures(one) for name, one in consumers.items()}
    for path in (folder / names[0], local / names[1]):
        write_json(path, {**told, **(further or {}), short: figures, "consumers": own})


_GENERAL = {
    "rides_per_s": "predictions_per_s",
    "rmse_rides": "rmse_events",
    "rides_given_up": "given_up",
}
"""A ledger's names of one task's subject -> those that hold for any system."""


def _figures(ledger: Ledger) -> dict[str, Any]:
    """Return a consumer's account as JSON values, without a word of another system."""
    figures: dict[str, Any] = msgspec.to_builtins(ledger)
    return {_GENERAL.get(name, name): value for name, value in figures.items()}
