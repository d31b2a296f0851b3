"""An SQS queue as a source."""

from __future__ import annotations

import json
import time
from typing import Any

from .case import REPORTS, Case, flat, verdict
from .functions import Function
from .lanes import at_once
from .replies import failed
from .rows import row

_FIELDS = {
    "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody",
    "md5OfMessageAttributes", "eventSource", "eventSourceARN", "awsRegion",
}  # fmt: skip
_ATTRIBUTES = {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"}
_VISIBLE = 5
"""Seconds of a queue's visibility timeout, which is no less than the function's timeout."""


def batches(function: Function) -> list[list[str]]:
    """Return the messages' bodies, by invocation."""
    return [[str(one["body"]) for one in each.records] for each in function.invocations]


def bodies(function: Function) -> list[str]:
    """Return the messages' bodies, as they are sent."""
    return flat(batches(function))


def send(case: Case, url: str, *texts: str, delay: int = 0) -> None:
    """Send messages, ten at once at most."""
    for at in range(0, len(texts), 10):
        entries = [
            {"Id": str(place), "MessageBody": text, "DelaySeconds": delay}
            for place, text in enumerate(texts[at : at + 10])
        ]
        case.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def left(case: Case, url: str) -> tuple[int, int]:
    """Return how many messages of a queue are visible, and how many in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = case.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(told[names[0]]), int(told[names[1]])


def failing(times: int) -> tuple[list[float], Any]:
    """Return when a handler was called, and the handler, which fails so many times."""
    called: list[float] = []

    def handler(_event: dict[str, Any]) -> None:
        called.append(time.monotonic())
        if len(called) <= times:
            raise ValueError("not yet")

    return called, handler


@row("[SQS][q1]: the event's shape")
def event(case: Case) -> str:
    (url, queue), function = case.queue(), case.function()
    case.map(queue, function)
    attributes = {"text": {"DataType": "String", "StringValue": "value"}}
    sent = case.client("sqs").send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    case.until(lambda: function.invocations)
    (record,) = function.invocations[0].records
    odd = {f"{one} missing" for one in _FIELDS - set(record)} | (set(record) - _FIELDS)
    odd |= {f"attributes.{one} missing" for one in _ATTRIBUTES - set(record["attributes"])}
    odd |= {"md5OfBody"} if record["md5OfBody"] != sent["MD5OfMessageBody"] else set()
    told = record["messageAttributes"].get("text", {})
    odd |= {"messageAttributes"} if told.get("stringValue") != "value" else set()
    sent_at = int(record["attributes"]["SentTimestamp"]) / 1000
    odd |= {"SentTimestamp"} if abs(time.time() - sent_at) > 120 else set()
    return verdict(not odd, f"fields that differ: {', '.join(sorted(odd))}")


@row("[SQS][q1]: batches; what is done is deleted")
def done(case: Case) -> str:
    (url, queue), function = case.queue(), case.function()
    case.map_after(lambda: send(case, url, *map(str, range(25))), queue, function)
    case.until(lambda: len(bodies(function)) >= 25)
    time.sleep(2)
    sizes, kept = {len(one) for one in batches(function)}, sum(left(case, url))
    return verdict(
        sorted(bodies(function), key=int) == list(map(str, range(25))) and max(sizes) == 10 and not kept,
        f"of 25 messages {len(bodies(function))} are sent, in batches of {sorted(sizes)}; {kept} are left",
    )


@row("[SQS][q1]: the window, and 6 MB")
def window(case: Case) -> str:
    (url, queue), function = case.queue(), case.function()
    case.map(queue, function, BatchSize=100, MaximumBatchingWindowInSeconds=5)
    for number in range(3):
        send(case, url, str(number))
        time.sleep(1)
    case.until(lambda: len(bodies(function)) >= 3)
    sizes = [len(one) for one in batches(function)]
    (url, queue), large = case.queue(), case.function()

    def fill() -> None:
        for _ in range(8):
            send(case, url, "x" * 1_000_000)

    case.map_after(fill, queue, large)
    case.until(lambda: len(bodies(large)) >= 8)
    most = max((len(json.dumps(one.event)) for one in large.invocations), default=0)
    return verdict(
        sizes == [3] and len(bodies(large)) == 8 and most <= 6 * 1024 * 1024 and len(large.invocations) < 8,
        f"three messages within a window come as {sizes}; of 8 of 1 MB {len(bodies(large))} are sent, "
        f"{most / 1e6:.1f} MB at most at once",
    )


@row("[SQS][q1]: in flight while it is processed")
def in_flight(case: Case) -> str:
    seen: list[tuple[int, int]] = []
    (url, queue), function = case.queue(), case.function(lambda _event: seen.append(left(case, url)))
    case.map(queue, function)
    send(case, url, "m")
    case.until(lambda: seen)
    return verdict(seen[:1] == [(0, 1)], f"visible and in flight meanwhile: {seen[:1]}")


@row("[errors][q2]: after an error the messages come again when the visibility timeout is over")
def after_an_error(case: Case) -> str:
    called, handler = failing(1)
    (url, queue), function = case.queue(VisibilityTimeout=str(_VISIBLE)), case.function(handler)
    case.map(queue, function)
    send(case, url, "m")
    case.until(lambda: len(called) >= 2)
    if len(called) < 2:
        send(case, url, "another")
        time.sleep(2)
        again = "until another is sent" if "m" in bodies(function)[1:] else "at all"
        return f"no: it does not come again {again}; visible and in flight: {left(case, url)}"
    waited = called[1] - called[0]
    return verdict(_VISIBLE - 1 <= waited <= _VISIBLE + 5, f"with one of {_VISIBLE} s after {waited:.0f} s")


@row("[errors][q2]: what was throttled is tried again for as long as it is invisible")
def throttled(case: Case) -> str:
    (url, queue), function = case.queue(VisibilityTimeout="60"), case.function()
    lambda_ = case.client("lambda")
    case.map(queue, function)
    lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    send(case, url, "m")
    time.sleep(5)
    if function.invocations:
        return "no: a function with a concurrency of 0 is invoked"
    lambda_.delete_function_concurrency(FunctionName=function.name)
    return verdict(case.until(lambda: function.invocations), "it does not come after that")


@row("[partial][q2]: the reported messages alone come again")
def partial(case: Case) -> str:
    function: Function

    def handler(event: dict[str, Any]) -> Any:
        mine = event["Records"]
        first = [one["messageId"] for one in mine if one["attributes"]["ApproximateReceiveCount"] == "1"]
        odd = [one["messageId"] for one in mine if one["body"] in {"1", "3"} and one["messageId"] in first]
        return failed(*odd) if len(function.invocations) == 1 else None

    (url, queue), function = case.queue(VisibilityTimeout=str(_VISIBLE)), case.function(handler)
    case.map_after(
        lambda: send(case, url, *map(str, range(5))), queue, function, FunctionResponseTypes=REPORTS
    )
    case.until(lambda: len(bodies(function)) >= 7)
    time.sleep(2)
    got = [sorted(one) for one in batches(function)]
    return verdict(
        got[:1] == [list("01234")] and sorted(flat(got[1:])) == ["1", "3"],
        f"it reports 1 and 3; it gets {got}",
    )


@row("[partial][q2]: what fails the batch, and what is success")
def replies(case: Case) -> str:
    odd = []
    cases = {
        "an empty identifier": (failed(""), False),
        "a wrong key": ({"batchItemFailures": [{"id": "1"}]}, False),
        "an unknown identifier": (failed("1"), False), "an empty list": ({"batchItemFailures": []}, True),
        "null": ({"batchItemFailures": None}, True), "nothing": (None, True),
    }  # fmt: skip
    for name, (reply, success) in cases.items():
        if succeeds(case, reply) is not success:
            odd.append(f"{name} is {'a failure' if success else 'success'}")
    return verdict(not odd, ", ".join(odd))


def succeeds(case: Case, reply: Any) -> bool:
    """Whether a message that is answered with a reply does not come again."""
    (url, queue), function = case.queue(VisibilityTimeout=str(_VISIBLE)), case.function(lambda _event: reply)
    case.map(queue, function, FunctionResponseTypes=REPORTS)
    send(case, url, "m")
    case.until(lambda: function.invocations)
    return not case.until(lambda: len(function.invocations) > 1, _VISIBLE + 4)


@row("[redrive][q3]: after `maxReceiveCount` receives to the dead-letter queue")
def redrive(case: Case) -> str:
    _, handler = failing(100)
    (dead_url, dead), function = case.queue(), case.function(handler)
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, queue = case.queue(VisibilityTimeout=str(_VISIBLE), RedrivePolicy=policy)
    case.map(queue, function)
    send(case, url, "poison")
    arrived = case.until(lambda: left(case, dead_url)[0], 4 * _VISIBLE + case.patience)
    return verdict(
        arrived and len(function.invocations) == 2,
        f"after {len(function.invocations)} receives it is {'there' if arrived else 'not there'}",
    )


@row("[timers][q4]: `DelaySeconds`")
def delayed(case: Case) -> str:
    (url, queue), function = case.queue(), case.function()
    case.map(queue, function)
    sent = time.monotonic()
    send(case, url, "m", delay=4)
    if not case.until(lambda: function.invocations, case.patience + 4):
        send(case, url, "another")
        time.sleep(2)
        return f"no: it does not come until another is sent, and then {batches(function)}"
    waited = function.invocations[0].at - sent
    return verdict(waited >= 3.9, f"one of 4 s comes after {waited:.1f} s")


@row("[scaling][q5]: five batches at first, `MaximumConcurrency`")
def scaling(case: Case) -> str:
    most, fewer = scaled(case), scaled(case, ScalingConfig={"MaximumConcurrency": 2})
    return verdict((most, fewer) == (5, 2), f"{most} at a time, and {fewer} with a MaximumConcurrency of 2")


def scaled(case: Case, **properties: Any) -> int:
    """Return how many of eight batches are processed at a time."""
    (url, queue), function = case.queue(), case.function(lambda _event: time.sleep(2))
    case.map_after(lambda: send(case, url, *map(str, range(8))), queue, function, BatchSize=1, **properties)
    case.until(lambda: len(function.invocations) >= 8, case.patience + 10)
    time.sleep(2)
    return at_once(function)


@row("[configure][q6]: the queue's visibility timeout covers the function's timeout")
def covers(case: Case) -> str:
    queue, function = case.queue(VisibilityTimeout="5")[1], case.function(Timeout=10)
    return verdict(case.refused(case.map, queue, function), "5 s for a function of 10 s is taken")


@row("[parameters][q7]: defaults and ranges")
def parameters(case: Case) -> str:
    (url, queue), function = case.queue(), case.function()
    odd = [
        f"{name} {value} is taken"
        for name, value in (("BatchSize", 11), ("BatchSize", 10_001), ("MaximumBatchingWindowInSeconds", 301))
        if not case.refused(case.map, queue, case.function(), Enabled=False, **{name: value})
    ]
    mapping = case.map(queue, function, Enabled=False)
    told = case.client("lambda").get_event_source_mapping(UUID=mapping)
    odd += [
        f"{name} is {told.get(name, 'missing')}"
        for name, value in (("BatchSize", 10), ("MaximumBatchingWindowInSeconds", 0))
        if told.get(name) != value
    ]
    send(case, url, "m")
    if case.until(lambda: function.invocations, 5):
        odd.append("one that is not enabled is sent messages")
    return verdict(not odd, ", ".join(odd))
