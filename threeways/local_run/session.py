"""What every run does: puts events, watches until nothing is left to do, and reads everything back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from threeways.aws import errors
from threeways.errors import LocalFailed
from threeways.local_run.collector import Collector
from threeways.local_run.console import screen
from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.events import Workload
from threeways.local_run.ledger import Account, Sent
from threeways.local_run.producer import Producer
from threeways.local_run.progress import RunProgress, View
from threeways.local_run.result import Result
from threeways.local_run.watch.publisher import Publisher

LOOK_SECONDS = 0.25


def run_session(
    stack: RunningConsumer,
    workload: Workload,
    rate: float | None,
    stopping: threading.Event,
    console: Console,
    publisher: Publisher,
) -> Result:
    """Do what `run_sessions` does, for one consumer."""
    with screen(console) as shown:

        def show(views: Mapping[str, View]) -> None:
            for view in views.values():
                shown(view)

        consumers = {workload.task.name: (stack, workload)}
        return run_sessions(consumers, rate, stopping, console, show, publisher)[workload.task.name]


def run_sessions(
    consumers: Mapping[str, tuple[RunningConsumer, Workload]],
    rate: float | None,
    stopping: threading.Event,
    console: Console,
    show: Callable[[Mapping[str, View]], None],
    publisher: Publisher,
) -> dict[str, Result]:
    """Put the events, watch until no consumer has anything left to do, and read everything back.

    consumers: of one input stream, by name. Their workloads are of the same events; the first one's are put.
    stopping: set, it ends the run early. show: gets each consumer's view. publisher: writes the state for
    those who watch. Raises what stopped the producer or a collector, and LocalFailed where the emulator has
    ended.
    """
    first, workload = next(iter(consumers.values()))
    producer = Producer(first.kinesis, first.input_stream, workload.outgoing(), rate)
    watched = {name: _Watched(*one, producer) for name, one in consumers.items()}
    for one in watched.values():
        one.collector.start()
    producer.start()

    def look(*, ended: bool = False) -> None:
        views = {name: one.progress.view() for name, one in watched.items()}
        show(views)
        seen = {name: (one.consumer, one.collector, views[name]) for name, one in watched.items()}
        publisher.write(seen, producer, workload, ended=ended)

    while not (stopping.is_set() or producer.error or any(one.collector.error for one in watched.values())):
        first.emulator.check()
        look()
        if not producer.is_alive() and all(one.consumer.mapping.drained() for one in watched.values()):
            break
        stopping.wait(LOOK_SECONDS)
    if stopping.is_set():
        console.print(
            f"Stopping: no more is sent, and of the {len(producer.sent):,} events that were, each consumer "
            "ends the batch that it has. Ctrl-C again gives up at once, without a ledger.",
            highlight=False,
        )
    producer.end()
    for one in watched.values():
        one.consumer.mapping.halt()
    for one in watched.values():
        one.stop()
    look(ended=True)
    producer.stop()
    return {name: one.result(stopping) for name, one in watched.items()}


class _Watched:
    """A consumer of a run, what reads its predictions back, and its progress."""

    def __init__(self, consumer: RunningConsumer, workload: Workload, producer: Producer) -> None:
        self.consumer, self._workload, self._producer = consumer, workload, producer
        self.collector = Collector(consumer.kinesis, consumer.output_stream, workload.task)
        self.progress = RunProgress(len(workload), producer, self.collector, consumer.mapping, consumer.log)
        self._positions: dict[str, str | None] = {}

    def stop(self) -> None:
        """Stop the mapping, and read the output stream to its end."""
        self._positions = self.consumer.mapping.stop()
        self.collector.stop()

    def result(self, stopping: threading.Event) -> Result:
        """Read back what is not on the output stream, and return all."""
        return result_of(
            self.consumer, self._workload, self.collector, self._producer.sent, self._positions,
            interrupted=stopping.is_set(),
        )  # fmt: skip


def result_of(
    consumer: RunningConsumer,
    workload: Workload,
    collector: Collector,
    sent: Mapping[str, Sent],
    positions: Mapping[str, str | None],
    *,
    interrupted: bool = False,
) -> Result:
    """Read back what is not on the output stream, and return all of a consumer's account.

    sent: an event's id -> how it was put. positions: shard -> the last sequence number that is done.
    """
    back = consumer.read_back()
    account = Account(
        sent=sent,
        predictions=collector.predictions,
        duplicates=collector.duplicates,
        quarantined=back.quarantined,
        abandoned=back.abandoned,
        positions=positions,
        without_messages=consumer.without_messages,
        messages=collector.messages,
    )
    return Result(
        task=workload.task,
        events=workload.events,
        account=account,
        back=back,
        batches=consumer.mapping.counts().batches,
        cold_start=consumer.cold_start,
        version=collector.version or consumer.version,
        interrupted=interrupted,
        followed=consumer.followed,
    )


def named_faults(folder: Path) -> AbstractContextManager[None]:
    """Raise the emulator's faults as what they are to the user."""
    logs = f"Its log is {folder / 'emulator.log'}, the function's {folder / 'function.log'}; run it again"
    return errors.named(
        lambda error: LocalFailed(f"the emulator failed, and what it held is gone with it: {error}\n{logs}")
    )
