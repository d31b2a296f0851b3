"""An SQS queue as a source: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and the pages below it."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.emulator.harness import Harness
from threeways.emulator.mapping.queue_settings import QueueSettings, from_sqs_event
from threeways.emulator.server import ACCOUNT, Emulator
from threeways.errors import LocalError

pytestmark = pytest.mark.exhaustive

type Make = Callable[..., Harness]
REPORTS = ["ReportBatchItemFailures"]
THROTTLED = InvocationResult(error=FunctionError("TooManyRequestsException", "rate exceeded"))
SHORT = {"timeout": 1.0, "queue": {"VisibilityTimeout": "1"}}
"""A queue whose messages come again after a second."""


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def bodies(event: dict[str, Any]) -> list[str]:
    return [record["body"] for record in event["Records"]]


def test_a_queues_event_is_the_documented_one(event_source_mapping: Make, emulator: Emulator) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    harness = event_source_mapping(nothing, queue={})
    before = int(1000 * time.time())
    sent = emulator.client("sqs").send_message(
        QueueUrl=harness.queue_url,
        MessageBody="Test message.",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "value"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    harness.drain()
    (record,) = harness.invocations[0].event["Records"]
    attributes = record["attributes"]
    assert record.pop("receiptHandle")
    assert attributes["ApproximateReceiveCount"] == "1"
    assert before <= int(attributes["SentTimestamp"]) <= int(attributes["ApproximateFirstReceiveTimestamp"])
    assert attributes["SenderId"]
    assert record == {
        "messageId": sent["MessageId"],
        "body": "Test message.",
        "attributes": attributes,
        "messageAttributes": {
            "text": {
                "stringValue": "value",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "raw": {
                "binaryValue": base64.b64encode(b"\x00\xff").decode(),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": sent["MD5OfMessageBody"],
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{harness.queue_url.rpartition('/')[2]}",
        "awsRegion": "us-east-1",
    }


def test_messages_come_in_batches_of_ten_at_most_and_are_deleted_when_done(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    harness = event_source_mapping(nothing, queue={})
    sent = [harness.put(number) for number in range(25)]
    harness.drain()
    batches = [invocation.ids for invocation in harness.invocations]
    assert sorted(id_ for batch in batches for id_ in batch) == sorted(sent)
    assert max(map(len, batches)) == 10
    counts = harness.counts()
    assert (counts.polled, counts.records, counts.sent, counts.unsuccessful) == (25, 25, 25, 0)
    left = emulator.client("sqs").get_queue_attributes(QueueUrl=harness.queue_url, AttributeNames=["All"])
    names = [name for name in left["Attributes"] if name.startswith("ApproximateNumberOf")]
    assert {left["Attributes"][name] for name in names} == {"0"}


def test_messages_that_come_within_the_window_are_one_batch(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    harness = event_source_mapping(nothing, queue={}, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    for number in range(12):
        harness.put(number)
    harness.start()
    harness.wait(lambda: harness.counts().polled == 12)
    harness.put("later")
    harness.drain()
    (only,) = harness.invocations
    assert len(only.ids) == 13


def test_a_full_batch_does_not_wait_for_its_window(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, queue={}, BatchSize=2, MaximumBatchingWindowInSeconds=300)
    for number in range(4):
        harness.put(number)
    harness.drain(within=20)
    assert [len(invocation.ids) for invocation in harness.invocations] == [2, 2]


def test_a_queues_batch_is_cut_where_its_event_would_pass_six_megabytes(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    harness = event_source_mapping(nothing, queue={})
    for _ in range(8):
        harness.put("x" * 1_000_000)
    harness.drain()
    sizes = [len(invocation.ids) for invocation in harness.invocations]
    assert sorted(sizes) == [2, 6]
    assert max(len(json.dumps(invocation.event)) for invocation in harness.invocations) < 6 * 1024 * 1024


def test_what_fails_comes_again_after_the_visibility_timeout_and_no_sooner(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    times: list[float] = []

    def handler(event: Any, context: Any) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            raise ValueError("once")

    harness = event_source_mapping(handler, **SHORT)
    harness.put("m")
    harness.drain()
    assert len(times) == 2
    assert 0.9 < times[1] - times[0] < 3
    received = [
        one.event["Records"][0]["attributes"]["ApproximateReceiveCount"] for one in harness.invocations
    ]
    assert received == ["1", "2"]
    assert [event.kind for event in harness.events] == ["function_error"]


def test_reported_messages_alone_come_again(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""

    def handler(event: Any, context: Any) -> Any:
        again = [
            record["messageId"]
            for record in event["Records"]
            if record["body"] in {"1", "3"} and record["attributes"]["ApproximateReceiveCount"] == "1"
        ]
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in again]}

    harness = event_source_mapping(handler, **SHORT, FunctionResponseTypes=REPORTS)
    for number in range(5):
        harness.put(number)
    harness.drain()
    assert sorted(bodies(harness.invocations[0].event)) == ["0", "1", "2", "3", "4"]
    again = [body for invocation in harness.invocations[1:] for body in bodies(invocation.event)]
    assert sorted(again) == ["1", "3"]
    assert harness.counts().records == 5
    assert harness.counts().unsuccessful == 2


@pytest.mark.parametrize(
    "reply",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"messageId": "x"}]},
        {"batchItemFailures": [{"itemIdentifier": "no message of the batch"}]},
    ],
)
def test_an_empty_wrong_or_unknown_identifier_leaves_all_messages_on_the_queue(
    event_source_mapping: Make, reply: Any
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    harness = event_source_mapping(lambda event, context: reply, queue={}, FunctionResponseTypes=REPORTS)
    harness.put("m")
    harness.start()
    harness.wait(lambda: harness.counts().bad_replies == 1)
    assert harness.counts().records == 0


@pytest.mark.parametrize("reply", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_an_empty_or_null_reply_deletes_all_messages(event_source_mapping: Make, reply: Any) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    harness = event_source_mapping(lambda event, context: reply, queue={}, FunctionResponseTypes=REPORTS)
    harness.put("m")
    harness.drain()
    assert harness.counts().records == 1


def test_a_message_that_failed_as_often_as_maxreceivecount_goes_to_the_dead_letter_queue(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""
    sqs, name = emulator.client("sqs"), f"dead-{uuid.uuid4().hex[:8]}"
    dead = sqs.create_queue(QueueName=name)["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", "maxReceiveCount": 2}

    def handler(event: Any, context: Any) -> None:
        if "poison" in bodies(event):
            raise ValueError("poison")

    queue = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)}
    harness = event_source_mapping(handler, queue=queue, timeout=1.0, BatchSize=1)
    harness.put("poison")
    harness.put("sound")
    harness.drain()
    tries = [bodies(invocation.event) for invocation in harness.invocations]
    assert tries.count(["poison"]) == 2
    assert tries.count(["sound"]) == 1
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=dead)["Messages"]] == ["poison"]


def test_a_delayed_message_comes_when_its_delay_is_over(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html"""
    harness = event_source_mapping(nothing, queue={})
    started = time.monotonic()
    emulator.client("sqs").send_message(QueueUrl=harness.queue_url, MessageBody="later", DelaySeconds=1)
    harness.put("now")
    harness.start()
    harness.wait(lambda: harness.invocations)
    assert bodies(harness.invocations[0].event) == ["now"]
    assert not harness.mapping.drained(), "the delayed one is still to come"
    harness.drain()
    assert 0.9 < time.monotonic() - started < 4
    assert bodies(harness.invocations[1].event) == ["later"]


