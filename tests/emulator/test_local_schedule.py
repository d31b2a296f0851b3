"""Schedules: docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html and
docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.emulator.harness import Harness
from threeways.emulator.mapping import MappingEvent
from threeways.emulator.schedule import ManualClock, ScheduleRule, ScheduleSettings, from_schedule
from threeways.emulator.schedule.expression import parse
from threeways.errors import LocalError

type Make = Callable[..., Harness]
START = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def fires(text: str, count: int, start: datetime = START, **more: Any) -> list[str]:
    """The first times of an expression after a start, in UTC."""
    given: dict[str, Any] = {"scheduler": False, **more}
    expression, found, at = parse(text, start, **given), [], start - timedelta(microseconds=1)
    for _ in range(count):
        following = expression.after(at)
        if following is None:
            break
        found.append(f"{following:%Y-%m-%d %H:%M:%S}")
        at = following
    return found


def times(harness: Harness) -> list[str]:
    return sorted(invocation.event["time"] for invocation in harness.invocations)


def test_a_rule_fires_each_minute_from_a_minute_after_its_start_on(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    clock = ManualClock(START.timestamp())
    harness = event_source_mapping(nothing, schedule="Schedule", Schedule="rate(1 minute)", clock=clock)
    harness.start()
    clock.move(59)
    harness.drain()
    assert not harness.invocations
    clock.move(1)
    harness.drain()
    clock.move(60)
    harness.drain()
    assert times(harness) == ["2026-11-29T12:01:30Z", "2026-11-29T12:02:30Z"]


def test_where_the_clock_jumps_all_that_fell_due_is_invoked_each_with_its_own_time(
    event_source_mapping: Make,
) -> None:
    clock = ManualClock(START.timestamp())
    harness = event_source_mapping(nothing, schedule="Schedule", Schedule="cron(*/2 * * * ? *)", clock=clock)
    harness.start()
    clock.move(300)
    harness.drain()
    assert times(harness) == ["2026-11-29T12:02:00Z", "2026-11-29T12:04:00Z"]


def test_a_rules_event_is_the_documented_one(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
    clock = ManualClock(START.timestamp())
    given = {"Schedule": "rate(5 minutes)", "Name": "sweeper"}
    harness = event_source_mapping(nothing, schedule="Schedule", clock=clock, **given)
    harness.start()
    clock.move(300)
    harness.drain()
    (event,) = [invocation.event for invocation in harness.invocations]
    uuid.UUID(event.pop("id"))
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-29T12:05:30Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweeper"],
        "detail": {},
    }


def test_schedulers_rate_fires_at_once_and_its_event_is_its_own(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
    clock = ManualClock(START.timestamp())
    given = {"ScheduleExpression": "rate(1 minute)", "Name": "sweeper"}
    harness = event_source_mapping(nothing, schedule="ScheduleV2", clock=clock, **given)
    harness.drain()
    clock.move(60)
    harness.drain()
    assert times(harness) == ["2026-11-29T12:00:30Z", "2026-11-29T12:01:30Z"]
    event = harness.invocations[0].event
    assert (event["source"], event["detail"]) == ("aws.scheduler", "{}")
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/sweeper"]


def test_an_input_is_the_event_with_schedulers_attributes(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    clock = ManualClock(START.timestamp())
    given = {
        "ScheduleExpression": "at(2026-11-29T13:00:00)",
        "Input": '{"due": "<aws.scheduler.scheduled-time>", "kept": [1]}',
    }
    harness = event_source_mapping(nothing, schedule="ScheduleV2", clock=clock, **given)
    harness.start()
    clock.move(86_400)
    harness.drain()
    assert [one.event for one in harness.invocations] == [{"due": "2026-11-29T13:00:00Z", "kept": [1]}]


def test_by_the_real_clock_it_is_on_time(event_source_mapping: Make) -> None:
    at = datetime.now(UTC) + timedelta(seconds=1.2)
    called: list[float] = []
    expression = f"at({at:%Y-%m-%dT%H:%M:%S})"
    harness = event_source_mapping(
        lambda event, context: called.append(time.time()),
        schedule="ScheduleV2",
        ScheduleExpression=expression,
    )
    harness.start()
    harness.wait(lambda: called)
    assert 0 <= called[0] - int(at.timestamp()) < 0.9


def test_a_functions_error_is_tried_again_after_a_minute_and_two_and_then_given_up() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    clock, calls = ManualClock(START.timestamp()), []
    events: list[MappingEvent] = []

    def fail(payload: bytes) -> InvocationResult:
        calls.append((clock() - START.timestamp(), json.loads(payload)["id"]))
        return InvocationResult(error=FunctionError("ValueError", "always"))

    settings = ScheduleSettings("ScheduleV2", "at(2026-11-29T12:01:00)", "once")
    with ScheduleRule(fail, settings, clock=clock, on_event=events.append) as rule:
        for tries, seconds in enumerate((30, 60, 120), 1):
            clock.move(seconds - 1)
            settle(rule, clock)
            assert len(calls) == tries - 1
            clock.move(1)
            wait_for(lambda: len(calls) == tries)  # noqa: B023 - called at once
        clock.move(10_000)
        wait_for(rule.drained)
    assert [seconds for seconds, _ in calls] == [30, 90, 210]
    assert len({id_ for _, id_ in calls}) == 1, "it is the same event"
    counts = rule.counts()
    assert (counts.failed, counts.retried, counts.discarded, counts.records) == (3, 2, 1, 0)
    assert events[-1].kind == "discarded"


def test_what_was_throttled_is_tried_again_soon_and_uses_no_try() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    clock = ManualClock(START.timestamp())
    results: list[InvocationResult] = []
    throttled = InvocationResult(error=FunctionError("TooManyRequestsException", "rate exceeded"))

    def invoke(payload: bytes) -> InvocationResult:
        results.append(throttled if len(results) < 4 else InvocationResult(payload=b"null"))
        return results[-1]

    with ScheduleRule(
        invoke, ScheduleSettings("ScheduleV2", "at(2026-11-29T12:01:00)", "once"), clock=clock
    ) as rule:
        clock.move(30)
        for seconds in (1, 2, 4, 8):
            wait_for(lambda: not rule.drained() and rule.counts().throttled)
            settle(rule, clock)
            clock.move(seconds)
        wait_for(rule.drained)
    assert rule.counts().throttled == 4
    assert rule.counts().records == 1


def test_a_slow_occurrence_does_not_hold_up_the_next(event_source_mapping: Make) -> None:
    clock, begun = ManualClock(START.timestamp()), []

    def handler(event: Any, context: Any) -> None:
        begun.append(event["time"])
        wait_for(lambda: len(begun) == 2)

    harness = event_source_mapping(handler, schedule="Schedule", Schedule="rate(1 minute)", clock=clock)
    harness.start()
    clock.move(120)
    harness.drain()
    assert len(begun) == 2


@pytest.mark.parametrize("given", [{"Enabled": False}, {"State": "DISABLED"}])
def test_a_disabled_schedule_fires_never(event_source_mapping: Make, given: dict[str, Any]) -> None:
    clock = ManualClock(START.timestamp())
    harness = event_source_mapping(
        nothing, schedule="Schedule", Schedule="rate(1 minute)", clock=clock, **given
    )
    harness.start()
    clock.move(1000)
    time.sleep(0.1)
    harness.drain()
    assert not harness.invocations


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2026-11-30 10:00:00", "2026-12-01 10:00:00"]),
        ("cron(15 12 * * ? *)", ["2026-11-29 12:15:00", "2026-11-30 12:15:00"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-30 18:00:00", "2026-12-01 18:00:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00:00", "2027-01-01 08:00:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-29 12:15:00", "2026-11-29 12:30:00", "2026-11-29 12:45:00"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-11-30 00:00:00", "2026-11-30 00:10:00"]),
        ("cron(0 0 L * ? *)", ["2026-11-30 00:00:00", "2026-12-31 00:00:00", "2027-01-31 00:00:00"]),
        ("cron(0 9 ? * 2#1 *)", ["2026-12-07 09:00:00", "2027-01-04 09:00:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-12-25 10:15:00", "2027-01-29 10:15:00"]),
        ("cron(0 9 3W * ? *)", ["2026-12-03 09:00:00", "2027-01-04 09:00:00", "2027-02-03 09:00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        ("cron(30 8,20 ? jan,DEC sun *)", ["2026-12-06 08:30:00", "2026-12-06 20:30:00"]),
        ("cron(0 0 1 1 ? 2020)", []),
        ("rate(7 days)", ["2026-12-06 12:00:30", "2026-12-13 12:00:30"]),
        ("rate(1 hour)", ["2026-11-29 13:00:30", "2026-11-29 14:00:30"]),
    ],
)
def test_an_expression_fires_at_its_times(expression: str, expected: list[str]) -> None:
    """docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    assert fires(expression, max(len(expected), 1)) == expected


