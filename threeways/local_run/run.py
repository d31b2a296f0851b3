"""The main job: a registered model, fetched by the function, used on rides, every ride accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from threeways.atomic_files import write_json
from threeways.interrupts import interruptible
from threeways.local_run.console import show_ledger, show_share
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import TOLERATED, Ledger
from threeways.local_run.result import ledger_of
from threeways.local_run.rides import Rides, load, require_taken
from threeways.local_run.session import named_faults, play
from threeways.local_run.stack import Stage
from threeways.scoring import tasks
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


@dataclass(frozen=True)
class Options:
    """What the user chose.

    rides: parquet files; None is the synthetic city. n: how many rides, 0 is all. rate: rides a second;
    None is as fast as it goes. shards: of each stream; None is the template's. poison: share broken, 0-1.
    tolerate: the share of the other rides that may be given up. settings: which task, and how the model is
    served.
    """

    rides: str | None = None
    n: int = 20_000
    rate: float | None = None
    shards: int | None = None
    poison: float = 0.005
    tolerate: float = TOLERATED
    settings: Settings = field(default_factory=Settings)


def run(options: Options, find_model: Callable[[], RegisteredModel], console: Console, local: Path) -> Ledger:
    """Run the whole pipeline once and account for every ride; writes `last-run.json` in the folder `local`.

    find_model: is called once the rides are known to be usable, since it may have to train a model first.
    Raises UsageError where something cannot start. Ctrl-C ends the run early, with its ledger.
    """
    rides = load(options.rides, options.n, options.poison)
    require_taken(rides, tasks.find(options.settings.task))
    _announce(rides, options, console)
    model = find_model()
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        Stage(folder, model, options.shards, console, settings=options.settings) as stage,
    ):
        stage.announce()
        result = play(stage, rides, options.rate, stopping, console)
    ledger = ledger_of(result)
    show_ledger(console, ledger, result)
    show_share(console, ledger, options.tolerate)
    for path in (folder / "run.json", local / "last-run.json"):
        write_json(path, ledger)
    return ledger


def _announce(rides: Rides, options: Options, console: Console) -> None:
    console.print(
        f"Rides: {len(rides):,} of {rides.name}, {len(rides.broken):,} of them replaced by broken records"
        + (f"; {rides.skipped:,} trips there are no valid ride event and stay out" if rides.skipped else ""),
        soft_wrap=True,
    )
    if options.n > len(rides):
        console.print(f"There are no {options.n:,} rides: all {len(rides):,} are sent.")
