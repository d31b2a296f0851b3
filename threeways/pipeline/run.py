"""The main job: a registered model, fetched by the function, used on rides, every ride accounted for."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from threeways import tasks
from threeways.errors import LocalError
from threeways.pipeline.collector import Collector
from threeways.pipeline.common import interruptible, write_json
from threeways.pipeline.console import screen, show_ledger
from threeways.pipeline.ledger import Account, Ledger
from threeways.pipeline.producer import Producer
from threeways.pipeline.result import Result, ledger_of
from threeways.pipeline.rides import Rides, load
from threeways.pipeline.stage import Stage
from threeways.pipeline.watch import Watch

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Options:
    """What the user chose.

    rides: parquet files; None is the synthetic city. n: how many rides, 0 is all. rate: rides a second;
    None is as fast as it goes. shards: of each stream; None is the template's. poison: share broken, 0-1.
    """

    rides: str | None = None
    n: int = 20_000
    rate: float | None = None
    shards: int | None = None
    poison: float = 0.005


def run(options: Options, find_model: Callable[[], RegisteredModel], console: Console, local: Path) -> Ledger:
    """Run the whole pipeline once and account for every ride; writes `last-run.json` in the folder `local`.

    find_model: is called once the rides are known to be usable, since it may have to train a model first.
    Raises UsageError where something cannot start. Ctrl-C ends the run early, with its ledger.
    """
    rides = load(options.rides, options.n, options.poison)
    _announce(rides, options, console)
    console.print("Looking up the registered model in MLflow")
    model = find_model()
    folder = local / "runs" / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"  # noqa: DTZ005 - a name
    folder.mkdir(parents=True)
    with (
        _named_faults(folder),
        interruptible() as stopping,
        Stage(folder, model, options.shards, console) as stage,
    ):
        console.print(
            f"Up: streams, buckets, model {model.uri} and function, cold start {stage.cold_start:.2f} s",
            soft_wrap=True,
        )
        result = _play(stage, rides, options.rate, stopping, console)
    ledger = ledger_of(result)
    show_ledger(console, ledger, result)
    for path in (folder / "run.json", local / "last-run.json"):
        write_json(path, ledger)
    return ledger


def _play(
    stage: Stage, rides: Rides, rate: float | None, stopping: threading.Event, console: Console
) -> Result:
    """Put the rides, watch until nothing is left to do, and read everything back."""
    collector = Collector(stage.kinesis, stage.output_stream, tasks.find(stage.task).output)
    producer = Producer(stage.kinesis, stage.input_stream, rides.outgoing(), rate)
    watch = Watch(len(rides), producer, collector, stage.mapping, stage.log)
    collector.start()
    producer.start()
    with screen(console) as shown:
        while not (stopping.is_set() or producer.error or collector.error):
            shown.show(watch.look())
            if not producer.is_alive() and stage.mapping.drained():
                break
            stopping.wait(LOOK_SECONDS)
        if stopping.is_set():
            console.print(
                "Stopping: what is on its way is finished and counted. Ctrl-C again gives up at once."
            )
        producer.stop()
        positions = stage.mapping.stop()
        collector.finish()
        shown.show(watch.look())
    if producer.error:
        raise producer.error
    back = stage.read_back()
    account = Account(
        sent=producer.sent,
        predictions=collector.predictions,
        duplicates=collector.duplicates,
        quarantined=back.quarantined,
        abandoned=back.abandoned,
        positions=positions,
    )
    batches = stage.mapping.counts().batches
    return Result(rides, account, back, batches, stage.cold_start, collector.version or stage.version)


def _announce(rides: Rides, options: Options, console: Console) -> None:
    console.print(
        f"Rides: {len(rides):,} of {rides.name}, {len(rides.broken):,} of them replaced by broken records"
        + (f"; {rides.skipped:,} trips there are no valid ride event and stay out" if rides.skipped else ""),
        soft_wrap=True,
    )
    if options.n > len(rides):
        console.print(f"There are no {options.n:,} rides: all {len(rides):,} are sent.")


@contextmanager
def _named_faults(folder: Path) -> Iterator[None]:
    """The emulator's faults, as what they are to the user."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LocalError(
            f"the emulator failed, and what it held is gone with it: {error}\n"
            f"Its log is {folder / 'emulator.log'}, the function's {folder / 'function.log'}; run it again"
        ) from error
