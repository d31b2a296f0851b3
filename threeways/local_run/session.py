"""What every run does: puts events, watches until nothing is left to do, and reads everything back."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from threeways.aws import errors
from threeways.errors import LocalFailed
from threeways.local_run.collector import Collector
from threeways.local_run.console import screen
from threeways.local_run.events import Workload
from threeways.local_run.ledger import Account
from threeways.local_run.producer import Producer
from threeways.local_run.progress import RunProgress
from threeways.local_run.result import Result
from threeways.local_run.stack import RunningStack

LOOK_SECONDS = 0.25


def run_session(
    stack: RunningStack, workload: Workload, rate: float | None, stopping: threading.Event, console: Console
) -> Result:
    """Put the events, watch until nothing is left to do, and read everything back.

    stopping: set, it ends the run early. Raises what stopped the producer or the collector, and LocalFailed
    where the emulator has ended.
    """
    collector = Collector(stack.kinesis, stack.output_stream, workload.task)
    producer = Producer(stack.kinesis, stack.input_stream, workload.outgoing(), rate)
    progress = RunProgress(len(workload), producer, collector, stack.mapping, stack.log)
    collector.start()
    producer.start()
    with screen(console) as shown:
        while not (stopping.is_set() or producer.error or collector.error):
            stack.emulator.check()
            shown(progress.view())
            if not producer.is_alive() and stack.mapping.drained():
                break
            stopping.wait(LOOK_SECONDS)
        if stopping.is_set():
            console.print(
                "Stopping: what is on its way is finished and counted. Ctrl-C again gives up at once."
            )
        producer.end()
        positions = stack.mapping.stop()
        collector.stop()
        shown(progress.view())
    producer.stop()
    back = stack.read_back()
    account = Account(
        sent=producer.sent,
        predictions=collector.predictions,
        duplicates=collector.duplicates,
        quarantined=back.quarantined,
        abandoned=back.abandoned,
        positions=positions,
        without_messages=stack.without_messages,
        messages=collector.messages,
    )
    return Result(
        task=workload.task,
        events=workload.events,
        account=account,
        back=back,
        batches=stack.mapping.counts().batches,
        cold_start=stack.cold_start,
        version=collector.version or stack.version,
        interrupted=stopping.is_set(),
    )


def named_faults(folder: Path) -> AbstractContextManager[None]:
    """Raise the emulator's faults as what they are to the user."""
    logs = f"Its log is {folder / 'emulator.log'}, the function's {folder / 'function.log'}; run it again"
    return errors.named(
        lambda error: LocalFailed(f"the emulator failed, and what it held is gone with it: {error}\n{logs}")
    )
