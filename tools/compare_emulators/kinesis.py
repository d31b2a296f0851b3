"""Events, batches, starting positions, limits and resharding of a Kinesis stream's mapping."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .case import Case, batches, flat, items, verdict
from .rows import row

_FIELDS = {
    "kinesis", "eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn", "awsRegion",
    "eventSourceARN",
}  # fmt: skip
_KINESIS = {"kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data", "approximateArrivalTimestamp"}
_SIX_MEGABYTES = 6 * 1024 * 1024


@row("[Kinesis][k]: the event's shape")
def event(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(stream, function)
    case.put(stream, [1])
    case.until(lambda: function.invocations)
    (record,) = function.invocations[0].records
    odd = (set(record) ^ _FIELDS) | (set(record["kinesis"]) ^ _KINESIS)
    numbered = re.fullmatch(r"shardId-\d{12}:\d+", record["eventID"])
    return verdict(not odd and numbered, f"fields that differ: {', '.join(sorted(odd)) or record['eventID']}")


@row("[Kinesis][k]: records of a shard in order, in batches")
def order(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(stream, function, BatchSize=4)
    case.put(stream, range(10), "k")
    case.until(lambda: len(items(function)) >= 10)
    sizes = {len(one) for one in batches(function)}
    in_order = items(function) == list(range(10))
    return verdict(in_order and 1 < max(sizes) <= 4, f"batches of {sorted(sizes)}, in order: {in_order}")


@row("[parameters][p]: `BatchSize`")
def batch_size(case: Case) -> str:
    by_default = largest(case, 250)
    if by_default != 100:
        return f"no: of 250 records the largest batch has {by_default}"
    most = largest(case, 10_000, BatchSize=10_000)
    return verdict(most == 10_000, f"of 10,000 records the largest batch has {most}")


def largest(case: Case, count: int, **properties: Any) -> int:
    """Return how many records the largest batch has, of so many."""

    def fill() -> None:
        for at in range(0, count, 500):
            case.put(stream, range(at, min(count, at + 500)), "k")

    stream, function = case.stream(), case.function()
    case.map_after(fill, stream, function, **properties)
    case.until(lambda: len(items(function)) >= count, 60)
    return max(map(len, batches(function)), default=0)


@row("[parameters][p]: the batching window")
def window(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(stream, function, MaximumBatchingWindowInSeconds=5)
    for number in range(3):
        case.put(stream, [number])
        time.sleep(1)
    case.until(lambda: len(items(function)) >= 3)
    sizes = [len(one) for one in batches(function)]
    return verdict(sizes == [3], f"three records within a window of 5 s come as {sizes}")


@row("[Kinesis][k]: a batch ends at 6 MB, encoded")
def six_megabytes(case: Case) -> str:
    stream, function = case.stream(), case.function()

    def fill() -> None:
        for number in range(8):
            case.put(stream, [bytes([65 + number]) * 900_000], "k")

    case.map_after(fill, stream, function)
    case.until(lambda: len(items(function)) >= 8, 40)
    sizes = [len(one) for one in batches(function)]
    largest = max(len(json.dumps(one.event)) for one in function.invocations)
    return verdict(
        sum(sizes) == 8 and max(sizes) > 1 and largest <= _SIX_MEGABYTES,
        f"8 records of 0.9 MB come as {sizes}, the largest event has {largest / 1e6:.1f} MB",
    )


@row("[Kinesis][k]: a record over 6 MB once encoded does not block its shard")
def large_record(case: Case) -> str:
    stream, function = case.stream(), case.function()
    case.map(stream, function)
    name = stream.rpartition("/")[2]
    refused = case.refused(
        lambda: case.client("kinesis").put_record(StreamName=name, Data=b"x" * 5_000_000, PartitionKey="k")
    )
    if refused:
        return f"not run: its Kinesis takes no record of 5 MB ({refused})"
    case.put(stream, [1], "k")
    case.until(lambda: 1 in items(function))
    largest = max((len(json.dumps(one.event)) for one in function.invocations), default=0)
    return verdict(items(function) == [1], f"it is sent, as an event of {largest / 1e6:.1f} MB")


def started(case: Case, position: str, *, stamped: bool = False) -> list[Any]:
    """Return what is read of `before`, `between` and `after`, put around a timestamp and the mapping."""
    stream, function = case.stream(), case.function()
    case.put(stream, ["before"], "k")
    time.sleep(2)
    given: dict[str, Any] = {"StartingPositionTimestamp": time.time()} if stamped else {}
    time.sleep(1)
    case.put(stream, ["between"], "k")
    time.sleep(2)
    case.map(stream, function, StartingPosition=position, **given)

    def arrived() -> bool:
        case.put(stream, ["after"], "k")
        time.sleep(1)
        return "after" in items(function)

    case.until(arrived)  # a mapping of LATEST misses what is put while it is being created
    return list(dict.fromkeys(items(function)))


@row("[parameters][p]: `TRIM_HORIZON`")
def trim_horizon(case: Case) -> str:
    found = started(case, "TRIM_HORIZON")
    return verdict(found == ["before", "between", "after"], f"of before, between, after it reads {found}")


@row("[parameters][p]: `LATEST`")
def latest(case: Case) -> str:
    found = started(case, "LATEST")
    return verdict(found == ["after"], f"of before, between, after it reads {found}")


@row("[parameters][p]: `AT_TIMESTAMP`")
def at_timestamp(case: Case) -> str:
    found = started(case, "AT_TIMESTAMP", stamped=True)
    return verdict(found == ["between", "after"], f"of before, between (in time) and after it reads {found}")


@row("[API][a]: no timestamp in the future")
def future(case: Case) -> str:
    stream, function = case.stream(), case.function()
    why = case.refused(
        lambda: case.map(
            stream, function, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=time.time() + 3600
        )
    )
    return verdict(why, "one in an hour is taken")


def read(case: Case, put: list[Any], reads: int, at_once: int) -> list[str]:
    """Read a shard as often as told, from its beginning, and return the refusals."""
    kinesis, stream = case.client("kinesis"), case.stream()
    for one in put:
        case.put(stream, [one], "k")
    name = stream.rpartition("/")[2]
    shard = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"][0]["ShardId"]
    place = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    with ThreadPoolExecutor(at_once) as pool:
        answers = pool.map(lambda _: case.refused(kinesis.get_records, ShardIterator=place), range(reads))
        return [why for why in answers if why]


@row("[quotas][q]: five reads and 2 MB a second and shard for all that poll; fan-out has its own")
def reads(case: Case) -> str:
    started_at = time.monotonic()
    refusals = read(case, [1], 30, 10)
    a_second = 30 / (time.monotonic() - started_at)
    if not refusals and a_second <= 5:
        return f"not run: it answers {a_second:.0f} reads a second at most here"
    return verdict(refusals, f"of 30 reads, {a_second:.0f} a second, none is refused")


@row("[GetRecords][g]: after 10 MB the reads of five seconds are refused")
def ten_megabytes(case: Case) -> str:
    refusals = read(case, [b"x" * 1_000_000] * 11, 2, 1)
    return verdict(len(refusals) == 1, "the next read is answered")


def resharded(case: Case, *, while_it_runs: bool) -> str:
    """Split a shard and merge the halves, with records put in between; say what becomes of them."""
    kinesis, stream, name = case.client("kinesis"), case.stream(), ""
    function = case.function(lambda _event: time.sleep(0.3))
    name, counter = stream.rpartition("/")[2], iter(range(1000))
    keys = [f"key-{number}" for number in range(6)]

    def put() -> None:
        for _ in range(3):
            for key in keys:
                case.put(stream, [[key, next(counter)]], key)

    def shards() -> list[str]:
        listed = kinesis.list_shards(StreamName=name)["Shards"]
        return [one["ShardId"] for one in listed if "EndingSequenceNumber" not in one["SequenceNumberRange"]]

    if while_it_runs:
        case.map(stream, function)
    put()
    kinesis.split_shard(StreamName=name, ShardToSplit=shards()[0], NewStartingHashKey=str(2**127))
    case.active(name)
    put()
    first, second = shards()
    kinesis.merge_shards(StreamName=name, ShardToMerge=first, AdjacentShardToMerge=second)
    case.active(name)
    put()
    if not while_it_runs:
        case.map(stream, function)
    wanted = 9 * len(keys)
    case.until(lambda: len({tuple(one) for one in items(function)}) >= wanted, 4 * case.patience)
    time.sleep(2)
    return _accounted(flat(batches(function)), keys, wanted)


def _accounted(got: list[Any], keys: list[str], wanted: int) -> str:
    """Say what is missing, repeated or out of order by key."""
    once = list(dict.fromkeys(map(tuple, got)))
    disordered = [
        key for key in keys if (mine := [at for of, at in once if of == key]) != sorted(mine)
    ]  # fmt: skip
    return verdict(
        len(once) == len(got) == wanted and not disordered,
        f"of {wanted} records {wanted - len(once)} never come, {len(got) - len(once)} come again, "
        f"and {len(disordered)} of {len(keys)} keys are out of order",
    )


@row("[resharding][r]: a split and a merge while it runs")
def reshard_while_it_runs(case: Case) -> str:
    return resharded(case, while_it_runs=True)


@row("[resharding][r]: a stream that was resharded before")
def reshard_before(case: Case) -> str:
    return resharded(case, while_it_runs=False)


@row("[resharding][r]: children after their parents")
def parents_first(case: Case) -> str:
    kinesis, stream = case.client("kinesis"), case.stream()
    name, function = stream.rpartition("/")[2], case.function(lambda _event: time.sleep(0.5))

    def fill() -> None:
        case.put(stream, [f"parent-{number}" for number in range(8)], "k")
        shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
        kinesis.split_shard(StreamName=name, ShardToSplit=shard, NewStartingHashKey=str(2**127))
        case.active(name)
        case.put(stream, [f"child-{number}" for number in range(8)], "k")

    case.map_after(fill, stream, function, BatchSize=1)
    case.until(lambda: len(set(items(function))) >= 16, 2 * case.patience + 20)
    got = items(function)
    early = [one for one in got if one.startswith("child")][:1]
    before = len([one for one in got[got.index(early[0]) :] if one.startswith("parent")]) if early else 8
    return verdict(
        len(got) == 16 and not before,
        f"of 16 records {len(got)} are sent, {before} of the parent's 8 after the first of its child",
    )
