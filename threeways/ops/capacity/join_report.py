"""Print what a join needs and costs at a rate of subjects, and what breaks first, with the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from rich.console import Console

from threeways.join.join import Join
from threeways.join.requests import BUCKETS
from threeways.join.timers import MAX_ENTRIES
from threeways.ops.capacity import limits
from threeways.ops.capacity.bottlenecks import Bottleneck
from threeways.ops.capacity.cost import GB, HOUR, MILLION, PUT_UNIT, Line, total
from threeways.ops.capacity.join_sizing import JoinSizes, sizes_of
from threeways.ops.capacity.prices import Prices
from threeways.ops.capacity.report import number
from threeways.ops.capacity.sizing import FILLED

KEY_SECONDS = 1 / 1_200
"""Seconds of a processor that a key and batch take, calls overlapped and answered in 5 ms: twice what `make
bench-join` measures, for a slower processor. Measure: Joiner's Duration and its metric Keys."""
DAYS_A_MONTH = 365 / 12
QUEUE_CALLS = 3
"""Of a message: sent, received, deleted; ten a call at the best, which a steady rate comes close to."""


def print_plan(
    join: Join[Any], rate: float, memory: int, prices: Prices, arch: str, console: Console, named: str = ""
) -> None:
    """Print the whole report. rate: of subjects a second. memory: of each function, in MB.

    named: the JOIN that finds it, where that is not its name.
    """
    sizes = sizes_of(join)
    for line in (
        *_needs(named or join.name, sizes, rate, memory),
        "",
        *_costs(sizes, rate, memory, prices, arch),
        "",
        *_breaks(sizes, rate),
    ):
        bold = bool(line) and not line.startswith(" ")
        console.print(line, style="bold" if bold else None, markup=False, highlight=False, soft_wrap=True)


def shards(records: float, size: int) -> int:
    """Return the shards of a stream that takes so many records of a size each second."""
    a_shard = min(limits.SHARD_RECORDS, limits.SHARD_BYTES / size)
    return max(1, ceil(records / (a_shard * FILLED)))


def _needs(named: str, sizes: JoinSizes, rate: float, memory: int) -> Iterator[str]:
    needed = max(shards(rate * sizes.verdicts, sizes.verdict), _decision_shards(sizes, rate))
    yield (
        f"For {number(rate)} subjects a second: make deploy JOIN={named} "
        f"PARAMETERS='ShardCount={needed} MemorySize={memory}'"
    )
    yield (
        f"  a key: the subject's event and {sizes.verdicts} verdicts, {len(sizes.messages)} messages, "
        f"{sizes.item:,} bytes in the table for {sizes.keep_days} days, by the join's example"
    )
    yield (
        f"  writes: {sizes.calls} a key (1 subject + {sizes.verdicts} verdicts, each in a batch of its own, "
        f"+ 1 decision + 1 note that it is put), {number(rate * sizes.calls)} a second; fewer where verdicts "
        "come in one batch"
    )
    yield (
        f"  write units: {sizes.writes} a key (of 1 KB of the item: {sizes.adds} as events come, "
        f"{sizes.commit} the decision, {sizes.publish} the note; {sizes.index} of the index), "
        f"{number(rate * sizes.writes)} a second"
    )
    yield f"  read units: {sizes.reads} a key, when its deadline's message arrives"
    yield (
        f"  shards: {shards(rate, sizes.subject):,} of the events, "
        f"{shards(rate * sizes.verdicts, sizes.verdict):,} of the verdicts, "
        f"{_decision_shards(sizes, rate):,} of the decisions, {FILLED:.0%} filled"
    )
    keys = rate * (1 + sizes.verdicts)
    yield (
        f"  processors: {keys * KEY_SECONDS:.3g}, for {number(keys)} keys and batches a second of "
        f"{KEY_SECONDS * 1000:.2f} ms each; a function of {memory:,} MB has {_share(memory):.2f}"
    )


