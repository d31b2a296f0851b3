"""Find the first bottlenecks, as planned and with more shards, and their rates."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.ops.capacity import limits
from threeways.ops.capacity.sizing import Plan


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A bottleneck. what: what happens at `rate` events a second, and how it shows. fix: how to raise it."""

    what: str
    rate: float
    fix: str


def as_planned(plan: Plan, consumers: int = 1) -> list[Bottleneck]:
    """Return the limits of the deployment as planned, the lowest first. consumers: that poll the stream."""
    shards = plan.shards
    found = [
        Bottleneck(
            f"the shards take {limits.SHARD_RECORDS:,} records a second each: producers are throttled",
            shards * limits.SHARD_RECORDS,
            "raise ShardCount",
        ),
        Bottleneck(
            "the predictions' shards take 1 MB a second each: deliveries are retried, IteratorAge grows",
            shards * limits.SHARD_BYTES / plan.sizes.prediction,
            "raise ShardCount",
        ),
        Bottleneck(
            f"GetRecords gives 2 MB a second of a shard{_to_all(consumers)}: IteratorAge grows",
            shards * limits.SHARD_READ_BYTES / plan.sizes.event / consumers,
            "raise ShardCount, or give consumers reads of their own, EnhancedFanOut=true",
        ),
        Bottleneck(
            f"GetRecords gives {limits.CALL_RECORDS:,} records, once a second: IteratorAge grows",
            shards * limits.CALL_RECORDS,
            "raise ShardCount",
        ),
        Bottleneck(
            f"the lanes ({plan.lanes:,}) do {plan.lane_capacity:,.0f} events a second each: "
            "IteratorAge grows",
            plan.lanes * plan.lane_capacity,
            "raise ParallelizationFactor, then MemorySize up to 1,769",
        ),
    ]
    if plan.sizes.event > plan.sizes.prediction:
        what = "the events' shards take 1 MB a second each: producers are throttled"
        found.append(Bottleneck(what, shards * limits.SHARD_BYTES / plan.sizes.event, "raise ShardCount"))
    lanes, busy = plan.lanes * consumers, plan.busy * consumers
    if lanes > limits.CONCURRENCY:
        what = (
            f"{limits.CONCURRENCY:,} concurrent invocations, the account's default, are fewer than the "
            f"{lanes:,} lanes{_of_all(consumers)}: on average {busy:,.0f} are busy, after a pause all: "
            "throttles"
        )
        rate = plan.rate * limits.CONCURRENCY / busy
        found.append(Bottleneck(what, rate, "ask for a higher Lambda quota before you deploy"))
    return sorted(found, key=lambda limit: limit.rate)


def _to_all(consumers: int) -> str:
    return f" to {consumers} consumers together" if consumers > 1 else ""


def _of_all(consumers: int) -> str:
    return f" of {consumers} consumers alike" if consumers > 1 else ""


def with_more_shards(plan: Plan, consumers: int = 1) -> list[Bottleneck]:
    """Return the quotas that limit adding shards as full as these, the lowest first.

    consumers: each with as many lanes and an output stream of as many shards as the plan's.
    """
    a_shard = plan.rate / plan.shards
    streams = 1 + consumers
    found = [
        Bottleneck(
            f"{limits.CONCURRENCY:,} concurrent invocations{_of_all(consumers)}, if every lane is busy at "
            "once",
            limits.CONCURRENCY / plan.parallelization / consumers * a_shard,
            "ask for a higher Lambda quota: tens of thousands are given",
        ),
        Bottleneck(
            f"{limits.ACCOUNT_SHARDS:,} shards of an account, for {streams} streams",
            limits.ACCOUNT_SHARDS / streams * a_shard,
            "ask for a higher Kinesis quota",
        ),
        Bottleneck(
            f"{limits.STREAM_SHARDS:,} shards of a stream",
            limits.STREAM_SHARDS * a_shard,
            "deploy a second stack",
        ),
    ]
    return sorted(found, key=lambda limit: limit.rate)
