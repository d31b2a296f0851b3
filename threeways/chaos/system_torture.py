"""A whole system under faults: consumers, join, queue and streams, each by its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rich.console import Console

from threeways.chaos.befallen import show_struck
from threeways.chaos.system_faults import SystemFaults
from threeways.chaos.system_schedule import SystemPlan
from threeways.interrupts import interruptible
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import TOLERATED
from threeways.local_run.session import named_faults
from threeways.local_run.system import pipeline, running
from threeways.local_run.system.console import show_system, system_screen
from threeways.local_run.system.ledger import SystemLedger
from threeways.local_run.system.publisher import SystemPublisher
from threeways.local_run.system.session import Session, SystemView
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

SHARDS = 2
POISON = 0.01
MINUTE = 5.0
"""Seconds that a minute of the sweeper's schedule takes here."""
ALLOWED = 60.0
"""Seconds past its deadline, and a sweep, by which a key is decided under faults: what is refused,
or whose process is killed, comes again."""


@dataclass(frozen=True, kw_only=True)
class Options(running.Options):
    """What the user chose, as for `make run SYSTEM=`, and the faults. seed: None takes a new one."""

    plan: SystemPlan
    seed: int | None = None
    shards: int | None = SHARDS
    poison: float = POISON
    minute: float = MINUTE


def torture_system(
    options: Options, find_model: Callable[[Settings], RegisteredModel], console: Console, local: Path
) -> SystemLedger:
    """Run a system under faults; writes what a run of it does, and `torture.json`.

    The seed settles what befalls each operation's k-th call, and each verdict; which events are in it is the
    machine's doing. Raises UsageError where something cannot start.
    """
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    options = replace(options, seed=seed)
    console.out(f"Torture: {options.n:,} events, SEED={seed} FAULTS={options.plan}")
    made = pipeline.prepared_for(options, find_model, console)
    folder = new_folder(local / "runs")
    faulty = SystemFaults(options.plan, seed, options.n, made.deadline, console)
    with (
        named_faults(folder),
        interruptible() as stopping,
        running.running(made, options, console, folder, faulty.places()) as up,
    ):
        session = Session(up, options, allowed=ALLOWED + options.minute)
        publisher = SystemPublisher(folder)
        with system_screen(console) as show, faulty.striking(session):

            def look(view: SystemView) -> None:
                show(view)
                publisher.write(session, view)

            session.start()
            session.watch(stopping, look, console)
            console.out("Reading back what lies on the streams, in the table and in quarantine")
            result = session.end(stopping)
        publisher.write(session, session.view(), ended=True)
    ledger, consumers = pipeline.accounts(made, result)
    show_system(console, made.system, ledger, consumers, result, options.tolerate)
    struck = faulty.struck()
    show_struck(console, struck)
    befell = {"seed": seed, "faults": str(options.plan), "struck": struck}
    names = ("torture.json", "torture.json")
    pipeline.write(options, made, ledger, consumers, folder, local, names, befell)
    console.out(f"Again: {again_command(options)}", highlight=False)
    return ledger


def again_command(options: Options) -> str:
    """Return the command that runs this again, with all that was given."""
    given: dict[str, object] = {
        "SYSTEM": options.name,
        "N": options.n,
        "SEED": options.seed,
        "FAULTS": options.plan,
        "TOLERATE": None if options.tolerate == TOLERATED else options.tolerate,
    }
    words = [f"{name}={quote(str(value))}" for name, value in given.items() if value is not None]
    return f"make torture {' '.join(words)}"
