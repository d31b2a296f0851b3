"""Several consumers of one stream: what they share, from which one on it hurts, what own reads cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from threeways.errors import UsageError
from threeways.ops.capacity import bottlenecks, cost, limits, prices, readers, sizing
from threeways.ops.capacity.measurements import Latencies
from threeways.ops.capacity.record_sizes import Sizes

LATENCIES = Latencies(0.001, 10e-6, 0.5, 100.0, "here")


def planned(event: int = 150, **request: Any) -> sizing.Plan:
    return sizing.plan(sizing.Request(sizes=Sizes(event, 280), **{"rate": 10_000.0} | request), LATENCIES)


def said(plan: sizing.Plan, count: int) -> str:
    return "\n".join(readers.told(plan, [f"task_{n}" for n in range(count)], prices.read()))


def test_small_events_are_read_by_as_many_as_a_shard_answers_calls() -> None:
    text = said(planned(), 2)
    assert "2 of the 5 that a shard gives" in text
    assert "polling carries 5 consumers; from the 6th on there are too few calls" in text


def test_large_events_are_read_by_as_many_as_a_shard_s_bytes_carry() -> None:
    """A shard that is filled to 80 % of its 1 MB a second gives its 2 MB to two."""
    plan = planned(event=100_000, rate=80.0)
    assert readers.most_by_bytes(plan) == 2
    assert "polling carries 2 consumers; from the 3rd on there are too few bytes" in said(plan, 2)
    assert "for as many as are more, here 3" in said(plan, 5)


def test_reads_of_ones_own_are_billed_by_shard_and_gigabyte() -> None:
    """13 shards, 100 s for a million: 13 / 36 h x $0.015, and 150 MB x $0.013 a GB, by hand."""
    plan = planned()
    assert plan.shards == 13
    shards, data = readers.fan_out(plan, prices.read())
    assert shards.dollars == pytest.approx(13 * 100 / 3600 * 0.015)
    assert data.dollars == pytest.approx(150e6 / 2**30 * 0.013)
    assert cost.total([shards, data]) == pytest.approx(0.0072327, abs=1e-6)


def test_the_reads_limit_is_shared_by_those_that_poll() -> None:
    plan = planned()
    [alone], [two] = (
        [
            limit.rate
            for limit in bottlenecks.as_planned(plan, count)
            if "2 MB a second of a shard" in limit.what
        ]
        for count in (1, 2)
    )
    assert two == alone / 2


def test_more_than_a_stream_takes_is_refused() -> None:
    plan = planned()
    most = readers.most_by_calls() + limits.FAN_OUT_CONSUMERS
    assert "here 20" in said(plan, most)
    with pytest.raises(
        UsageError, match="CONSUMERS= names 26: a stream takes 20 consumers with enhanced fan-out"
    ):
        said(plan, most + 1)
    crowded = replace(plan, sizes=Sizes(1_300, 280))
    assert readers.most_by_bytes(crowded) == 2
    with pytest.raises(UsageError, match="and 2 by polling"):
        said(crowded, 23)


@pytest.mark.parametrize(
    ("given", "fault"), [("", "names no consumer"), ("  ", "names no consumer"), ("a b a", "names a twice")]
)
def test_consumers_are_named_once_each(given: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        readers.names_of(given)
    assert readers.names_of(" a  b ") == ["a", "b"]


def test_quotas_of_the_account_are_shared_by_all_consumers() -> None:
    """Each has lanes and an output stream of its own."""
    plan = planned()

    def rate(word: str, consumers: int) -> float:
        [found] = [one.rate for one in bottlenecks.with_more_shards(plan, consumers) if word in one.what]
        return found

    assert rate("concurrent invocations", 2) == rate("concurrent invocations", 1) / 2
    assert rate("shards of an account", 2) == pytest.approx(rate("shards of an account", 1) * 2 / 3)
    assert rate("shards of a stream", 2) == rate("shards of a stream", 1)
    many = planned(rate=500_000.0)
    assert not [one for one in bottlenecks.as_planned(many) if "the account's default" in one.what]
    [throttled] = [one for one in bottlenecks.as_planned(many, 2) if "the account's default" in one.what]
    assert "of 2 consumers alike" in throttled.what
