"""One consumer of a stream has no part in what becomes of another: its output is what it is alone.

Each test breaks the consumer of tips in another way while the one of durations reads the same records.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from consumers_lab import tip_model
from events_lab import workload
from rich.console import Console
from small_training import Training

from threeways.aws.invocation import THROTTLED, FunctionError, InvocationResult
from threeways.aws.kinesis import ShardReader, list_shards
from threeways.emulator.function import LocalFunction
from threeways.emulator.mapping import Clients, EventSourceMapping, ReadLimits
from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.stack import RunningStack

pytestmark = pytest.mark.exhaustive

RIDES = 400
POISON = b'{"ride_id": "no ride, and poison for tips"}'
type Invoke = Callable[[bytes], InvocationResult]
type Output = dict[str, list[bytes]]
PAUSED = {"Consume": "false", "BatchSize": "40", "BatchWindowSeconds": "0"}


@dataclass
class Pair:
    """Two consumers of a stream that holds all events; `alone`: what the durations' one makes of them."""

    duration: RunningStack
    tip: RunningConsumer
    alone: Output

    def mapping(self, one: RunningConsumer, invoke: Invoke, limits: ReadLimits) -> EventSourceMapping:
        """A mapping that begins anew, as one that is deleted and made again does."""
        settings = replace(one.mapping.settings, enabled=True)
        return EventSourceMapping(
            one.kinesis,
            one.input_stream,
            invoke,
            settings,
            clients=Clients(one.s3),
            limits=limits,
            backoff=lambda _: 0.01,
        )

    def beside(self, invoke: Invoke) -> tuple[Output, EventSourceMapping]:
        """What the durations' consumer makes beside one of the tips that is invoked so, and the latter."""
        limits = ReadLimits()
        neighbour = self.mapping(self.tip, invoke, limits)
        with neighbour:
            while not neighbour.counts().sent:
                time.sleep(0.01)
            output = output_of(self.duration, self.mapping(self.duration, self.duration.invoke, limits))
            tried = neighbour.counts()
        assert tried.sent
        return output, neighbour


def output_of(one: RunningConsumer, mapping: EventSourceMapping) -> Output:
    """What a mapping adds to its output stream, by key, in order: each record's bytes."""
    [shard] = list_shards(one.kinesis, one.output_stream)
    reader = ShardReader(one.kinesis, shard.id, {"StreamName": one.output_stream})
    for _ in reader.pages():
        """What was there before."""
    with mapping:
        end = time.monotonic() + 60
        while not mapping.drained():
            assert time.monotonic() < end, "it waits for another consumer"
            time.sleep(0.02)
    counts = mapping.counts()
    assert (counts.failed, counts.throttled, counts.retried, counts.batches) == (0, 0, 0, 11)
    assert counts.reads_refused == 0
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    while not reader.caught_up or not found:
        for record in reader.read():
            found[record["PartitionKey"]].append(record["Data"])
    return found


@pytest.fixture(scope="module")
def pair(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "tip-logs").mkdir()
    console, duration = Console(file=io.StringIO()), training.report.model
    with RunningStack(folder, duration, 1, console, parameters=PAUSED) as first:
        reading = {"InputStreamArn": first.input_arn, "OutputStreamName": "tips", "Task": "ride_tip"}
        second = RunningConsumer(
            folder / "tip-logs",
            tip_model(duration, folder / "tip"),
            1,
            console,
            emulator=first.emulator,
            name="another",
            parameters=PAUSED | reading,
        )
        records = [(one.partition_key, one.data) for one in workload(RIDES).outgoing()]
        records = [(f"key-{place % 7}", data) for place, (_, data) in enumerate(records)]
        records.insert(RIDES // 2, ("key-0", POISON))
        first.kinesis.put_records(
            StreamName=first.input_stream,
            Records=[{"PartitionKey": key, "Data": data} for key, data in records],
        )
        with second:
            made = Pair(first, second, {})
            made.alone = output_of(first, made.mapping(first, first.invoke, ReadLimits()))
            assert sum(map(len, made.alone.values())) == RIDES
            yield made


def test_one_that_is_poisoned_harms_no_other(pair: Pair) -> None:
    def poisoned(payload: bytes) -> InvocationResult:
        if base64.b64encode(POISON) in payload:
            return InvocationResult(error=FunctionError("Poisoned", "one record, always"))
        return pair.tip.invoke(payload)

    output, neighbour = pair.beside(poisoned)
    assert output == pair.alone
    assert neighbour.counts().failed


def test_one_that_always_raises_harms_no_other(pair: Pair) -> None:
    raised = InvocationResult(error=FunctionError("ValueError", "always"))
    output, neighbour = pair.beside(lambda _: raised)
    assert output == pair.alone
    assert neighbour.counts().records == 0


def test_one_that_is_throttled_to_nothing_harms_no_other(pair: Pair) -> None:
    refused = InvocationResult(error=FunctionError(THROTTLED, "Rate Exceeded."))
    output, neighbour = pair.beside(lambda _: refused)
    assert output == pair.alone
    assert (neighbour.counts().records, neighbour.counts().invocations) == (0, 0)


@pytest.mark.exhaustive
def test_one_that_is_killed_in_the_middle_harms_no_other_and_loses_nothing_itself(pair: Pair) -> None:
    function = pair.tip.function
    assert isinstance(function, LocalFunction)
    killed: list[int] = []

    def kill() -> None:
        killed.append(function.sigkill())

    def invoke(payload: bytes) -> InvocationResult:
        if len(killed) < 2:
            threading.Timer(0.002, kill).start()
        return function.invoke(payload)

    output, _ = pair.beside(invoke)
    assert output == pair.alone
    assert sum(killed)
    mine = pair.mapping(pair.tip, function.invoke, ReadLimits())
    assert sum(map(len, output_of(pair.tip, mine).values())) == RIDES


@pytest.mark.exhaustive
def test_one_that_gets_another_model_while_it_runs_harms_no_other(
    pair: Pair, training: Training, tmp_path: Path
) -> None:
    variables = pair.duration.emulator.environment()
    config = replace(pair.tip.config, environment=pair.tip.config.environment | {"RUN_ID": "another"})
    calls = 0
    with LocalFunction(config, environment=variables) as another:

        def redeployed(payload: bytes) -> InvocationResult:
            nonlocal calls
            calls += 1
            return (pair.tip.invoke if calls < 3 else another.invoke)(payload)

        output, neighbour = pair.beside(redeployed)
        assert output == pair.alone
        assert neighbour.counts().failed == 0
