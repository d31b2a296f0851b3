"""Concurrent batches of a shard."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .case import Case, data, items, verdict
from .functions import Function, Invocation
from .replies import number as number_of
from .rows import row


def at_once(function: Function) -> int:
    """Return how many invocations ran at a time, at most."""
    spans = [(one.at, one.at + (one.took or 0.0)) for one in function.invocations]
    return max((sum(begun <= at < ended for begun, ended in spans) for at, _ in spans), default=0)


@row("[Kinesis][k]: `ParallelizationFactor`, concurrent batches a shard")
def factor(case: Case) -> str:
    stream, function = case.stream(), case.function(lambda _event: time.sleep(1))
    case.map_after(lambda: case.put(stream, range(8)), stream, function, BatchSize=1, ParallelizationFactor=4)
    case.until(lambda: len([one for one in function.invocations if one.took]) >= 8)
    most = at_once(function)
    return verdict(2 <= most <= 4, f"with a factor of 4, {most} at a time")


@row("[Kinesis][k]: order by partition key, whatever the factor")
def order(case: Case) -> str:
    stream, function = case.stream(), case.function(lambda _event: time.sleep(0.3))
    case.map(stream, function, ParallelizationFactor=4)

    def put(number: int) -> None:
        case.put(stream, [[key, number] for key in "abcd"], "abcd"[number % 4])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(16)))
    case.until(lambda: len(items(function)) >= 64, 2 * case.patience + 20)
    overlapping = sum(
        one.at < other.at < one.at + (one.took or 0.0)
        for one in function.invocations
        for other in function.invocations
        if keys(one) & keys(other)
    )
    numbers: dict[str, list[int]] = {}
    for record in [one for each in function.invocations for one in each.records]:
        numbers.setdefault(record["kinesis"]["partitionKey"], []).append(int(number_of(record)))
    ordered = all(one == sorted(one) for one in numbers.values())
    return verdict(
        ordered and not overlapping and len(items(function)) == 64,
        f"{overlapping} times a key's next records are sent before its last are done",
    )


def keys(invocation: Invocation) -> set[str]:
    """Return the partition keys of an invocation."""
    return {one["kinesis"]["partitionKey"] for one in invocation.records}


@row("[failures][f]: a lane that fails loses nothing between")
def a_lane_fails(case: Case) -> str:
    def handler(event: dict[str, Any]) -> None:
        if data(event["Records"][0])[0] == "bad" and len(failed) < 3:
            failed.append(len(function.invocations))
            raise ValueError("not yet")

    failed: list[int] = []
    stream, function = case.stream(), case.function(handler)
    case.map(stream, function, BatchSize=1, ParallelizationFactor=10)
    for number in range(5):
        for key in ("bad", "a", "b", "c"):
            case.put(stream, [[key, number]], key)
    case.until(lambda: len(items(function)) >= 23, 3 * case.patience)
    time.sleep(2)
    sent = items(function)
    refused = [at - 1 for at in failed]
    done = {tuple(one) for at, one in enumerate(sent) if at not in refused}
    between = [one for one in sent[refused[0] : refused[-1]] if one[0] != "bad"]
    return verdict(
        len(done) == 20 and between,
        f"{20 - len(done)} of 20 records are never done, and {len(between)} others came while a key failed",
    )
