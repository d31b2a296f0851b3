"""A table's stream as a source."""

from __future__ import annotations

import time
from typing import Any

from .case import REPORTS, Case, flat, verdict
from .functions import Function
from .lanes import at_once
from .replies import conditions, documents, failed
from .rows import row

_FIELDS = {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN"}
_CHANGE = {"ApproximateCreationDateTime", "Keys", "NewImage", "SequenceNumber", "SizeBytes", "StreamViewType"}


def write(case: Case, table: str, *numbers: int, item: str = "") -> None:
    """Put an item for each number, or all as one."""
    for number in numbers:
        case.client("dynamodb").put_item(
            TableName=table, Item={"id": {"S": item or str(number)}, "n": {"N": str(number)}}
        )


def batches(function: Function) -> list[list[int]]:
    """Return the numbers that were written, by invocation."""
    return [
        [int(one["dynamodb"]["NewImage"]["n"]["N"]) for one in invocation.records]
        for invocation in function.invocations
    ]


def numbers(function: Function) -> list[int]:
    """Return the numbers that were written, as they are sent."""
    return flat(batches(function))


@row("[Lambda and DynamoDB][d4]: the event's shape")
def event(case: Case) -> str:
    (table, stream), function = case.table(), case.function()
    case.map(stream, function)
    write(case, table, 1)
    case.until(lambda: function.invocations)
    (record,) = function.invocations[0].records
    odd = (set(record) ^ _FIELDS) | (set(record["dynamodb"]) ^ _CHANGE)
    odd |= {"eventSource"} if record["eventSource"] != "aws:dynamodb" else set()
    odd |= {"eventSourceARN"} if record.get("eventSourceARN") != stream else set()
    time_ = record["dynamodb"].get("ApproximateCreationDateTime")
    odd |= {"ApproximateCreationDateTime"} if not isinstance(time_, int | float) else set()
    return verdict(not odd, f"fields that differ: {', '.join(sorted(odd))}")


@row("[Lambda and DynamoDB][d4]: changes in order, in batches")
def order(case: Case) -> str:
    (table, stream), function = case.table(), case.function()
    case.map_after(lambda: write(case, table, *range(10)), stream, function, BatchSize=4)
    case.until(lambda: len(numbers(function)) >= 10)
    time.sleep(2)
    return verdict(
        numbers(function) == list(range(10)) and 1 < max(map(len, batches(function))) <= 4,
        f"ten changes come as {batches(function)[:5]}",
    )


def read_from(case: Case, position: str) -> list[int]:
    """Return what is read of 1, written before the mapping, and 2, written after its start."""
    (table, stream), function = case.table(), case.function()
    write(case, table, 1)
    time.sleep(2)
    case.map(stream, function, StartingPosition=position)
    time.sleep(min(case.patience, 6))
    write(case, table, 2)
    case.until(lambda: 2 in numbers(function))
    return numbers(function)


@row("[parameters][d5]: `TRIM_HORIZON` and `LATEST`, and no timestamp")
def positions(case: Case) -> str:
    found = {one: read_from(case, one) for one in ("TRIM_HORIZON", "LATEST")}
    stamped: dict[str, Any] = {
        "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": time.time() - 60
    }  # fmt: skip
    taken = not case.refused(case.map, case.table()[1], case.function(), **stamped)
    return verdict(
        found == {"TRIM_HORIZON": [1, 2], "LATEST": [2]} and not taken,
        f"of 1 before and 2 after its start it reads {found}{', and a timestamp is taken' if taken else ''}",
    )


@row("[batching][d6]: order by item, whatever the factor")
def lanes(case: Case) -> str:
    (table, stream), function = case.table(), case.function(lambda _event: time.sleep(0.5))
    case.map_after(
        lambda: write(case, table, *range(8)), stream, function, BatchSize=1, ParallelizationFactor=4
    )
    case.until(lambda: len(set(numbers(function))) >= 8, 2 * case.patience)
    most = at_once(function)
    return verdict(most > 1, f"with a factor of 4, {most} batch at a time")


@row("[partial][d7]: the lowest reported sequence number is the checkpoint")
def partial(case: Case) -> str:
    function: Function

    def handler(event: dict[str, Any]) -> Any:
        sent = event["Records"]
        first = len(sent) == 4 and len(function.invocations) == 1
        return failed(*(one["dynamodb"]["SequenceNumber"] for one in (sent[2], sent[1]))) if first else None

    (table, stream), function = case.table(), case.function(handler)
    case.map_after(lambda: write(case, table, 0, 1, 2, 3), stream, function, FunctionResponseTypes=REPORTS)
    case.until(lambda: len(function.invocations) > 1)
    time.sleep(1)
    got = batches(function)
    return verdict(got == [[0, 1, 2, 3], [1, 2, 3]], f"of [0, 1, 2, 3] it reports 2 and 1; it gets {got}")


@row("[failures][d8]: bisecting; the document has `DDBStreamBatchInfo`, a bucket gets the event")
def bisecting(case: Case) -> str:
    def handler(event: dict[str, Any]) -> None:
        sent = [int(one["dynamodb"]["NewImage"]["n"]["N"]) for one in event["Records"]]
        if 2 in sent:
            raise ValueError("two")
        done.extend(sent)

    done: list[int] = []
    (table, stream), function, (url, queue) = case.table(), case.function(handler), case.queue()
    case.map_after(
        lambda: write(case, table, 0, 1, 2, 3),
        stream,
        function,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    case.until(lambda: len(done) >= 3)
    told = documents(case, url)
    info = [one.get("DDBStreamBatchInfo", {}).get("batchSize") for one in told]
    return verdict(
        sorted(done) == [0, 1, 3] and info == [1],
        f"of [0, 1, 2, 3], of which 2 fails, {done} are done; documents for {info} changes",
    )


@row("[parameters][d5]: `MaximumRecordAgeInSeconds`")
def age(case: Case) -> str:
    def handler(_event: dict[str, Any]) -> None:
        raise ValueError("always")

    (table, stream), function, (url, queue) = case.table(), case.function(handler), case.queue()
    case.map(
        stream,
        function,
        MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    write(case, table, 1)
    if not case.until(lambda: len(function.invocations) > 1):
        return "no: it is not sent again at all"
    found = conditions(case, url, 180)
    tried = function.invocations[-1].at - function.invocations[0].at
    return verdict(
        found == ["RecordAgeExceeded"],
        f"with 60 it is given up with {found or 'no document'}, tried for {tried:.0f} s",
    )
