"""Replies, errors, retries, throttles and what is given up, of a Kinesis mapping."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any

from .case import REPORTS, Case, batches, data, items, verdict
from .functions import Function
from .rows import row


def documents(case: Case, url: str, seconds: float | None = None) -> list[dict[str, Any]]:
    """Return the failure documents that arrive at a queue within the seconds."""
    return [json.loads(one) for one in case.messages(url, seconds)]


def conditions(case: Case, url: str, seconds: float | None = None) -> list[str]:
    """Return the conditions in the failure documents on a queue."""
    return [
        one.get("requestContext", {}).get("condition", "a document without requestContext")
        for one in documents(case, url, seconds)
    ]


def reporting(case: Case, reply: Any, **properties: Any) -> Function:
    """Put four records at once; answer their first invocation with `reply` of them, others with None."""
    function: Function

    def handler(event: dict[str, Any]) -> Any:
        return (
            reply(event["Records"]) if len(event["Records"]) == 4 and len(function.invocations) == 1 else None
        )

    stream, function = case.stream(), case.function(handler)
    put = [0, 1, 2, 3]
    case.map_after(
        lambda: case.put(stream, put, "k"), stream, function, FunctionResponseTypes=REPORTS, **properties
    )
    case.until(lambda: function.invocations)
    case.until(lambda: len(function.invocations) > 1, min(case.patience, 8))
    time.sleep(2)
    return function


def failed(*identifiers: Any) -> dict[str, Any]:
    """Return a reply that names these records."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


def number(record: dict[str, Any]) -> str:
    """Return a record's sequence number."""
    return str(record["kinesis"]["sequenceNumber"])


@row("[partial][b]: the lowest reported number is the checkpoint")
def lowest(case: Case) -> str:
    got = batches(reporting(case, lambda sent: failed(number(sent[2]), number(sent[1]))))
    return verdict(got == [[0, 1, 2, 3], [1, 2, 3]], f"of [0, 1, 2, 3] it reports 2 and 1; it gets {got}")


@row("[partial][b]: empty or null is success")
def success(case: Case) -> str:
    replies: list[Any] = [{"batchItemFailures": []}, {"batchItemFailures": None}, None, {}]
    got = [batches(reporting(case, lambda _sent, reply=reply: reply)) for reply in replies]
    return verdict(all(one == [[0, 1, 2, 3]] for one in got), f"it gets {got}")


@row(
    "[partial][b]: an empty identifier or a wrong key fails the batch; an unknown one is undocumented, and "
    "does too"
)
def unusable(case: Case) -> str:
    replies = {"empty": failed(""), "wrong key": {"batchItemFailures": [{"id": "1"}]}, "unknown": failed("1")}
    got = {name: batches(reporting(case, lambda _, reply=reply: reply)) for name, reply in replies.items()}
    odd = [f"{name}: {one}" for name, one in got.items() if one[:2] != [[0, 1, 2, 3]] * 2]
    return verdict(not odd, f"it gets, with {'; '.join(odd)}")


@row("[partial][b]: with bisecting, split at the reported number")
def split(case: Case) -> str:
    got = batches(
        reporting(
            case,
            lambda sent: failed(number(sent[2])),
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=0,
        )
    )
    return verdict(
        got[0] == [0, 1, 2, 3] and [2, 3] in got[1:],
        f"of [0, 1, 2, 3] it reports 2, without retries; it gets {got}",
    )


def poisoned(case: Case, count: int, **properties: Any) -> tuple[list[list[int]], list[int]]:
    """Put numbers at once; a batch with 2 fails. Return the batches, and what is in the others."""

    def handler(event: dict[str, Any]) -> None:
        sent = [data(one) for one in event["Records"]]
        if 2 in sent:
            raise ValueError("two")
        done.extend(sent)

    done: list[int] = []
    stream, function = case.stream(), case.function(handler)
    case.map_after(lambda: case.put(stream, range(count), "k"), stream, function, **properties)
    case.until(lambda: len(done) >= count - 1)
    time.sleep(2)
    return batches(function), done


@row("[failures][f]: bisecting in half on a function error")
def bisecting(case: Case) -> str:
    got, done = poisoned(case, 4, BisectBatchOnFunctionError=True, MaximumRetryAttempts=5)
    return verdict(
        sorted(done) == [0, 1, 3] and got[0] == [0, 1, 2, 3] and [2] in got,
        f"of [0, 1, 2, 3], of which 2 fails, {sorted(done)} are done; it gets {got[:4]}",
    )


@row("[failures][f]: bisecting uses no attempt")
def no_attempt(case: Case) -> str:
    got, done = poisoned(case, 8, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0)
    return verdict(
        sorted(done) == [0, 1, 3, 4, 5, 6, 7] and len(got[0]) == 8,
        f"of 8 records, of which one fails, {len(done)} are done without retries; it gets {got[:3]}",
    )


@row("[parameters][p]: `MaximumRetryAttempts`")
def attempts(case: Case) -> str:
    stream, function = case.stream(), case.function(_always)
    case.map(stream, function, MaximumRetryAttempts=2, BatchSize=1)
    case.put(stream, ["first", "second"], "k")
    case.until(lambda: items(function).count("second") >= 3)
    time.sleep(3)
    got = items(function)
    return verdict(got == ["first"] * 3 + ["second"] * 3, f"with 2 it gets {got}")