def _decision_shards(sizes: JoinSizes, rate: float) -> int:
    messages = len(sizes.messages)
    return shards(rate * messages, max(1, sum(sizes.messages) // messages)) if messages else 1


def _share(memory: int) -> float:
    return min(1.0, memory / limits.VCPU_MB)


def lines_of(sizes: JoinSizes, rate: float, memory: int, prices: Prices, arch: str) -> list[Line]:
    """Return what a million subjects cost, line by line."""
    table, hours = prices.dynamodb, MILLION / rate / HOUR
    months = sizes.keep_days / DAYS_A_MONTH
    stored = MILLION * sizes.item / GB
    calls = sizes.hops * QUEUE_CALLS / MAX_ENTRIES
    streams = shards(rate * sizes.verdicts, sizes.verdict) + _decision_shards(sizes, rate) + sizes.labels
    units = sizes.verdicts * ceil(sizes.verdict / PUT_UNIT)
    units += sum(ceil(one / PUT_UNIT) for one in sizes.messages)
    seconds = (1 + sizes.verdicts + 2) * KEY_SECONDS / _share(memory)
    gigabytes, gb_second = memory / 1024, prices.function.gb_second[arch]
    invocations = max(2 * MILLION / max(rate, 1), MILLION / 100)
    return [
        Line(
            "table and index, writes", f"{sizes.writes} units x ${table.million_write_units:g} a million",
            sizes.writes * table.million_write_units,
        ),
        Line(
            "table, reads", f"{sizes.reads} units x ${table.million_read_units:g} a million",
            sizes.reads * table.million_read_units,
        ),
        Line(
            "table, storage and its backup",
            f"{stored:.3f} GB x {months:.2f} months x ${table.gb_month + table.backup_gb_month:g}",
            stored * months * (table.gb_month + table.backup_gb_month),
        ),
        Line(
            "queue", f"{calls:g} calls a key ({sizes.hops} delays x {QUEUE_CALLS} / {MAX_ENTRIES}) x "
            f"${prices.sqs.million_requests:g} a million", calls * prices.sqs.million_requests,
        ),
        Line(
            "shards, all but the events'",
            f"{streams} x {hours:.6g} h for a million x ${prices.kinesis.shard_hour:g}",
            streams * hours * prices.kinesis.shard_hour,
        ),
        Line(
            "PUT payload units", f"{units} (25 KB each) x ${prices.kinesis.million_put_units:g} a million",
            units * prices.kinesis.million_put_units,
        ),
        Line(
            "Lambda, requests", f"{invocations:,.0f} x ${prices.function.million_requests:g} a million",
            invocations / MILLION * prices.function.million_requests,
        ),
        Line(
            f"Lambda, GB-seconds, {arch}",
            f"1,000,000 x {seconds * 1000:.3g} ms x {gigabytes:g} GB x ${gb_second:.10f}",
            MILLION * seconds * gigabytes * gb_second,
        ),
    ]  # fmt: skip


def _costs(sizes: JoinSizes, rate: float, memory: int, prices: Prices, arch: str) -> Iterator[str]:
    lines = lines_of(sizes, rate, memory, prices, arch)
    whole = total(lines)
    yield f"Dollars for a million subjects, {prices.region}, {prices.date}"
    for line in lines:
        yield f"  {line.item:31} ${line.dollars:10.6f}   {line.arithmetic}"
    yield f"  {'sum':31} ${whole:10.6f}   ${whole * rate * HOUR / MILLION:.4g} an hour"
    yield (
        "  Not in it: the events stream and the consumers (make plan of each), quarantine, failures, logs, "
        "alarms, keys, an idle queue's polls, free tiers. Lambda reads the table's stream for nothing"
    )


def bottlenecks(sizes: JoinSizes) -> list[Bottleneck]:
    """Return the limits on subjects a second, the lowest first."""
    own = sizes.writes - sizes.index
    found = [
        Bottleneck(
            f"the index's {BUCKETS} partitions take {limits.PARTITION_WRITES:,} units a second each: "
            "WriteThrottleEvents of `due`, and of the table with it",
            BUCKETS * limits.PARTITION_WRITES / sizes.index,
            "more BUCKETS in threeways/join/requests.py, for keys opened from then on",
        ),
        Bottleneck(
            f"a new on-demand table takes {limits.TABLE_FIRST_WRITES:,} units a second at once, and twice "
            "its last peak within half an hour: WriteThrottleEvents, IteratorAge grows",
            limits.TABLE_FIRST_WRITES / own,
            "let traffic grow, or give the table warm throughput before",
        ),
        Bottleneck(
            f"{limits.TABLE_WRITES:,} units a second of a table, the account's default: WriteThrottleEvents",
            limits.TABLE_WRITES / own,
            "ask for a higher DynamoDB quota",
        ),
        Bottleneck(
            f"{limits.IN_FLIGHT:,} messages of a queue in flight, a second each: messages wait, and the "
            "sweeper decides a minute late",
            limits.IN_FLIGHT,
            "ask for a higher SQS quota",
        ),
    ]
    return sorted(found, key=lambda limit: limit.rate)


def _breaks(sizes: JoinSizes, rate: float) -> Iterator[str]:
    yield "What breaks first"
    for limit in bottlenecks(sizes):
        over = "  <- below the rate" if limit.rate < rate else ""
        yield f"    {limit.rate:12,.0f} subjects a second: {limit.what}. Fix: {limit.fix}{over}"
    a_key = limits.PARTITION_WRITES / max(1, ceil(sizes.item / 1024))
    yield (
        f"    {a_key:12,.0f} verdicts a second of one key, each in a batch of its own: a key is in one "
        f"partition, which takes {limits.PARTITION_WRITES:,} units a second. Fix: a larger batch window, "
        "which writes a key's once; an item takes no verdict beyond 240 KB"
    )
