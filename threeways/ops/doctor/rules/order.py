"""Rules on the order of a partition key, and its throughput."""

from __future__ import annotations

from collections.abc import Iterator

from threeways.aws.cloudformation.values import as_text
from threeways.ops.doctor.rule import Fault, of_consumer, of_stack
from threeways.ops.doctor.rules.stream import RECORDS_A_SHARD
from threeways.ops.doctor.stack import Consumer, Resource, Stack

ONE_A_CALL = 95
"""The records a second of one key, at one a call of 10 ms, with the time between calls."""


@of_consumer(
    "W9708",
    "ParallelizationFactor above 1 and records that the KPL aggregates",
    at="ParallelizationFactor",
    page="lambda/latest/dg/services-kinesis-parameters.html",
    fix=(
        "ParallelizationFactor: 1 and more shards, or producers that do not aggregate (AggregationEnabled = "
        "false). If none does, or no order is needed, silence this rule here."
    ),
)
def lanes_for_aggregates(consumer: Consumer, _: Stack) -> str | None:
    """A shard's concurrent batches are chosen by the outer partition key of an aggregated record."""
    factor = consumer.number("ParallelizationFactor", 1)
    if factor is None or factor <= 1:
        return None
    return (
        f"Lambda gives a shard's records to {factor} batches at once by their partition keys. The Kinesis "
        "Producer Library puts the user records of one key under several of them, so that two batches have "
        "them at once and their order is lost."
    )


@of_consumer(
    "W9716",
    "The stream distributes records by itself, and not by their partition keys",
    page="streams/latest/dev/service-managed-record-distribution.html",
    fix="RecordDistributionStrategy: USER_PARTITION_KEY. If no order is needed, silence this rule here.",
)
def keys_ignored(consumer: Consumer, _: Stack) -> str | None:
    """`AUTO` puts records of one partition key on several shards."""
    stream = consumer.stream
    if stream is None or stream.properties.get("RecordDistributionStrategy") != "AUTO":
        return None
    return (
        f"{stream.logical_id} ignores partition keys (RecordDistributionStrategy AUTO): records of one key "
        "are on several shards, which are read at once, so that their order is lost."
    )


@of_stack(
    "W9714",
    "One partition key comes faster than it can be carried",
    page="kinesis/latest/APIReference/API_PutRecords.html",
    fix=(
        "a partition key that is spread wider; above 95 a second, and up to a shard's 1,000, "
        "AGGREGATE_PREDICTIONS: true in this project's function."
    ),
    key_rate=0,
)
def one_key_too_fast(stack: Stack, key_rate: int) -> Iterator[Fault]:
    """A key has one shard, and a consumer that keeps its order puts one of its records a call."""
    for consumer in stack.consumers:
        if key_rate > RECORDS_A_SHARD:
            yield Fault(
                consumer.path,
                f"{key_rate:,} records a second of one key are on one shard, which takes "
                f"{RECORDS_A_SHARD:,}: more shards do not help, and producers are throttled.",
            )
        elif key_rate > ONE_A_CALL and consumer.function and _puts_one_a_call(consumer.function):
            yield Fault(
                consumer.function.path,
                f"The predictions of one key go one a call, which at 10 ms a call are {ONE_A_CALL} a "
                f"second, and {key_rate:,} come: that key's shard falls behind, and its records grow old.",
            )


def _puts_one_a_call(function: Resource) -> bool:
    """Return whether it is this project's function, without aggregated predictions."""
    variables = function.mapping("Environment").get("Variables")
    if not isinstance(variables, dict) or "PREDICTIONS_STREAM_NAME" not in variables:
        return False
    return as_text(variables.get("AGGREGATE_PREDICTIONS", False)) == "false"