def _always(_event: dict[str, Any]) -> None:
    raise ValueError("always")


@row("[parameters][p]: `MaximumRecordAgeInSeconds`")
def age(case: Case) -> str:
    url, queue = case.queue()
    stream, function = case.stream(), case.function(_always)
    case.map(
        stream,
        function,
        MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    case.put(stream, [1], "k")
    if not case.until(lambda: len(function.invocations) > 1):
        return "no: it is not sent again at all"
    found = conditions(case, url, 180)
    return verdict(found == ["RecordAgeExceeded"], f"with 60 it is given up with {found}")


def given_up(case: Case, destination: str) -> str:
    """Put a record that always fails, without retries, to a destination. Return the mapping's id."""
    stream, function = case.stream(), case.function(_always)
    mapping = case.map(
        stream,
        function,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )
    case.put(stream, ["lost"], "k")
    case.until(lambda: function.invocations)
    return mapping


def objects(case: Case) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the id of a mapping that gave up a record to a bucket, and what is in that by key."""
    s3, bucket = case.client("s3"), case.new_name()
    s3.create_bucket(Bucket=bucket)
    mapping = given_up(case, f"arn:aws:s3:::{bucket}")
    case.until(lambda: s3.list_objects_v2(Bucket=bucket)["KeyCount"])
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return mapping, {one: json.load(s3.get_object(Bucket=bucket, Key=one)["Body"]) for one in keys}


_DOCUMENT = {"requestContext", "responseContext", "version", "timestamp", "KinesisBatchInfo"}


@row("[failures][f]: S3 gets the metadata and the event")
def to_bucket(case: Case) -> str:
    _, found = objects(case)
    if not found:
        return "no: nothing arrives"
    (document,) = found.values()
    payload = document.get("payload")
    odd = sorted(_DOCUMENT ^ (set(document) - {"payload"}))
    good = not odd and isinstance(payload, str) and data(json.loads(payload)["Records"][0]) == "lost"
    what = "not the documented string" if isinstance(payload, dict) else "absent or another"
    return verdict(good, f"payload is {what}; fields that differ: {odd}")


@row("[failures][f]: the object's name")
def object_name(case: Case) -> str:
    mapping, found = objects(case)
    names = list(found)
    stamp = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}"
    pattern = rf"aws/lambda/{mapping}/shardId-\d{{12}}/{stamp}"
    return verdict(names and re.fullmatch(pattern, names[0]), f"{names or 'nothing arrives'}")


@row("[failures][f]: SQS and SNS get the metadata")
def to_queue_and_topic(case: Case) -> str:
    url, queue = case.queue()
    given_up(case, queue)
    told = documents(case, url)
    other, subscribed = case.queue()
    sns = case.client("sns")
    topic = sns.create_topic(Name=case.new_name())["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=subscribed)
    given_up(case, topic)
    told += [json.loads(one["Message"]) for one in documents(case, other)]
    odd = sorted({field for one in told for field in _DOCUMENT ^ set(one)})
    return verdict(
        len(told) == 2 and not odd, f"{len(told)} of 2 documents arrive; fields that differ: {odd}"
    )


@row("[failures][f]: a function error is retried, with backoff")
def retried(case: Case) -> str:
    def handler(event: dict[str, Any]) -> None:
        if data(event["Records"][0])[0] == "bad" and len(times) < 5:
            times.append(time.monotonic())
            raise ValueError("not yet")

    times: list[float] = []
    stream, function = case.stream(2), case.function(handler)
    case.map(stream, function, BatchSize=1)
    case.put(stream, [["bad", 1], ["bad", 2]], "bad")
    others = [one for one in "abcdefgh" if shard_of(one) != shard_of("bad")]
    case.until(lambda: times)
    for one in others:
        case.put(stream, [[one, 1]], one)
    case.until(lambda: len(items(function)) >= 7 + len(others), 2 * case.patience)
    mine = [one[1] for one in items(function) if one[0] == "bad"]
    if mine != [1] * 6 + [2]:
        return f"no: of 1, which fails five times, and 2 it gets {mine}"
    waits = [after - before for before, after in itertools.pairwise(times)]
    meanwhile = [
        one for one in function.invocations if one.at < times[-1] and data(one.records[0])[0] != "bad"
    ]
    waiting = "" if waits[-1] > waits[0] * 1.5 else f", without a backoff that grows ({waits[0]:.1f} s)"
    return f"yes{waiting}{'' if meanwhile else ', and the other shard waits for it'}"


def shard_of(key: str) -> int:
    """Return which half of the hash keys a key is in."""
    import hashlib

    return int(hashlib.md5(key.encode()).hexdigest(), 16) >> 127  # noqa: S324 - Kinesis's own


@row("[failures][f]: a throttle is retried and uses no attempt")
def throttled(case: Case) -> str:
    url, queue = case.queue()
    stream, function = case.stream(), case.function()
    lambda_ = case.client("lambda")
    case.map(
        stream, function, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    case.put(stream, [1], "k")
    time.sleep(10)
    if function.invocations:
        return "no: a function with a concurrency of 0 is invoked"
    lambda_.delete_function_concurrency(FunctionName=function.name)
    case.until(lambda: function.invocations)
    return verdict(
        function.invocations,
        f"it is given up after its one retry, with {conditions(case, url) or 'no document'}",
    )
