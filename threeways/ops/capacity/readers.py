"""Compute what several consumers of one input stream share, and what reads of one's own cost.

A shard gives 2 MB and 5 `GetRecords` a second to all that poll it together; a registered consumer (enhanced
fan-out) has 2 MB a second of its own. docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor

from threeways.errors import UsageError
from threeways.ops.capacity import cost, limits
from threeways.ops.capacity.cost import Line
from threeways.ops.capacity.prices import Prices
from threeways.ops.capacity.sizing import POLL_SECONDS, Plan
from threeways.scoring import tasks


def names_of(consumers: str) -> list[str]:
    """Return the tasks that `CONSUMERS=` names. Raises UsageError for none, and for one named twice."""
    names = [word.partition("=")[0] for word in tasks.words(consumers)]  # a shadow costs what a task does
    if not names:
        raise UsageError("CONSUMERS= names no consumer: give tasks, CONSUMERS='one another'")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"CONSUMERS= names {', '.join(twice)} twice: a consumer's name is its task's")
    return names


def most_by_calls() -> int:
    """Return how many consumers can poll a shard: Lambda calls `GetRecords` once a second for each."""
    return floor(limits.SHARD_CALLS * POLL_SECONDS)


def most_by_bytes(plan: Plan) -> int:
    """Return how many consumers can read all events of a shard by polling."""
    return floor(limits.SHARD_READ_BYTES / (plan.rate / plan.shards * plan.sizes.event))


def fan_out(plan: Plan, prices: Prices) -> list[Line]:
    """Return the cost of one consumer's enhanced fan-out, for a million events."""
    kinesis, hours = prices.kinesis, cost.MILLION / plan.rate / cost.HOUR
    gigabytes = cost.MILLION * plan.sizes.event / cost.GB
    return [
        Line(
            "fan-out, a consumer's shards",
            f"{plan.shards:,} shards x {hours:.6g} h for a million x ${kinesis.fan_out_shard_hour:g}",
            plan.shards * hours * kinesis.fan_out_shard_hour,
        ),
        Line(
            "fan-out, data out", f"{gigabytes:.3f} GB x ${kinesis.fan_out_gb_out:g}",
            gigabytes * kinesis.fan_out_gb_out,
        ),
    ]  # fmt: skip


def told(plan: Plan, consumers: Sequence[str], prices: Prices) -> Iterator[str]:
    """Yield the lines about several consumers. Raises UsageError where a stream does not take as many."""
    count, calls, by_bytes = len(consumers), most_by_calls(), most_by_bytes(plan)
    most = min(calls, by_bytes)
    if count > most + limits.FAN_OUT_CONSUMERS:
        raise UsageError(
            f"CONSUMERS= names {count}: a stream takes {limits.FAN_OUT_CONSUMERS} consumers with enhanced "
            f"fan-out (50 in On-demand Advantage), and {most} by polling: have one function do the work of "
            "several"
        )
    each = plan.rate / plan.shards * plan.sizes.event
    yield f"{count} consumers of the input stream: {', '.join(consumers)}"
    yield (
        f"  calls: {count} x 1 GetRecords a second = {count} of the {limits.SHARD_CALLS} that a shard gives "
        "to all that poll it"
    )
    yield (
        f"  bytes: {count} x {each / 2**20:.3g} MB a second = {count * each / 2**20:.3g} of a shard's "
        f"{limits.SHARD_READ_BYTES // 2**20} MB"
    )
    first = "calls" if calls <= by_bytes else "bytes"
    yield (
        f"  polling carries {most} consumers; from the {_ordinal(most + 1)} on there are too few {first}, "
        "and every one of them falls behind: EnhancedFanOut=true for as many as are more"
        + (f", here {count - most}" if count > most else "")
    )
    yield (
        f"  after a pause they share a shard's 2 MB a second: {count} that catch up at once get "
        f"{limits.SHARD_READ_BYTES / count / plan.sizes.event:,.0f} events a second and shard each"
    )
    yield f"  a consumer's own reads cost, for a million events ({prices.region}, {prices.date}):"
    lines = fan_out(plan, prices)
    yield from (f"    {line.item:29} ${line.dollars:10.6f}   {line.arithmetic}" for line in lines)
    whole = cost.total(lines)
    yield f"    {'sum':29} ${whole:10.6f}   ${cost.hourly(plan, whole):,.2f} an hour"
    yield (
        "  the sum above has the first one's function and output; a further one's: "
        + ", ".join(f"make plan RATE={plan.rate:.10g} TASK={name}" for name in consumers[1:])
    )


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