def test_a_message_is_in_flight_while_its_invocation_runs(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    begun, go_on = Event(), Event()

    def handler(event: Any, context: Any) -> None:
        begun.set()
        go_on.wait(20)

    harness = event_source_mapping(handler, queue={})
    harness.put("m")
    harness.start()
    assert begun.wait(10)
    sqs = emulator.client("sqs")
    held = sqs.get_queue_attributes(QueueUrl=harness.queue_url, AttributeNames=["All"])["Attributes"]
    assert held["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=harness.queue_url)
    assert not harness.mapping.drained()
    go_on.set()
    harness.drain()


def test_five_batches_are_processed_at_once_and_fewer_with_maximum_concurrency(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
    together = Barrier(5)
    harness = event_source_mapping(lambda event, context: together.wait(20) and None, queue={}, BatchSize=1)
    for number in range(5):
        harness.put(number)
    harness.drain()
    running, most, lock = [0], [0], Lock()

    def counting(event: Any, context: Any) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1

    fewer = event_source_mapping(counting, queue={}, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    for number in range(8):
        fewer.put(number)
    fewer.drain()
    assert most == [2]


def test_what_was_throttled_is_tried_again_while_it_is_invisible_and_nothing_is_lost(
    event_source_mapping: Make, tmp_path: Any
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    (tmp_path / "slow.py").write_text("import time\ndef handler(event, context):\n    time.sleep(0.05)\n")
    harness = event_source_mapping(
        "slow.handler", root=tmp_path, queue={}, BatchSize=1, concurrency=1, timeout=5.0
    )
    sent = [harness.put(number) for number in range(8)]
    harness.drain()
    assert harness.counts().throttled > 0
    done = [one.ids[0] for one in harness.invocations if one.result.error is None]
    assert sorted(done) == sorted(sent), "each was done once"


def test_a_message_that_stays_throttled_is_left_to_come_again(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, **SHORT, backoff=lambda _: 5.0)
    real, calls = harness.function.invoke, []

    def throttled_once(payload: bytes) -> Any:
        calls.append(payload)
        return THROTTLED if len(calls) == 1 else real(payload)

    harness.function = type("Throttled", (), {"invoke": staticmethod(throttled_once)})()
    harness.put("m")
    harness.drain()
    received = [
        one.event["Records"][0]["attributes"]["ApproximateReceiveCount"] for one in harness.invocations
    ]
    assert received == ["1", "2"]


def test_messages_sent_while_others_are_processed_are_each_done_once(event_source_mapping: Make) -> None:
    done: list[str] = []
    harness = event_source_mapping(lambda event, context: done.extend(bodies(event)), queue={})
    harness.start()
    for number in range(60):
        harness.put(number)
    harness.drain()
    assert sorted(done, key=int) == [str(number) for number in range(60)]


def test_after_a_stop_what_was_not_done_is_still_on_the_queue(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    harness = event_source_mapping(nothing, queue={})
    harness.put("before")
    harness.drain()
    harness.stop()
    harness.put("after")
    time.sleep(0.3)
    assert len(harness.invocations) == 1
    (left,) = emulator.client("sqs").receive_message(QueueUrl=harness.queue_url)["Messages"]
    assert left["Body"] == "after"


def test_a_queues_mapping_that_is_not_enabled_reads_nothing(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""
    harness = event_source_mapping(nothing, queue={}, Enabled=False)
    harness.put("m")
    harness.start()
    time.sleep(0.3)
    assert harness.counts().polled == 0


def test_the_defaults_of_a_queues_mapping_are_awss() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""
    assert from_sqs_event({"Queue": "arn"}) == QueueSettings(10, 0, True, False, 5)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"BatchSize": 11}, "MaximumBatchingWindowInSeconds of 1 or more"),
        ({"BatchSize": 10_001}, "10000"),
        ({"MaximumBatchingWindowInSeconds": 301}, "300"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, ">= 2"),
        ({"Queue": "arn:aws:sqs:us-east-1:123456789012:orders.fifo"}, "is FIFO"),
        ({"FilterCriteria": {"Filters": []}}, "FilterCriteria.*not supported"),
        ({"ProvisionedPollerConfig": {}}, "ProvisionedPollerConfig.*not supported"),
        ({"StartingPosition": "LATEST"}, "StartingPosition"),
    ],
)
def test_what_a_queues_mapping_does_not_take_is_refused_by_name(given: dict[str, Any], why: str) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""
    with pytest.raises(LocalError, match=why):
        from_sqs_event({"Queue": "arn", **given})


def test_a_visibility_timeout_below_the_functions_timeout_is_refused(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    harness = event_source_mapping(nothing, queue={"VisibilityTimeout": "5"}, timeout=6.0)
    with pytest.raises(LocalError, match="VisibilityTimeout of 5 s, below the function's Timeout of 6 s"):
        harness.start()


def test_a_queue_that_goes_away_is_told_and_one_that_is_not_there_is_refused(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    harness = event_source_mapping(nothing, queue={})
    harness.start()
    emulator.client("sqs").delete_queue(QueueUrl=harness.queue_url)
    harness.wait(lambda: harness.events)
    assert harness.events[0].kind == "read_failed"
    assert "ReceiveMessage" in harness.events[0].message
    assert not harness.mapping.drained()
    for source in ("queue", "table"):
        with pytest.raises(LocalError, match=f"the {source} no-such cannot be read"):
            event_source_mapping(nothing, **{source: "no-such"})


def test_a_harness_has_one_source_and_a_queue_keeps_what_fails_itself(event_source_mapping: Make) -> None:
    with pytest.raises(LocalError, match="one source, not table and queue"):
        event_source_mapping(nothing, queue={}, table="t")
    with pytest.raises(LocalError, match="RedrivePolicy"):
        event_source_mapping(nothing, queue={}, on_failure="S3")
