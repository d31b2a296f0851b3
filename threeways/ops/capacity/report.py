"""Print the plan, each number with its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from threeways.ops.capacity import bottlenecks, cost, limits, readers, sizing, traffic
from threeways.ops.capacity.cost import Line
from threeways.ops.capacity.prices import Prices
from threeways.ops.capacity.sizing import Plan
from threeways.stream.delivery import MAX_ENTRIES, OVERLAPPED, PUT_SECONDS


def print_plan(
    plan: Plan, prices: Prices, architecture: str, console: Console, consumers: Sequence[str] = ()
) -> None:
    """Print the whole report. consumers: the tasks of several consumers, of which the plan is the first's."""
    several = [*readers.told(plan, consumers, prices), ""] if consumers else []
    for line in (
        *_needs(plan),
        "",
        *_traffic(plan),
        "",
        *_costs(plan, prices, architecture),
        "",
        *several,
        *_breaks(plan, max(1, len(consumers))),
    ):
        bold = bool(line) and not line.startswith(" ")
        console.print(line, style="bold" if bold else None, markup=False, highlight=False, soft_wrap=True)


def _needs(plan: Plan) -> Iterator[str]:
    latencies, filled = plan.latencies, f"{sizing.FILLED:.0%} filled"
    rate = number(plan.rate)
    yield f"For {rate} events a second: make deploy PARAMETERS='{parameters(plan)}'"
    yield f"  latencies: {latencies.source}"
    yield (
        f"  records: an event has {plan.sizes.event:,} bytes and a prediction {plan.sizes.prediction:,}, "
        "keys included, by the task's example"
    )
    yield (
        f"  shards: {plan.shards:,} of each stream, {plan.rate / plan.shards:,.0f} events a second each; "
        f"{rate} / ({plan.sizes.shard_rate:,.0f} x {sizing.FILLED:g}) = "
        f"{sizing.needed_shards(plan.rate, plan.sizes):,} are {filled}"
    )
    yield (
        f"  batches: {plan.batch:,.0f} events in a window of {plan.window} s "
        f"({rate} / {plan.lanes:,} lanes x {plan.window} s); BatchSize has room for twice of them, "
        f"{plan.batch_size * plan.sizes.in_payload / 1e6:.1f} of a payload's "
        f"{limits.PAYLOAD_BYTES / 1e6:g} MB"
    )
    at_once = f"assumed; {OVERLAPPED} puts of {MAX_ENTRIES} at once"
    puts = f"{sizing.put_rounds(plan.batch)} x {PUT_SECONDS * 1e3:g} ms ({at_once})"
    yield (
        f"  an invocation: ({latencies.fixed * 1e3:.2f} ms + {plan.batch:,.0f} x "
        f"{latencies.per_event * 1e6:.1f} us) / {plan.share:.2f} of a processor "
        f"({plan.memory:,} MB / {limits.VCPU_MB:,}) + {puts} = {plan.seconds * 1e3:,.0f} ms"
    )
    yield (
        f"  lanes: {plan.shards:,} shards x ParallelizationFactor {plan.parallelization} = {plan.lanes:,}, "
        f"each up to {plan.lane_capacity:,.0f} events a second"
    )
    yield (
        f"  one key: up to {plan.key_capacity:,.0f} events a second, whose predictions go one a call of "
        f"{PUT_SECONDS * 1e3:g} ms, in order; with AggregatePredictions=true up to a shard's "
        f"{limits.SHARD_RECORDS:,}"
    )
    if plan.parallelization > 1:
        yield (
            "    with several lanes a shard no order is kept between the events of one user key in records "
            "that the Kinesis Producer Library aggregates"
        )
    yield (
        f"  concurrency: {number(plan.invocations)} invocations a second x {plan.seconds:.3f} s = "
        f"{plan.busy:,.1f} on average, {plan.lanes:,} at the most"
    )
    if plan.lanes > limits.CONCURRENCY:
        yield (
            f"    an account has {limits.CONCURRENCY:,} by default: ask for {plan.lanes:,} before you deploy "
            "(Service Quotas, Lambda, concurrent executions)"
        )
    yield f"  memory: {plan.memory:,} MB; the process took {latencies.peak_mb:.0f} MB at its peak"


def parameters(plan: Plan) -> str:
    """Return the template's parameters, as `make deploy` takes them."""
    return (
        f"ShardCount={plan.shards} BatchSize={plan.batch_size} BatchWindowSeconds={plan.window} "
        f"ParallelizationFactor={plan.parallelization} MemorySize={plan.memory}"
    )


def _traffic(plan: Plan) -> Iterator[str]:
    yield "How old an event is when it is scored"
    cold = f"a cold start adds {plan.latencies.start_seconds:.1f} s"
    for name, rate in (("now", plan.rate), ("traffic doubled", sizing.GROWTH * plan.rate)):
        found = traffic.at(plan, rate)
        line = f"  {name}: {found.age:.1f} s at the most; {cold}"
        if found.growing:
            hours = found.hours_to_give_up
            line += f"; and {found.growing:.2f} s more each second: given up after {hours:.1f} h"
        yield line
        if found.refused:
            yield (
                f"    the shards take {found.taken:,.0f} of {number(found.rate)} a second, the rest is "
                f"refused at the producer until ShardCount is {sizing.needed_shards(rate, plan.sizes):,}"
            )


def _costs(plan: Plan, prices: Prices, architecture: str) -> Iterator[str]:
    shards, function = cost.provisioned(plan, prices), cost.function(plan, prices, architecture)
    instead = cost.on_demand(plan, prices)
    yield f"A million events cost ({prices.region}, prices of {prices.date}: {', '.join(prices.pages)})"
    yield from _lines([*shards, *function])
    whole = cost.total([*shards, *function])
    hourly = cost.hourly(plan, whole)
    yield (
        f"  {'sum':27} ${whole:10.6f}   ${hourly:,.2f} an hour, "
        f"${hourly * cost.MONTH_HOURS:,.0f} a month of {cost.MONTH_HOURS} h at {number(plan.rate)} a second"
    )
    yield "  with on-demand streams (StreamMode=ON_DEMAND) instead of shards and PUT units:"
    yield from _lines(instead)
    yield f"  {'sum':27} ${cost.total([*instead, *function]):10.6f}"
    yield "  Not in it: quarantine, failures, traces, alarms, keys, other readers, free tiers, discounts"


def _lines(lines: Sequence[Line]) -> Iterator[str]:
    return (f"  {line.item:27} ${line.dollars:10.6f}   {line.arithmetic}" for line in lines)


def _breaks(plan: Plan, consumers: int) -> Iterator[str]:
    yield "What breaks first"
    for title, found in (
        ("as planned", bottlenecks.as_planned(plan, consumers)),
        ("with more shards as full as these", bottlenecks.with_more_shards(plan, consumers)),
    ):
        yield f"  {title}:"
        for limit in found:
            yield f"    {limit.rate:12,.0f} a second: {limit.what}. Fix: {limit.fix}"


def number(value: float) -> str:
    """Format a number with thousands separators and at least three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
