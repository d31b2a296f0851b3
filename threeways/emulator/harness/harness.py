"""A harness around a handler: a stream, the event source mapping and a function."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock
from typing import Any, Self

from threeways.aws.invocation import InvocationResult
from threeways.emulator.faults import FaultProxy, Schedule
from threeways.emulator.function import InProcessFunction, LocalFunction
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.harness.destinations import DestinationKind, FailureDestination
from threeways.emulator.mapping import (
    Clients,
    EventSourceMapping,
    MappingCounts,
    MappingEvent,
    MappingSettings,
    as_kinesis,
)
from threeways.emulator.mapping.settings import from_event
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

type Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation. event: as the handler got it."""

    event: dict[str, Any]
    result: InvocationResult

    @property
    def ids(self) -> list[str]:
        """Its records' event ids, `shard:sequence number`."""
        return [record["eventID"] for record in self.event["Records"]]

    @property
    def data(self) -> list[bytes]:
        """Its records' data, decoded."""
        return [base64.b64decode(record["kinesis"]["data"]) for record in self.event["Records"]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a Harness in addition to its handler and the event's properties.

    root: the folder of a handler that is given by name. stream: an existing stream, or None for a new one
    with so many `shards`. table: an existing table, whose stream is read instead. on_failure: the kind of
    failure destination to create. environment, timeout (seconds), memory (MB), concurrency: the function's.
    clock: epoch seconds. backoff: as for EventSourceMapping; by default 10 ms. faults: the schedule of faults
    in AWS calls of a function that runs in its own processes, and of any other client at
    `Harness.proxy.endpoint_url`; a kill kills the function.
    """

    root: Path | None = None
    stream: str | None = None
    table: str | None = None
    shards: int = 1
    on_failure: DestinationKind | None = None
    environment: Mapping[str, str] | None = None
    timeout: float = 3.0
    memory: int = 512
    concurrency: int | None = None
    clock: Callable[[], float] = time.time
    backoff: Callable[[int], float] = lambda _: 0.01
    faults: Schedule | None = None


_OPTIONS = frozenset(one.name for one in fields(Options))


class Harness:
    """Drives a handler from a stream as AWS does. A context manager that ends what it started.

    emulator: a running one. handler: a callable(event, context), run in this process, or its name,
    `module.function` within the folder `root`, run in processes of its own as on Lambda.
    given: fields of `Options`, and properties of a SAM template's Kinesis event, in AWS's names
    (`BatchSize=10`). `proxy.schedule` may be replaced while it runs.
    Nothing is read before `start`, so that the first batches hold everything that was put until then.
    """

    def __init__(self, emulator: Emulator, handler: Handler | str, **given: Any) -> None:
        options = Options(**{name: value for name, value in given.items() if name in _OPTIONS})
        event = {name: value for name, value in given.items() if name not in _OPTIONS}
        self.emulator = emulator
        self.kinesis = emulator.client("kinesis")
        name = f"harness-{uuid.uuid4().hex[:12]}"
        self.stream = options.stream or (stream_of(emulator, options.table) if options.table else name)
        self.events: list[MappingEvent] = []
        self.log: list[str] = []
        self._invocations: list[Invocation] = []
        self._lock = Lock()
        self.destination = (
            FailureDestination(emulator, options.on_failure, name) if options.on_failure else None
        )
        given = {"StartingPosition": "TRIM_HORIZON", "Stream": self.stream, **event}
        given |= {"DestinationConfig": self.destination.config} if self.destination else {}
        settings = from_event(given)
        self._exit = ExitStack()
        self.proxy = self._exit.enter_context(FaultProxy(emulator.endpoint_url, options.faults))
        self.function = self._function(handler, options)
        if options.stream is None and options.table is None:
            self.kinesis.create_stream(StreamName=name, ShardCount=options.shards)
        self.mapping = self._mapping(settings, options)
        self._started = False

    def _function(self, handler: Handler | str, options: Options) -> LocalFunction | InProcessFunction:
        if not isinstance(handler, str):
            return InProcessFunction(handler, options.timeout)
        variables = self.emulator.environment() | {"AWS_ENDPOINT_URL": self.proxy.endpoint_url}
        function = self._exit.enter_context(
            LocalFunction(
                _config(handler, options),
                environment=variables,
                concurrency=options.concurrency,
                on_log=self.log.append,
            )
        )
        self.proxy.on_kill = function.sigkill
        return function

    def _mapping(self, settings: MappingSettings, options: Options) -> EventSourceMapping:
        client = self.emulator.client
        return EventSourceMapping(
            as_kinesis(client("dynamodbstreams")) if options.table else self.kinesis,
            self.stream,
            self._invoke,
            settings,
            clients=Clients(client("s3"), client("sqs"), client("sns")),
            function_arn=self.function.arn,
            on_event=self.events.append,
            clock=options.clock,
            backoff=options.backoff,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the mapping and end the function's processes. Raises what a thread of the mapping raised."""
        with self._exit:
            self.mapping.stop()

    def put(self, data: object, key: str = "key") -> str:
        """Put one record, bytes as they are, a str as UTF-8, anything else as JSON; return its event id."""
        encoded = data.encode() if isinstance(data, str) else data
        if not isinstance(encoded, bytes):
            encoded = json.dumps(encoded).encode()
        answer = self.kinesis.put_record(StreamName=self.stream, Data=encoded, PartitionKey=key)
        return f"{answer['ShardId']}:{answer['SequenceNumber']}"

    def start(self) -> None:
        """Start the mapping. Raises LocalError if it was started before."""
        self.mapping.start()
        self._started = True

    def wait(self, until: Callable[[], Any], within: float = 30.0) -> None:
        """Wait until a condition holds. Raises TimeoutError, with the counts, after `within` seconds.

        Raises LocalFailed if the emulator has ended.
        """
        end = time.monotonic() + within
        while not until():
            self.emulator.check()
            if time.monotonic() > end:
                raise TimeoutError(f"not within {within:g} s; {self.counts()}; positions {self.positions()}")
            time.sleep(0.01)

    def drain(self, within: float = 30.0) -> None:
        """Start the mapping if needed, and wait until every record is done or discarded."""
        if not self._started:
            self.start()
        self.wait(self.mapping.drained, within)

    def stop(self) -> dict[str, str | None]:
        """Stop the mapping; return the positions by shard id."""
        return self.mapping.stop()

    @property
    def invocations(self) -> list[Invocation]:
        """All invocations with their results, throttled ones included, in the order in which they ended."""
        with self._lock:
            return list(self._invocations)

    def _invoke(self, payload: bytes) -> InvocationResult:
        result = self.function.invoke(payload)
        with self._lock:
            self._invocations.append(Invocation(json.loads(payload), result))
        return result

    def failures(self) -> list[dict[str, Any]]:
        """Return the documents at the failure destination."""
        if self.destination is None:
            raise LocalError("the harness has no failure destination: give it `on_failure=` S3, SQS or SNS")
        return self.destination.documents()

    def counts(self) -> MappingCounts:
        """Return the mapping's counters; `counts().metrics()` has AWS's names."""
        return self.mapping.counts()

    def positions(self) -> dict[str, str | None]:
        """Return by shard id the sequence number up to which everything is done; None: nothing yet."""
        return self.mapping.positions()

    def split(self, shard_id: str = "shardId-000000000000") -> None:
        """Split a shard in the middle of its hash key range."""
        shards = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
        keys = next(shard["HashKeyRange"] for shard in shards if shard["ShardId"] == shard_id)
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"]) + 1) // 2
        self.kinesis.split_shard(
            StreamName=self.stream, ShardToSplit=shard_id, NewStartingHashKey=str(middle)
        )

    def merge(self, shard_id: str, adjacent: str) -> None:
        """Merge a shard with the adjacent one above it."""
        self.kinesis.merge_shards(
            StreamName=self.stream, ShardToMerge=shard_id, AdjacentShardToMerge=adjacent
        )


def stream_of(emulator: Emulator, table: str) -> str:
    """Return the ARN of a table's stream. Raises LocalError where it has none."""
    arn = emulator.client("dynamodb").describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if arn is None:
        raise LocalError(f"the table {table} has no stream: give it a StreamSpecification")
    return str(arn)


def _config(handler: str, options: Options) -> FunctionConfig:
    if options.root is None:
        raise LocalError(f"the handler {handler} is a name: give the folder that it is in with `root=`")
    return FunctionConfig(
        logical_id="Harness",
        name="harness",
        handler=handler,
        timeout=options.timeout,
        memory=options.memory,
        environment=dict(options.environment or {}),
        root=options.root,
        arn="arn:aws:lambda:us-east-1:123456789012:function:harness",
    )
