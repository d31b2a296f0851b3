"""Compute a plan's cost line by line, each with its arithmetic, to be checked by hand."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from threeways.ops.capacity.prices import Prices
from threeways.ops.capacity.sizing import Plan

MILLION, HOUR, MONTH_HOURS = 1_000_000, 3_600, 730
PUT_UNIT, KB, GB = 25 * 1024, 1024, 2**30
LOG_BYTES = 2_200
"""The bytes that an invocation logs: Lambda's START, END and REPORT, the metrics and one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One item. arithmetic: in words. dollars: for a million events."""

    item: str
    arithmetic: str
    dollars: float


def provisioned(plan: Plan, prices: Prices) -> list[Line]:
    """Return the cost of both streams' shards, for a million events. Reading them is free."""
    kinesis, hours = prices.kinesis, MILLION / plan.rate / HOUR
    units = sum(ceil(size / PUT_UNIT) for size in (plan.sizes.event, plan.sizes.prediction))
    return [
        Line(
            "shards of two streams",
            f"2 x {plan.shards:,} shards x {hours:.6g} h for a million x ${kinesis.shard_hour:g}",
            2 * plan.shards * hours * kinesis.shard_hour,
        ),
        Line(
            "PUT payload units",
            f"{units} (25 KB each, events and predictions) x ${kinesis.million_put_units:g} a million",
            units * kinesis.million_put_units,
        ),
    ]


def on_demand(plan: Plan, prices: Prices) -> list[Line]:
    """Return the cost of both streams in on-demand mode instead; the predictions are read once."""
    kinesis, hours = prices.kinesis, MILLION / plan.rate / HOUR
    gigabytes = MILLION * sum(ceil(size / KB) for size in (plan.sizes.event, plan.sizes.prediction)) * KB / GB
    return [
        Line(
            "two streams", f"2 x {hours:.6g} h x ${kinesis.on_demand_stream_hour:g}",
            2 * hours * kinesis.on_demand_stream_hour,
        ),
        Line(
            "data in", f"{gigabytes:.3f} GB (records rounded up to 1 KB) x ${kinesis.on_demand_gb_in:g}",
            gigabytes * kinesis.on_demand_gb_in,
        ),
        Line(
            "data out", f"{gigabytes:.3f} GB x ${kinesis.on_demand_gb_out:g}",
            gigabytes * kinesis.on_demand_gb_out,
        ),
    ]  # fmt: skip


def function(plan: Plan, prices: Prices, architecture: str) -> list[Line]:
    """Return the cost of the function and its log, for a million events."""
    invocations = MILLION / plan.batch
    billed = ceil(round(plan.seconds * 1000, 6)) / 1000  # rounding errors must not add a millisecond
    gigabytes, price = plan.memory / 1024, prices.function.gb_second[architecture]
    log = invocations * LOG_BYTES / GB
    return [
        Line(
            "Lambda, requests",
            f"1,000,000 / {plan.batch:,.0f} events a batch x ${prices.function.million_requests:g} a million",
            invocations / MILLION * prices.function.million_requests,
        ),
        Line(
            f"Lambda, GB-seconds, {architecture}",
            f"{invocations:,.0f} invocations x {billed:g} s x {gigabytes:g} GB x ${price:.10f}",
            invocations * billed * gigabytes * price,
        ),
        Line(
            "CloudWatch Logs",
            f"{invocations:,.0f} invocations x {LOG_BYTES:,} bytes = {log:.4f} GB x "
            f"${prices.logs.gb_ingested:g}",
            log * prices.logs.gb_ingested,
        ),
    ]


def total(lines: list[Line]) -> float:
    """Return the dollars for a million events."""
    return sum(line.dollars for line in lines)


def hourly(plan: Plan, a_million: float) -> float:
    """Return the dollars an hour at the plan's rate."""
    return a_million * plan.rate * HOUR / MILLION