def test_a_schedules_zone_is_kept_where_clocks_change() -> None:
    """docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

    What is skipped is not made up for, and what comes twice fires once.
    """
    zone: dict[str, Any] = {"scheduler": True, "zone": "America/New_York"}
    spring = datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert fires("cron(30 2 * * ? *)", 2, spring, **zone) == ["2026-03-09 06:30:00", "2026-03-10 06:30:00"]
    autumn = datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert fires("cron(30 1 * * ? *)", 2, autumn, **zone) == ["2026-11-01 05:30:00", "2026-11-02 06:30:00"]
    assert fires("at(2026-12-01T08:00:00)", 2, **zone) == ["2026-12-01 13:00:00"]


def test_each_minute_of_a_day_with_cron_is_each_minute() -> None:
    found = fires("cron(* * * * ? *)", 1500)
    moments = [datetime.fromisoformat(one) for one in found]
    assert {later - sooner for sooner, later in itertools.pairwise(moments)} == {timedelta(minutes=1)}


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(-1 minutes)", "rate(1.5 hours)",
        "rate(1 second)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 * * ?)",
        "cron(60 * * * ? *)", "cron(* 24 * * ? *)", "cron(* * 32 * ? *)", "cron(* * * 13 ? *)",
        "cron(* * ? * 8 *)", "cron(* * * * ? 1969)", "cron(*/0 * * * ? *)", "cron(5-1 * * * ? *)",
        "cron(x * * * ? *)", "cron(0 0 0W * ? *)", "1 minute", "",
        "at(2026-12-01T08:00:00)",
    ],
)  # fmt: skip
def test_an_expression_that_aws_refuses_is_refused(expression: str) -> None:
    """docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    with pytest.raises(LocalError, match="the Schedule event's expression"):
        from_schedule("Schedule", {"Schedule": expression}, "s")


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("Schedule", {"Schedule": "rate(1 minute)", "Input": "{"}, "not JSON"),
        ("Schedule", {"Schedule": "rate(1 minute)", "ScheduleExpressionTimezone": "UTC"}, "Timezone"),
        ("Schedule", {}, "Schedule"),
        (
            "ScheduleV2",
            {"ScheduleExpression": "rate(1 minute)", "ScheduleExpressionTimezone": "Mars"},
            "Mars",
        ),
        ("ScheduleV2", {"ScheduleExpression": "at(tomorrow)"}, "tomorrow"),
        ("ScheduleV2", {"ScheduleExpression": "rate(1 minute)", "StartDate": "x"}, "StartDate"),
        (
            "ScheduleV2",
            {"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            "Mode",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(kind: Any, given: dict[str, Any], why: str) -> None:
    with pytest.raises(LocalError, match=why):
        from_schedule(kind, given, "s")


def settle(rule: ScheduleRule, clock: ManualClock) -> None:
    """Wait until the schedule has seen the time, and what it invoked then has ended."""
    wait_for(lambda: rule._seen == clock() and not rule._running)


def wait_for(truth: Callable[[], Any], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not truth():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
