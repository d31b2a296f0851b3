"""A consumer of durations beside one of tips that fails: its output, its order, and how old rides get.

Two measures, each taken alone and beside the failing one:

- **Output.** Both read a stream that holds all rides, from its oldest on: the output's records, by key.
- **Age.** Rides arrive on a stream that both read: the mapping's own iterator age at each invocation.
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks import rides
from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import THROTTLED, FunctionError, InvocationResult
from threeways.aws.kinesis import ShardReader, list_shards
from threeways.emulator.function import LocalFunction
from threeways.emulator.mapping import Clients, EventSourceMapping, MappingCounts, ReadLimits
from threeways.emulator.mapping.settings import Position
from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.stack import RunningStack

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

type Invoke = Callable[[bytes], InvocationResult]
type Output = dict[str, list[bytes]]
type Fault = Callable[["Pair"], AbstractContextManager[Invoke]]

RIDES, KEYS = 400, 7
POISON = b'{"ride_id": "no ride, and poison for tips"}'
BATCHES = 11
"""How many batches they are, with the poison, of 40 records each."""
TICKS, TICK_SECONDS, TICK_RIDES = 20, 0.1, 10
"""How rides arrive where the age is measured: 100 a second for two seconds."""
TRIES = 4
"""How often at least the failing consumer is invoked, or refused."""
PATIENCE_SECONDS = 180.0
_PAUSED = {"Consume": "false", "BatchSize": "40", "BatchWindowSeconds": "0"}


class Stuck(Exception):
    """A consumer does not get done with its stream."""


@dataclass
class Pair:
    """Two consumers, their functions in processes of their own, on a stream that holds all rides.

    alone: what the consumer of durations makes of them without the other one.
    """

    duration: RunningStack
    tip: RunningConsumer
    payloads: list[bytes]
    alone: Output = field(default_factory=dict)
    _streams: Iterator[int] = field(default_factory=itertools.count)

    def beside(self, tip: Invoke) -> tuple[Output, MappingCounts]:
        """Return what the durations' consumer makes beside one of tips that is invoked so, and its counts."""
        limits = ReadLimits()
        # The fault strikes as often as it can: 10 ms between two tries.
        neighbour = self.mapping(self.tip, tip, limits, backoff=lambda _: 0.01)
        with neighbour:
            _await(lambda: neighbour.counts().sent)
            output = output_of(self.duration, self.mapping(self.duration, self.duration.invoke, limits))
            _await(lambda: neighbour.counts().invocations + neighbour.counts().throttled >= TRIES)
            return output, neighbour.counts()

    def ages(self, tip: Invoke | None = None) -> list[float]:
        """Return the durations' iterator age at each invocation while rides arrive, in seconds.

        tip: how the consumer of tips is invoked meanwhile, with the backoff that mappings have; None: it is
        not there. Its fault has struck once before the first ride arrives.
        """
        kinesis, stream = self.duration.kinesis, f"arriving-{next(self._streams)}"
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        limits, found = ReadLimits(), list[float]()

        def invoke(payload: bytes) -> InvocationResult:
            found.append(max(mapping.counts().iterator_age.values()))
            return self.duration.invoke(payload)

        mapping = self.mapping(self.duration, invoke, limits, stream=stream, position="LATEST")
        with ExitStack() as running:
            if tip is not None:
                self._put(stream, range(TICK_RIDES))
                neighbour = self.mapping(self.tip, tip, limits, stream=stream)
                running.enter_context(neighbour)
                _await(lambda: neighbour.counts().sent)
            running.enter_context(mapping)
            for tick in range(TICKS):
                self._put(stream, range(tick * TICK_RIDES, (tick + 1) * TICK_RIDES))
                time.sleep(TICK_SECONDS)
            _await(mapping.drained)
            assert mapping.counts().records == TICKS * TICK_RIDES
        kinesis.delete_stream(StreamName=stream)
        return found

    def mapping(
        self,
        one: RunningConsumer,
        invoke: Invoke,
        limits: ReadLimits,
        *,
        stream: str | None = None,
        position: Position = "TRIM_HORIZON",
        backoff: Callable[[int], float] = MAPPING_BACKOFF.after,
    ) -> EventSourceMapping:
        """Return a mapping that begins anew, as one that is deleted and made again does."""
        settings = replace(one.mapping.settings, enabled=True, starting_position=position)
        return EventSourceMapping(
            one.kinesis,
            stream or one.input_stream,
            invoke,
            settings,
            clients=Clients(one.s3),
            limits=limits,
            backoff=backoff,
        )

    def hold(self) -> None:
        """Put all rides, with one record in their middle that is poison for tips."""
        records = [(f"key-{place % KEYS}", data) for place, data in enumerate(self.payloads)]
        records.insert(RIDES // 2, ("key-0", POISON))
        self.duration.kinesis.put_records(
            StreamName=self.duration.input_stream,
            Records=[{"PartitionKey": key, "Data": data} for key, data in records],
        )
        mapping = self.mapping(self.duration, self.duration.invoke, ReadLimits())
        self.alone = output_of(self.duration, mapping)

    def _put(self, stream: str, places: range) -> None:
        """Put these rides, the last of them poison for tips."""
        data = [*(self.payloads[place % RIDES] for place in places[:-1]), POISON]
        self.duration.kinesis.put_records(
            StreamName=stream,
            Records=[{"PartitionKey": f"key-{n % KEYS}", "Data": one} for n, one in enumerate(data)],
        )


@contextmanager
def pair(duration: RegisteredModel, tip: RegisteredModel, folder: Path, console: Console) -> Iterator[Pair]:
    """Bring both consumers up in an emulator of their own, the rides on their stream."""
    (folder / "tip-logs").mkdir()
    with RunningStack(folder, duration, 1, console, parameters=_PAUSED) as first:
        reading = {"InputStreamArn": first.input_arn, "OutputStreamName": "tips", "Task": "ride_tip"}
        second = RunningConsumer(
            folder / "tip-logs",
            tip,
            1,
            console,
            emulator=first.emulator,
            name="another",
            parameters=_PAUSED | reading,
        )
        with second:
            made = Pair(first, second, rides.payloads(RIDES))
            made.hold()
            yield made


def output_of(one: RunningConsumer, mapping: EventSourceMapping) -> Output:
    """Return what a mapping of a consumer adds to its output stream: each key's records' bytes, in order.

    Raises Stuck where a batch waits for another consumer, is tried again or throttled, or a read is refused.
    """
    [shard] = list_shards(one.kinesis, one.output_stream)
    reader = ShardReader(one.kinesis, shard.id, {"StreamName": one.output_stream})
    for _ in reader.pages():
        """What was there before."""
    with mapping:
        _await(mapping.drained)
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    while not reader.caught_up or not found:
        for record in reader.read():
            found[record["PartitionKey"]].append(record["Data"])
    counts = mapping.counts()
    trouble = (counts.failed, counts.throttled, counts.retried, counts.reads_refused)
    if trouble != (0, 0, 0, 0) or counts.batches != BATCHES:
        raise Stuck(f"its mapping met trouble: {counts}")
    return found


def _await(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise Stuck("a consumer waits for another one")
        time.sleep(0.02)


@contextmanager
def poisoned(pair: Pair) -> Iterator[Invoke]:
    """One record makes it fail, each time."""

    def invoke(payload: bytes) -> InvocationResult:
        if base64.b64encode(POISON) in payload:
            return InvocationResult(error=FunctionError("Poisoned", "one record, always"))
        return pair.tip.invoke(payload)

    yield invoke


@contextmanager
def raising(_: Pair) -> Iterator[Invoke]:
    """It always raises."""
    raised = InvocationResult(error=FunctionError("ValueError", "always"))
    yield lambda _: raised


@contextmanager
def throttled(_: Pair) -> Iterator[Invoke]:
    """It is throttled to nothing."""
    refused = InvocationResult(error=FunctionError(THROTTLED, "Rate Exceeded."))
    yield lambda _: refused


@contextmanager
def killed(pair: Pair) -> Iterator[Invoke]:
    """Its process is killed in the middle of each third invocation."""
    function, calls = pair.tip.function, itertools.count()
    assert isinstance(function, LocalFunction)
    kills: list[threading.Timer] = []

    def invoke(payload: bytes) -> InvocationResult:
        if next(calls) % 3 == 0:
            kills.append(threading.Timer(0.002, function.sigkill))
            kills[-1].start()
        return function.invoke(payload)

    yield invoke
    for kill in kills:
        kill.join()


@contextmanager
def redeployed(pair: Pair) -> Iterator[Invoke]:
    """It is deployed with another model, and back, after each second invocation."""
    config, calls = pair.tip.config, itertools.count()
    another = replace(config, environment=config.environment | {"RUN_ID": "another"})
    with LocalFunction(another, environment=pair.duration.emulator.environment()) as other:
        other.warm()

        def invoke(payload: bytes) -> InvocationResult:
            return (other if next(calls) // 2 % 2 else pair.tip).invoke(payload)

        yield invoke


FAULTS: Mapping[str, Fault] = {
    "poisoned": poisoned,
    "raising always": raising,
    "killed in the middle": killed,
    "throttled to nothing": throttled,
    "redeployed with another model": redeployed,
}
"""What is wrong with the consumer of tips."""
