"""The counts under CloudWatch's names: docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from threeways.aws.invocation import THROTTLED, FunctionError, InvocationResult
from threeways.emulator.harness import Harness
from threeways.emulator.mapping import EventSourceMapping, MappingSettings

type Make = Callable[..., Harness]


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def failing_until(tries: int) -> Callable[[Any, Any], None]:
    seen: list[Any] = []

    def handler(event: Any, context: Any) -> None:
        seen.append(event)
        if len(seen) <= tries:
            raise ValueError("not yet")

    return handler


def run(harness: Harness, records: int = 3) -> dict[str, float]:
    for number in range(records):
        harness.put(str(number))
    harness.drain()
    metrics = harness.counts().metrics()
    del metrics["IteratorAge"]
    return {name: value for name, value in metrics.items() if value}


def test_polled_and_invoked_event_counts_are_records(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: PolledEventCount"""
    assert run(event_source_mapping(nothing)) == {
        "PolledEventCount": 3,
        "InvokedEventCount": 3,
        "Invocations": 1,
    }


def test_a_retried_record_is_invoked_again_and_counted_again_a_failed_one_with_its_batch(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: InvokedEventCount"""
    assert run(event_source_mapping(failing_until(2))) == {
        "PolledEventCount": 3,
        "InvokedEventCount": 9,
        "FailedInvokeEventCount": 6,
        "Invocations": 3,
        "Errors": 2,
    }


def test_of_a_partial_failure_the_records_from_the_reported_one_on_are_failed_and_no_error_is_counted(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: FailedInvokeEventCount"""
    replies = [1]

    def report_once(event: Any, context: Any) -> Any:
        reported = [event["Records"][replies.pop()]] if replies else []
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["kinesis"]["sequenceNumber"]} for record in reported
            ]
        }

    harness = event_source_mapping(report_once, FunctionResponseTypes=["ReportBatchItemFailures"])
    assert run(harness) == {
        "PolledEventCount": 3,
        "InvokedEventCount": 5,
        "FailedInvokeEventCount": 2,
        "Invocations": 2,
    }


def test_an_unusable_reply_fails_its_batch_and_is_no_function_error(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html: empty identifier"""
    replies = [{"batchItemFailures": [{"itemIdentifier": ""}]}]
    harness = event_source_mapping(
        lambda event, context: replies.pop() if replies else None,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert run(harness) == {
        "PolledEventCount": 3,
        "InvokedEventCount": 6,
        "FailedInvokeEventCount": 3,
        "Invocations": 2,
    }


def test_what_is_given_up_without_a_destination_is_dropped(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: DroppedEventCount"""
    assert run(event_source_mapping(failing_until(2), MaximumRetryAttempts=1)) == {
        "PolledEventCount": 3,
        "InvokedEventCount": 6,
        "FailedInvokeEventCount": 6,
        "DroppedEventCount": 3,
        "Invocations": 2,
        "Errors": 2,
    }


def test_what_the_destination_has_is_delivered_and_not_dropped(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: delivered events"""
    metrics = run(event_source_mapping(failing_until(1), MaximumRetryAttempts=0, on_failure="S3"))
    assert metrics["OnFailureDestinationDeliveredEventCount"] == 3
    assert "DroppedEventCount" not in metrics


def test_throttles_are_neither_invocations_nor_errors(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: Throttles"""
    harness = event_source_mapping(nothing)
    harness.put("x")
    left = [InvocationResult(error=FunctionError(THROTTLED, "Rate Exceeded."))] * 2
    mapping = EventSourceMapping(
        harness.kinesis,
        harness.stream,
        lambda payload: left.pop() if left else harness.function.invoke(payload),
        MappingSettings(),
        backoff=lambda _: 0.005,
    )
    with mapping:
        harness.wait(mapping.drained)
    metrics = mapping.counts().metrics()
    assert (metrics["Throttles"], metrics["Invocations"], metrics["Errors"]) == (2, 1, 0)
    assert (metrics["InvokedEventCount"], metrics["FailedInvokeEventCount"]) == (3, 2)


@pytest.mark.parametrize("tries", [0, 2])
def test_iterator_age_is_how_old_the_last_record_is_when_it_is_sent_in_milliseconds(
    event_source_mapping: Make, tries: int
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: IteratorAge"""
    looks = iter(range(1, 1000))
    harness = event_source_mapping(failing_until(tries), clock=lambda: time.time() + 100 * next(looks))
    harness.put("x")
    harness.drain()
    sends = tries + 1
    assert 100_000 * sends <= harness.counts().metrics()["IteratorAge"] < 100_000 * (3 * sends)
    (age,) = harness.counts().iterator_age.values()
    assert harness.counts().metrics()["IteratorAge"] == 1000 * age
