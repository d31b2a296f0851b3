"""A harness around a handler: a source of events, the event source mapping and a function."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

from threeways.aws.invocation import InvocationResult
from threeways.emulator.faults import FaultProxy
from threeways.emulator.function import InProcessFunction, LocalFunction
from threeways.emulator.harness.destinations import FailureDestination
from threeways.emulator.harness.options import OPTIONS, Options, function_config, queue_of
from threeways.emulator.mapping import (
    Clients,
    EventSourceMapping,
    MappingCounts,
    MappingEvent,
    MappingSettings,
    QueueMapping,
    QueueSettings,
    as_kinesis,
)
from threeways.emulator.mapping.queue_settings import from_sqs_event
from threeways.emulator.mapping.settings import from_event
from threeways.emulator.schedule import ScheduleRule, ScheduleSettings, from_schedule
from threeways.emulator.server import Emulator
from threeways.emulator.triggers import stream_of
from threeways.errors import LocalError

type Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation. event: as the handler got it."""

    event: dict[str, Any]
    result: InvocationResult

    @property
    def ids(self) -> list[str]:
        """Its records' event ids (of Kinesis `shard:sequence number`), or its messages' ids."""
        return [record.get("eventID") or record["messageId"] for record in self.event.get("Records", [])]

    @property
    def data(self) -> list[bytes]:
        """Its Kinesis records' data, decoded, or its messages' bodies."""
        records = self.event.get("Records", [])
        return [
            record["body"].encode() if "body" in record else base64.b64decode(record["kinesis"]["data"])
            for record in records
        ]


