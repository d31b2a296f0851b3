"""A plan carries its rate, for any rate, and never gets cheaper or smaller by more of it."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeways.errors import UsageError
from threeways.ops.capacity import bottlenecks, cost, limits, prices, sizing, traffic
from threeways.ops.capacity.measurements import Latencies
from threeways.ops.capacity.record_sizes import Sizes, sizes_of
from threeways.ops.capacity.report import _needs
from threeways.ops.capacity.sizing import Request, plan
from threeways.stream.delivery import PUT_SECONDS
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.tip import task as tip

QUICK = Latencies(fixed=0.002, per_event=30e-6, start_seconds=0.5, peak_mb=105, source="made up")
PRICES = prices.read()
RIDES = sizes_of(duration)
RATES = st.floats(min_value=0.01, max_value=sizing.capacity_of_a_stack(RIDES), allow_nan=False)
MEMORIES = st.one_of(st.none(), st.integers(limits.MIN_MB, limits.MAX_MB))


@given(RATES, MEMORIES)
def test_shards_lanes_and_payload_suffice(rate: float, memory: int | None) -> None:
    found = plan(Request(rate, RIDES, memory=memory), QUICK)
    a_shard = rate / found.shards
    assert a_shard <= limits.SHARD_RECORDS * sizing.FILLED * (1 + 1e-9)
    assert a_shard * RIDES.prediction <= limits.SHARD_BYTES
    assert found.lanes * found.lane_capacity >= sizing.GROWTH * rate
    assert 1 <= found.batch <= found.batch_size <= limits.BATCH
    assert found.batch_size * RIDES.in_payload <= limits.PAYLOAD_BYTES
    assert 1 <= found.parallelization <= limits.PARALLELIZATION
    assert limits.MIN_MB <= found.memory <= limits.MAX_MB


@given(RATES, RATES)
def test_more_events_need_no_fewer_shards_and_no_fewer_dollars(one: float, other: float) -> None:
    less, more = (plan(Request(rate, RIDES), QUICK) for rate in sorted((one, other)))
    assert less.shards <= more.shards
    assert spent(less) <= spent(more) * (1 + 1e-9)


def spent(found: sizing.Plan) -> float:
    lines = [*cost.provisioned(found, PRICES), *cost.function(found, PRICES, "x86_64")]
    return cost.hourly(found, cost.total(lines))


@given(RATES, MEMORIES)
def test_every_line_of_the_bill_costs_something_and_arm_costs_less(rate: float, memory: int | None) -> None:
    found = plan(Request(rate, RIDES, memory=memory), QUICK)
    arm, intel = (cost.function(found, PRICES, name) for name in ("arm64", "x86_64"))
    for line in (*cost.provisioned(found, PRICES), *cost.on_demand(found, PRICES), *arm, *intel):
        assert line.dollars > 0
    assert cost.total(arm) < cost.total(intel)


def test_a_bill_that_was_reckoned_by_hand() -> None:
    found = plan(Request(1_000, RIDES, shards=2, memory=1769), QUICK)
    assert (found.batch, found.window) == (500, 1)
    assert found.seconds == pytest.approx(0.002 + 500 * 30e-6 + 0.010)  # 27 ms
    dollars = {line.item: line.dollars for line in cost.provisioned(found, PRICES)}
    dollars |= {line.item: line.dollars for line in cost.function(found, PRICES, "x86_64")}
    assert dollars == pytest.approx(
        {
            "shards of two streams": 2 * 2 * 0.015 * 1_000_000 / 1_000 / 3_600,
            "PUT payload units": 0.028,
            "Lambda, requests": 2_000 * 0.20 / 1_000_000,
            "Lambda, GB-seconds, x86_64": 2_000 * 0.027 * 1769 / 1024 * 0.0000166667,
            "CloudWatch Logs": 2_000 * 2_200 / 2**30 * 0.50,
        }
    )


def test_less_memory_is_a_smaller_share_of_a_processor_and_more_than_one_does_not_help() -> None:
    seconds = [
        plan(Request(5_000, RIDES, memory=memory), QUICK).seconds for memory in (512, 1024, 1769, 3008)
    ]
    assert seconds[0] > seconds[1] > seconds[2] == seconds[3]


def test_a_slow_model_gets_more_lanes_until_there_are_ten() -> None:
    slow = replace(QUICK, per_event=1e-3)  # 1,000 a second of a whole processor
    assert plan(Request(8_000, RIDES, memory=1769), slow).parallelization == 2
    with pytest.raises(UsageError, match=r"10 lanes a shard are too few.*give more MEMORY"):
        plan(Request(8_000, RIDES, memory=512), replace(QUICK, per_event=10e-3))


def test_small_rates_wait_for_a_batch_but_never_long() -> None:
    windows = [plan(Request(rate, RIDES), QUICK).window for rate in (0.1, 1, 30, 99, 100, 800)]
    assert windows == [10, 10, 4, 2, 1, 1]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Request(10_000, RIDES, shards=3), r"SHARDS=3 take 3,000 .* give SHARDS=13"),
        (Request(1_000, RIDES, memory=64), r"MEMORY=64 cannot be.*give MEMORY=512"),
        (Request(1_000, RIDES, memory=20_000), r"MEMORY=20000 cannot be"),
        (Request(9_000_000, RIDES), r"11,250 shards.*several stacks.*RATE=8000000"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(asked: Request, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        plan(asked, QUICK)


def test_a_process_that_takes_much_gets_twice_of_it() -> None:
    assert plan(Request(100, RIDES), replace(QUICK, peak_mb=900)).memory == 1856
    with pytest.raises(UsageError, match="900 MB at its peak"):
        plan(Request(100, RIDES, memory=600), replace(QUICK, peak_mb=900))


@given(RATES, st.floats(min_value=1, max_value=100))
def test_age_grows_only_where_the_lanes_do_not_keep_up(rate: float, times: float) -> None:
    found = plan(Request(rate, RIDES), QUICK)
    then = traffic.at(found, rate * times)
    assert then.taken <= found.shards * limits.SHARD_RECORDS
    assert then.refused == pytest.approx(rate * times - then.taken)
    assert (then.growing > 0) == (found.lanes * found.lane_capacity < then.taken)
    assert traffic.at(found, rate).age <= sizing.POLL_SECONDS + found.window + found.seconds + 1e-9


def test_lanes_that_are_too_slow_let_the_age_grow_until_events_are_given_up() -> None:
    quick = plan(Request(400, RIDES, shards=1, memory=1769), QUICK)
    slow = replace(quick, latencies=replace(QUICK, per_event=2e-3))
    then = traffic.at(slow, 800)
    assert then.growing == pytest.approx(1 - slow.lane_capacity / 800)
    assert then.hours_to_give_up == pytest.approx(6 / then.growing)


@given(RATES)
def test_nothing_but_a_quota_breaks_below_the_planned_rate_and_the_first_is_told_first(rate: float) -> None:
    found = plan(Request(rate, RIDES), QUICK)
    limits_found = bottlenecks.as_planned(found)
    assert [one.rate for one in limits_found] == sorted(one.rate for one in limits_found)
    assert min(one.rate for one in limits_found if "quota" not in one.fix) >= rate
    assert limits_found[0].rate <= found.shards * limits.SHARD_RECORDS


def test_a_million_a_second_meets_the_account_s_concurrency() -> None:
    found = plan(Request(1_000_000, RIDES), QUICK)
    assert found.shards == found.lanes == ceil(1_000_000 / 800)
    assert any("concurrent invocations" in one.what for one in bottlenecks.as_planned(found))
    assert bottlenecks.with_more_shards(found)[0].rate == pytest.approx(800_000)


def test_prices_have_their_day_and_their_pages() -> None:
    assert PRICES.region == "us-east-1"
    assert PRICES.date.year >= 2026
    assert all(page.startswith("aws.amazon.com/") for page in PRICES.pages)
    assert PRICES.function.gb_second["arm64"] < PRICES.function.gb_second["x86_64"]


@given(RATES, MEMORIES)
def test_a_key_is_carried_no_faster_than_one_put_a_call(rate: float, memory: int | None) -> None:
    found = plan(Request(rate, RIDES, memory=memory), QUICK)
    assert found.key_capacity < 1 / PUT_SECONDS


def test_several_lanes_are_told_to_keep_no_order_of_user_keys() -> None:
    slow = plan(Request(8_000, RIDES, memory=1769), replace(QUICK, per_event=1e-3))
    said = " ".join(_needs(slow))
    assert "no order is kept between the events of one user key" in said
    assert "no order" not in " ".join(_needs(plan(Request(100, RIDES), QUICK)))


def test_a_task_of_several_messages_an_event_is_refused_with_what_its_output_needs() -> None:
    with pytest.raises(UsageError, match=r"makes any number of messages .* each 1,000 messages"):
        sizes_of(replace(duration, messages=lambda event, told: []))


def test_the_sizes_of_records_are_those_of_the_task_s_example() -> None:
    assert sizes_of(duration) == Sizes(event=150, prediction=280)
    assert RIDES.in_payload == 700
    assert (sizes_of(tip).event, RIDES.shard_rate) == (150, 1_000)
    assert sizes_of(tip).prediction < 280


@given(RATES.map(lambda rate: rate / 100), st.integers(100, 900_000), st.integers(100, 900_000))
def test_large_records_get_the_shards_that_their_bytes_take_and_batches_that_fit_a_payload(
    rate: float, event: int, prediction: int
) -> None:
    large = Sizes(event, prediction)
    try:
        found = plan(Request(rate, large), QUICK)
    except UsageError:
        assert rate > 1
        return
    assert rate / found.shards * max(event, prediction) <= limits.SHARD_BYTES
    assert found.batch_size * large.in_payload <= limits.PAYLOAD_BYTES
    assert found.batch <= found.batch_size
    assert traffic.at(found, rate).refused == 0
    told = {limit.what.partition(":")[0]: limit.rate for limit in bottlenecks.as_planned(found)}
    assert min(told.values()) >= rate or "concurrent" in " ".join(told)
    assert ("the events' shards take 1 MB a second each" in told) == (event > prediction)


def test_too_few_shards_for_large_records_are_told_by_their_bytes() -> None:
    with pytest.raises(UsageError, match=r"SHARDS=3 take 31 events a second at most"):
        plan(Request(100, Sizes(100_000, 280), shards=3), QUICK)
