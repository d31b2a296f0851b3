"""Create a stack's streams, buckets, queues and topics in the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threeways.aws import errors
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.stack import Stack
from threeways.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import WaiterConfigTypeDef

_SOON: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 60}
"""boto3 polls every 10 s by default; emulators take half a second at most."""


def provision(stack: Stack, emulator: Endpoint, *, shards: int | None = None) -> None:
    """Create all resources of the stack. shards: overrides each stream's own count.

    Raises LocalError if one cannot be created; the emulator must be a new one.
    """
    if shards is not None and shards < 1:
        raise LocalError(f"SHARDS is {shards}: a stream has 1 shard or more")
    kinesis, s3 = emulator.client("kinesis"), emulator.client("s3")
    sqs, sns = emulator.client("sqs"), emulator.client("sns")
    said = "the emulator cannot make the template's resources"
    with errors.named(lambda error: LocalError(f"{said}: {error}")):
        for stream in stack.streams.values():
            kinesis.create_stream(StreamName=stream.name, ShardCount=shards or stream.shards)
            kinesis.get_waiter("stream_exists").wait(StreamName=stream.name, WaiterConfig=_SOON)
        for bucket in stack.buckets.values():
            if emulator.region == "us-east-1":  # S3 refuses its default region as a constraint
                s3.create_bucket(Bucket=bucket.name)
            else:
                place: dict[str, str] = {"LocationConstraint": emulator.region}
                s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=place)  # type: ignore[arg-type]
        for queue in stack.queues.values():
            fifo = {"FifoQueue": "true"} if queue.name.endswith(".fifo") else {}
            sqs.create_queue(QueueName=queue.name, Attributes=fifo)
        for topic in stack.topics.values():
            fifo = {"FifoTopic": "true"} if topic.name.endswith(".fifo") else {}
            sns.create_topic(Name=topic.name, Attributes=fifo)