class Harness:
    """Drives a handler from a stream, queue or schedule as AWS does. A context manager that ends all of it.

    emulator: a running one. handler: a callable(event, context), run in this process, or its name,
    `module.function` within the folder `root`, run in processes of its own as on Lambda.
    given: fields of `Options`, and properties of a SAM template's event of that kind, in AWS's names
    (`BatchSize=10`). mapping: the EventSourceMapping, QueueMapping or ScheduleRule. queue_url: the queue's,
    if any. `proxy.schedule` may be replaced while it runs. Nothing is read before `start`, so that the first
    batches hold everything that was put until then.
    """

    def __init__(self, emulator: Emulator, handler: Handler | str, **given: Any) -> None:
        options = Options(**{name: value for name, value in given.items() if name in OPTIONS})
        event = {name: value for name, value in given.items() if name not in OPTIONS}
        self._options = options
        self.emulator = emulator
        self.kinesis = emulator.client("kinesis")
        name = f"harness-{uuid.uuid4().hex[:12]}"
        self.stream = options.stream or (stream_of(emulator, options.table) if options.table else name)
        self.queue_url = ""
        self.events: list[MappingEvent] = []
        self.log: list[str] = []
        self._invocations: list[Invocation] = []
        self._lock = Lock()
        self.destination = (
            FailureDestination(emulator, options.on_failure, name) if options.on_failure else None
        )
        settings = self._settings(event, options)
        self._exit = ExitStack()
        self.proxy = self._exit.enter_context(FaultProxy(emulator.endpoint_url, options.faults))
        self.function = self._function(handler, options)
        if options.queue is not None:
            self.queue_url = queue_of(emulator, options.queue, name)
        elif self.stream == name and options.schedule is None:
            self.kinesis.create_stream(StreamName=name, ShardCount=options.shards)
        self.mapping: Any = self._mapping(settings, options)
        self._started = False

    def _function(self, handler: Handler | str, options: Options) -> LocalFunction | InProcessFunction:
        if not isinstance(handler, str):
            return InProcessFunction(handler, options.timeout)
        variables = self.emulator.environment() | {"AWS_ENDPOINT_URL": self.proxy.endpoint_url}
        function = self._exit.enter_context(
            LocalFunction(
                function_config(handler, options),
                environment=variables,
                concurrency=options.concurrency,
                on_log=self.log.append,
            )
        )
        self.proxy.on_kill = function.sigkill
        return function

    def _settings(
        self, event: Mapping[str, Any], options: Options
    ) -> MappingSettings | QueueSettings | ScheduleSettings:
        if options.schedule is not None:
            return from_schedule(options.schedule, event, self.stream)
        if options.queue is not None:
            return from_sqs_event({"Queue": self.stream, **event})
        self._event = {"StartingPosition": "TRIM_HORIZON", "Stream": self.stream, **event}
        self._event |= {"DestinationConfig": self.destination.config} if self.destination else {}
        return from_event(self._event)

    def _mapping(
        self, settings: MappingSettings | QueueSettings | ScheduleSettings, options: Options
    ) -> EventSourceMapping | QueueMapping | ScheduleRule:
        client, on_event = self.emulator.client, self.events.append
        if isinstance(settings, ScheduleSettings):
            return ScheduleRule(self._invoke, settings, on_event=on_event, clock=options.clock)
        if isinstance(settings, QueueSettings):
            return QueueMapping(
                client("sqs"),
                self.queue_url,
                self._invoke,
                settings,
                function_timeout=options.timeout,
                on_event=on_event,
                backoff=options.backoff,
            )
        return EventSourceMapping(
            as_kinesis(client("dynamodbstreams")) if options.table else self.kinesis,
            self.stream,
            self._invoke,
            settings,
            clients=Clients(client("s3"), client("sqs"), client("sns")),
            function_arn=self.function.arn,
            on_event=on_event,
            clock=options.clock,
            limits=options.limits,
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
        """Put one record, bytes as they are, a str as UTF-8, anything else as JSON; return its event id.

        To a queue it is sent as a message, whose id is returned. Raises LocalError for a table or a schedule.
        """
        if self._options.table:
            raise LocalError("a table's records are changes of its items: make them with a client, put_item")
        if self._options.schedule:
            raise LocalError("a schedule takes no records: move its clock on")
        encoded = data.encode() if isinstance(data, str) else data
        if not isinstance(encoded, bytes):
            encoded = json.dumps(encoded).encode()
        if self.queue_url:
            sent = self.emulator.client("sqs").send_message(
                QueueUrl=self.queue_url, MessageBody=encoded.decode()
            )
            return str(sent["MessageId"])
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
                raise TimeoutError(
                    f"not within {within:g} s{self._why()}; {self.counts()}; positions {self.positions()}"
                )
            time.sleep(0.01)

    def _why(self) -> str:
        """Return what is likely to keep the mapping from its end, if anything."""
        if isinstance(self.mapping, EventSourceMapping) and not self.mapping.enabled:
            return ", for the mapping is disabled: update(Enabled=True)"
        last = self.events[-1] if self.events else None
        return f"; the last that befell it: {last.kind}: {last.message}" if last else ""

    def drain(self, within: float = 30.0) -> None:
        """Start the mapping if needed, and wait until every record is done or discarded."""
        if not self._started:
            self.start()
        self.wait(self.mapping.drained, within)

    def update(self, **properties: Any) -> None:
        """Change properties of the mapping of a stream, in AWS's names; it goes on from its checkpoint.

        Raises LocalError for what AWS would refuse.
        """
        if not isinstance(self.mapping, EventSourceMapping):
            raise LocalError("only the mapping of a stream can be updated: make another harness")
        changed = {**self._event, **properties}
        self.mapping.update(from_event(changed))
        self._event = changed

    def stop(self) -> dict[str, str | None]:
        """Stop the mapping; return the positions by shard id."""
        stopped: dict[str, str | None] = self.mapping.stop()
        return stopped

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
        counts: MappingCounts = self.mapping.counts()
        return counts

    def positions(self) -> dict[str, str | None]:
        """Return by shard id the sequence number up to which everything is done; None: nothing yet."""
        positions: dict[str, str | None] = self.mapping.positions()
        return positions

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
