"""What `make plan JOIN=` says: the writes of a key by its join, dollars, and what breaks first."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from threeways.errors import UsageError
from threeways.join.join import Decision, Effect, Join
from threeways.join.requests import BUCKETS
from threeways.ops.capacity import join_report, limits, prices
from threeways.ops.capacity.cost import total
from threeways.ops.capacity.join_sizing import require_rate, sizes_of

PRICES = prices.read()


class Order(msgspec.Struct):
    id: str
    note: str = ""


class Seen(msgspec.Struct):
    id: str


def join(
    expected: int = 2, deadline: float = 10.0, note: str = "", messages: int = 3, **more: Any
) -> Join[Order]:
    names = [f"source{number}" for number in range(expected)]
    return Join(
        name="orders", subject=Order, example=Order("1", note), verdicts=dict.fromkeys(names, Seen),
        expected=frozenset(names), deadline=deadline,
        decide=lambda found, awaited, expired: Decision("ship"),
        effects=lambda order, decided: [Effect(f"m{n}", {"n": n}) for n in range(messages)], **more,
    )  # fmt: skip


def test_a_key_s_writes_are_its_events_its_decision_and_the_note() -> None:
    sizes = sizes_of(join(expected=2))
    assert (sizes.calls, len(sizes.messages)) == (5, 3)
    assert sizes.item < 2 * 1024
    assert sizes.writes == sizes.adds + sizes.commit + sizes.publish + 4
    assert sizes.adds >= 3
    more = sizes_of(join(expected=5))
    assert (more.calls, more.verdicts) == (8, 5)
    assert more.writes > sizes.writes


def test_a_large_subject_costs_every_write_of_its_item() -> None:
    """A write unit is a KB of the item, whatever part of it is written."""
    small, large = sizes_of(join()), sizes_of(join(note="x" * 10_240))
    for part in ("commit", "publish"):
        assert getattr(large, part) - getattr(small, part) == 10
    assert large.adds - small.adds >= 30
    assert (small.reads, large.reads) == (1, 3)


@pytest.mark.parametrize(("deadline", "hops"), [(0.5, 1), (900, 1), (901, 2), (86_400, 96)])
def test_a_deadline_beyond_a_queue_s_delay_is_sent_again(deadline: float, hops: int) -> None:
    assert sizes_of(join(deadline=deadline)).hops == hops


def test_dollars_follow_the_units_and_the_days() -> None:
    sizes = sizes_of(join())
    lines = {line.item: line.dollars for line in join_report.lines_of(sizes, 100, 1024, PRICES, "arm64")}
    assert lines["table and index, writes"] == pytest.approx(
        sizes.writes * PRICES.dynamodb.million_write_units
    )
    assert lines["queue"] == pytest.approx(0.3 * PRICES.sqs.million_requests)
    longer = join_report.lines_of(sizes_of(join(keep_days=300)), 100, 1024, PRICES, "arm64")
    assert total(longer) - sum(lines.values()) == pytest.approx(
        9 * lines["table, storage and its backup"], rel=1e-6
    )


def test_the_lowest_limit_comes_first_and_is_marked_where_the_rate_is_above_it() -> None:
    sizes = sizes_of(join())
    found = join_report.bottlenecks(sizes)
    assert [limit.rate for limit in found] == sorted(limit.rate for limit in found)
    index = next(limit for limit in found if "index" in limit.what)
    assert index.rate == BUCKETS * limits.PARTITION_WRITES / 4
    new = next(limit for limit in found if "new on-demand" in limit.what)
    assert new.rate == pytest.approx(4_000 / (sizes.writes - 4))
    assert said(rate=new.rate * 1.01).count("<- below the rate") == 1
    assert said(rate=new.rate * 0.99).count("<- below the rate") == 0
    assert "verdicts a second of one key" in said(rate=1)


def said(rate: float) -> str:
    written = io.StringIO()
    join_report.print_plan(join(), rate, 1024, PRICES, "x86_64", Console(file=written, width=300))
    return written.getvalue()


def test_the_streams_have_shards_for_verdicts_and_messages() -> None:
    text = said(rate=1_000)
    assert "shards: 2 of the events, 3 of the verdicts, 4 of the decisions" in text
    assert "ShardCount=4" in text


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 2e9])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="is no rate"):
        require_rate(rate)
