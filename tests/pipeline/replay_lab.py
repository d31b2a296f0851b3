"""A function, its streams and its quarantine on the emulator, and what lies there, for the replay's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from doubles import FakeModel

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.emulator.server import Emulator
from threeways.ops.locations import Bucket
from threeways.ops.replay.documents import Batch
from threeways.ops.replay.proof import Found, Proof
from threeways.ops.replay.refetch import fetch
from threeways.ops.replay.rounds import Replay
from threeways.ops.replay.sending import Sender
from threeways.ops.replay.target import Target
from threeways.scoring.service import ModelService
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import QuarantineEntry, S3Quarantine, read
from threeways.stream.records import Record
from threeways.systems.taxi.duration import task

SHARD = "shardId-000000000000"
ARRIVED = datetime(2026, 3, 1, 13, 15, 0, 123000, tzinfo=UTC)
_numbers = count()


@dataclass
class Lab:
    """A real handler on the emulator's streams and buckets, called in this process.

    before: is called with each event and may raise, or answer in the function's place.
    """

    emulator: Emulator
    name: str = field(default_factory=lambda: f"replay-{next(_numbers)}")
    before: Callable[[dict[str, Any]], InvocationResult | None] = lambda event: None
    said: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kinesis: Any = self.emulator.client("kinesis")
        self.s3: Any = self.emulator.client("s3")
        self.kinesis.create_stream(StreamName=self.name, ShardCount=2)
        self.s3.create_bucket(Bucket=self.name)
        self.handle = StreamHandler(
            ModelService(FakeModel(), task, "run-1"),
            StreamDelivery(self.kinesis, self.name),
            S3Quarantine(self.s3, self.quarantine),
        )

    @property
    def quarantine(self) -> str:
        return f"s3://{self.name}/quarantine"

    @property
    def target(self) -> Target:
        return Target(
            name="tested", is_local=False, whose="nobody", real=False, invoke=self.invoke,
            kinesis=self.kinesis, s3=self.s3, output_stream=self.name, quarantine=self.quarantine,
        )  # fmt: skip

    def invoke(self, payload: bytes) -> InvocationResult:
        event = json.loads(payload)
        self.events.append(event)
        instead = self.before(event)
        if instead is not None:
            return instead
        try:
            return InvocationResult(payload=json.dumps(self.handle(event)).encode())
        except Exception as error:  # noqa: BLE001 - what the handler raises is the function's error
            return InvocationResult(error=FunctionError(type(error).__name__, str(error)))

    def replay(self, place: Any, keep: Callable[[Found], None] = lambda found: None) -> Replay:
        """A replay of a place with this function; `run` it."""
        return Replay(
            place=place,
            keys=place.keys(),
            fetch=self.fetch,
            sender=Sender(self.invoke, self.stopping, self.said.append, backoff=lambda failures: 0.0),
            make_proof=lambda hours, _: Proof(self.target, hours, patience=0.6),
            keep=keep,
            tell=self.said.append,
        )

    def fetch(self, batch: Batch) -> list[Record]:
        return fetch(self.kinesis, batch)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def there(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def quarantined(self) -> list[str]:
        """The ids in quarantine, each as often as it is there."""
        return sorted(entry.source_event_id for _, entry in read(self.s3, self.quarantine))

    def predicted(self) -> list[dict[str, Any]]:
        """Everything on the output stream."""
        found = []
        for shard in self.kinesis.list_shards(StreamName=self.name)["Shards"]:
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            records = self.kinesis.get_records(ShardIterator=iterator)["Records"]
            found += [json.loads(record["Data"]) for record in records]
        return found

    def predicted_ids(self) -> list[str]:
        return sorted(made["source_event_id"] for made in self.predicted())


def quarantine_of(lab: Lab) -> Bucket:
    return Bucket(lab.name, "quarantine", lab.quarantine)


def ids(*numbers: int | str) -> list[str]:
    return [f"{SHARD}:{number}" for number in numbers]


def entry(event_id: str, data: bytes, key: str = "key") -> QuarantineEntry:
    """What was quarantined for a reason that may be gone by now."""
    shard, number, *_ = event_id.split(":")
    return QuarantineEntry(
        source_event_id=event_id,
        shard_id=shard,
        sequence_number=number,
        partition_key=key,
        arrived=ARRIVED,
        code="invalid_event",
        message="the reason of then",
        data=data,
        quarantined=ARRIVED + timedelta(seconds=1),
        event_source_arn="arn:aws:kinesis:us-east-1:123456789012:stream/ride_events",
    )


def lines(entries: Iterable[QuarantineEntry]) -> bytes:
    return msgspec.json.Encoder().encode_lines(list(entries))


def failure_document(event: dict[str, Any] | None, **batch: Any) -> bytes:
    """A failure document as AWS's page shows it: with the event for S3, without it for SQS and SNS.

    docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
        }
        | batch,
    }
    return json.dumps(document | ({} if event is None else {"payload": json.dumps(event)})).encode()
