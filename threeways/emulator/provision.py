"""Create a stack's streams, tables, buckets, queues and topics in the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from threeways.aws import errors
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.resources import Resource
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
    sns = emulator.client("sns")
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
        _create_queues(stack.queues.values(), emulator.client("sqs"))
        for table in stack.tables.values():
            _create_table(table, emulator.client("dynamodb"))
        for topic in stack.topics.values():
            fifo = {"FifoTopic": "true"} if topic.name.endswith(".fifo") else {}
            sns.create_topic(Name=topic.name, Attributes=fifo)


def _create_queues(queues: Iterable[Resource], sqs: Any) -> None:
    """Create the queues, and then their redrive policies, each of which names another."""
    redrive = {}
    for queue in queues:
        given = {name: _text(value) for name, value in queue.properties.items()}
        policy = given.pop("RedrivePolicy", None)
        if queue.name.endswith(".fifo"):
            given["FifoQueue"] = "true"
        url = sqs.create_queue(QueueName=queue.name, Attributes=given)["QueueUrl"]
        if policy:
            redrive[url] = {"RedrivePolicy": policy}
    for url, attributes in redrive.items():
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def _text(value: Any) -> str:
    """Return an attribute as SQS takes it: a text, in JSON where it is a mapping or a truth value."""
    return value if isinstance(value, str) else json.dumps(value)


def _create_table(table: Resource, dynamodb: Any) -> None:
    """Create a table, with its stream and indexes; its time to live is only told, as nothing expires here."""
    given = dict(table.properties)
    ttl, stream = given.pop("TimeToLiveSpecification", None), given.pop("StreamSpecification", None)
    if stream:
        view = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
        given["StreamSpecification"] = view
    dynamodb.create_table(TableName=table.name, **_with_numbers(given))
    if ttl:
        as_told = {**ttl, "Enabled": str(ttl.get("Enabled")).lower() == "true"}
        dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=as_told)


def _with_numbers(given: Any) -> Any:
    """Return properties with capacities as numbers: parameters are always texts."""
    if isinstance(given, Mapping):
        return {
            name: int(value) if name.endswith("CapacityUnits") else _with_numbers(value)
            for name, value in given.items()
        }
    return [_with_numbers(value) for value in given] if isinstance(given, list) else given
