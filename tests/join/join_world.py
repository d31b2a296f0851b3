"""A join's four functions on the emulator, called by hand: its table, queue, streams and quarantine."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from join_lab import AMPLE, QUICK, Clock, event, make, new_table

from threeways.aws import clients, dynamodb
from threeways.aws.calls import Backoff, Context
from threeways.aws.kinesis import ShardReader, list_shards
from threeways.emulator.faults import FaultProxy, Schedule, Script
from threeways.emulator.server import Emulator
from threeways.join.deadlines import Deadlines
from threeways.join.functions import CALLS
from threeways.join.join import Key
from threeways.join.joiner import Joiner
from threeways.join.publisher import Outbox, Publisher
from threeways.join.state import KeyState
from threeways.join.sweeper import Sweeper
from threeways.join.table import DynamoTable
from threeways.join.telemetry import Tally
from threeways.join.timers import SqsTimers
from threeways.stream.delivery import StreamDelivery
from threeways.stream.quarantine import S3Quarantine


@dataclass
class Seconds:
    """An invocation's context with so much time left."""

    seconds: float = 20.0
    aws_request_id: str = "request"
    function_name: str = "joined"
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends - time.monotonic()) * 1000)


class Kept:
    """Telemetry that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Tally]] = []

    def report(self, handler: str, tally: Tally, context: Context | None) -> None:
        self.told.append((handler, tally))

    @property
    def counts(self) -> Counter[str]:
        """All counts together."""
        return sum((tally.counts for _, tally in self.told), Counter())

    @property
    def last(self) -> Tally:
        return self.told[-1][1]


class Cloud:
    """The emulator behind a proxy that injects faults, and clients of both: they are slow to make."""

    def __init__(self, emulator: Emulator, proxy: FaultProxy) -> None:
        self.emulator = emulator
        self.proxy = proxy
        self.client: Callable[[str], Any] = cache(emulator.client)

    @cache  # noqa: B019 - it lives as long as the session
    def faulty(self, service: str) -> Any:
        """A client of one attempt a call, by way of the proxy."""
        calls = {**CALLS, "read_timeout": 5, "max_pool_connections": 50}
        if service == "dynamodb":
            return dynamodb.client(clients.core_session(), endpoint_url=self.proxy.endpoint_url, **calls)
        return clients.client(service, endpoint_url=self.proxy.endpoint_url, **calls)


class World:
    """Calls the functions of a join by hand."""

    def __init__(self, cloud: Cloud, **more: Any) -> None:
        self.cloud = cloud
        cloud.proxy.schedule = Script()
        self.clock = Clock()
        self.telemetry = Kept()
        self.name = f"world-{uuid.uuid4().hex[:8]}"
        self.table_name = new_table(cloud.emulator)
        cloud.client("kinesis").create_stream(StreamName=self.name, ShardCount=1)
        cloud.client("s3").create_bucket(Bucket=self.name)
        self.queue_url = cloud.client("sqs").create_queue(QueueName=self.name)["QueueUrl"]
        self.use(**more)

    def use(self, **more: Any) -> None:
        """Make the functions of a join, as a deployment does."""
        self.join = make(**more)
        self.table = DynamoTable(self.cloud.faulty("dynamodb"), self.table_name, self.join, QUICK)
        self.timers = SqsTimers(self.cloud.faulty("sqs"), self.queue_url, QUICK)
        self.quarantine = S3Quarantine(self.cloud.faulty("s3"), f"s3://{self.name}/quarantine", QUICK)
        delivery = StreamDelivery(self.cloud.faulty("kinesis"), self.name, Backoff(base=0.002, cap=0.02))
        publisher = Publisher(self.join, self.table, delivery, clock=self.clock)
        self.joiner = Joiner(
            self.join, self.table, self.timers, self.quarantine, self.telemetry, clock=self.clock
        )
        self.deadlines = Deadlines(self.join, self.table, self.timers, self.telemetry, clock=self.clock)
        self.sweeper = Sweeper(self.join, self.table, publisher, self.telemetry, clock=self.clock)
        self.outbox = Outbox(self.join, publisher, self.telemetry)

    def faults(self, schedule: Schedule) -> None:
        self.cloud.proxy.schedule = schedule

    def put(self, *messages: Any, first: int = 1, seconds: float = 20.0) -> list[str]:
        """Invoke the joiner with a batch; return the sequence numbers that it reports."""
        answer = self.joiner(event(*messages, now=self.clock.now, first=first), Seconds(seconds))
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def sweep(self, seconds: float = 20.0) -> dict[str, int]:
        return self.sweeper(None, Seconds(seconds))

    def expire(self, *bodies: Any) -> list[str]:
        records = [
            {"messageId": str(place), "body": body if isinstance(body, str) else json.dumps(body)}
            for place, body in enumerate(bodies)
        ]
        answer = self.deadlines({"Records": records}, Seconds())
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def state(self, key: Key) -> KeyState:
        found = self.table.load(key, AMPLE)
        assert found is not None
        return found

    def outcomes(self, key: Key) -> list[str]:
        """A key's decisions so far."""
        return [one.outcome for _, one in sorted(self.state(key).decisions.items())]

    def messages(self) -> list[dict[str, Any]]:
        """All that was put onto the decisions stream, in order."""
        kinesis = self.cloud.client("kinesis")
        [shard] = list_shards(kinesis, self.name)
        reader = ShardReader(kinesis, shard.id, {"StreamName": self.name})
        return [json.loads(record["Data"]) for record in reader.read()]

    def quarantined(self) -> list[dict[str, Any]]:
        """All that was set aside, an entry a record."""
        s3 = self.cloud.client("s3")
        found = s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        bodies = [s3.get_object(Bucket=self.name, Key=one["Key"])["Body"].read() for one in found]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def timers_set(self) -> list[dict[str, Any]]:
        """The timers on the queue whose delay is over, which are taken off it."""
        sqs = self.cloud.client("sqs")
        found = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]

    def queued(self) -> int:
        """How many timers are on the queue, delayed or not."""
        attributes = self.cloud.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["All"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(
            attributes["ApproximateNumberOfMessagesDelayed"]
        )
