"""Rules on the order of a partition key, and its throughput."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

from threeways.aws.cloudformation.values import as_text
from threeways.ops.doctor import rule
from threeways.ops.doctor.stack import Resource, Stack

ONE_A_CALL = 95
"""The records a second of one key, at one a call of 10 ms, with the time between calls."""
RECORDS_A_SHARD = 1_000


class LanesForAggregates(rule.KinesisRule):
    """A shard's concurrent batches are chosen by the outer partition key of an aggregated record."""

    id = "W9708"
    shortdesc = "ParallelizationFactor above 1 and records that the KPL aggregates"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"
    fix = (
        "ParallelizationFactor: 1 and more shards, or producers that do not aggregate (AggregationEnabled = "
        "false). If none does, or no order is needed, silence this rule here."
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings with a ParallelizationFactor above 1."""
        for consumer in stack.consumers:
            factor = consumer.number("ParallelizationFactor", 1)
            if factor is not None and factor > 1:
                yield (
                    consumer.at("ParallelizationFactor"),
                    (
                        f"Lambda gives a shard's records to {factor} batches at once by their partition "
                        "keys. The Kinesis Producer Library puts the user records of one key under several "
                        "of them, so that two batches have them at once and their order is lost."
                    ),
                )


class OneKeyTooFast(rule.KinesisRule):
    """A key has one shard, and a consumer that keeps its order puts one of its records a call."""

    id = "W9714"
    shortdesc = "One partition key comes faster than it can be carried"
    source_url = "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"
    fix = (
        "a partition key that is spread wider; above 95 a second, and up to a shard's 1,000, "
        "AGGREGATE_PREDICTIONS: true in this project's function."
    )

    def __init__(self) -> None:
        super().__init__()
        self.config_definition: dict[str, Any] = {"key_rate": {"default": 0, "type": "integer"}}
        self.configure()

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield consumers of a key whose configured rate is above a shard's or an ordered put's."""
        rate = self.setting("key_rate")
        for consumer in stack.consumers:
            if rate > RECORDS_A_SHARD:
                yield (
                    consumer.path,
                    (
                        f"{rate:,} records a second of one key are on one shard, which takes "
                        f"{RECORDS_A_SHARD:,}: more shards do not help, and producers are throttled."
                    ),
                )
            elif rate > ONE_A_CALL and consumer.function and _puts_one_a_call(consumer.function):
                yield (
                    consumer.function.path,
                    (
                        f"The predictions of one key go one a call, which at 10 ms a call are {ONE_A_CALL} a "
                        f"second, and {rate:,} come: that key's shard falls behind, and its records grow old."
                    ),
                )


def _puts_one_a_call(function: Resource) -> bool:
    """Return whether it is this project's function, without aggregated predictions."""
    environment = function.properties.get("Environment")
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    if not isinstance(variables, dict) or "PREDICTIONS_STREAM_NAME" not in variables:
        return False
    return as_text(variables.get("AGGREGATE_PREDICTIONS", False)) == "false"
