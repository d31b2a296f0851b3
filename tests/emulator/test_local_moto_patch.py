from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from threeways.emulator import moto_patch, moto_server
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

WRITERS, PUTS, A_PUT = 8, 8, 250

UNMENDED = """
import sys
from threading import Barrier, Thread
from moto.kinesis.models import Shard
sys.setswitchinterval(1e-6)
shard, start, answers = Shard(0, 0, 2**128 - 1), Barrier(8), []
def write():
    start.wait()
    answers.extend([shard.put_record("k", "ZA==", "") for _ in range(400)])
threads = [Thread(target=write) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
print(len(answers), len(shard.records))
"""


def read_all(emulator: Emulator, stream: str, shard_id: str) -> list[tuple[str, bytes]]:
    kinesis = emulator.client("kinesis")
    iterator: str | None = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[tuple[str, bytes]] = []
    while iterator and (
        records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]
    ):
        found.extend((record["SequenceNumber"], record["Data"]) for record in records)
        iterator = answer.get("NextShardIterator")
    return found


def test_every_record_acknowledged_to_concurrent_writers_is_stored_exactly_once(
    emulator: Emulator, stream: str
) -> None:
    kinesis = emulator.client("kinesis")

    def write(writer: int) -> list[tuple[str, bytes]]:
        acknowledged: list[tuple[str, bytes]] = []
        for put in range(PUTS):
            payloads = [f"{writer}-{put}-{number}".encode() for number in range(A_PUT)]
            answer = kinesis.put_records(
                StreamName=stream, Records=[{"Data": payload, "PartitionKey": "one"} for payload in payloads]
            )
            assert answer["FailedRecordCount"] == 0
            numbers = [record["SequenceNumber"] for record in answer["Records"]]
            acknowledged.extend(zip(numbers, payloads, strict=True))
        return acknowledged

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [pair for pairs in pool.map(write, range(WRITERS)) for pair in pairs]
    stored = read_all(emulator, stream, "shardId-000000000000")
    assert len(stored) == WRITERS * PUTS * A_PUT
    assert sorted(stored) == sorted(acknowledged)
    assert len({number for number, _ in stored}) == len(stored)
    assert [number for number, _ in stored] == sorted((number for number, _ in stored), key=int)


def test_unmended_moto_loses_acknowledged_records_so_the_mend_is_still_needed() -> None:
    done = subprocess.run([sys.executable, "-c", UNMENDED], capture_output=True, text=True, check=True)
    acknowledged, stored = map(int, done.stdout.split())
    assert acknowledged == 3200
    assert stored < acknowledged


def test_sequence_numbers_are_unique_across_shards_and_have_56_digits(
    emulator: Emulator, new_stream: Callable[[int], str]
) -> None:
    stream = new_stream(4)
    records = [{"Data": b"x", "PartitionKey": str(key)} for key in range(100)]
    answer = emulator.client("kinesis").put_records(StreamName=stream, Records=records)  # type: ignore[arg-type]
    numbers = [record["SequenceNumber"] for record in answer["Records"]]
    assert len({record["ShardId"] for record in answer["Records"]}) == 4
    assert len(set(numbers)) == 100
    assert {len(number) for number in numbers} == {56}


def test_a_split_leaves_records_where_they_are_and_new_ones_go_to_the_children(
    emulator: Emulator, stream: str
) -> None:
    kinesis, parent = emulator.client("kinesis"), "shardId-000000000000"
    kinesis.put_record(StreamName=stream, Data=b"before", PartitionKey="k")
    kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey=str(2**127))
    answer = kinesis.put_record(StreamName=stream, Data=b"after", PartitionKey="k")
    assert [data for _, data in read_all(emulator, stream, parent)] == [b"before"]
    assert answer["ShardId"] != parent
    assert [data for _, data in read_all(emulator, stream, answer["ShardId"])] == [b"after"]


def test_a_closed_shard_reports_its_end_and_an_open_one_does_not(emulator: Emulator, stream: str) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html: NextShardIterator is null then."""
    kinesis, parent = emulator.client("kinesis"), "shardId-000000000000"
    for data in (b"one", b"two"):
        kinesis.put_record(StreamName=stream, Data=data, PartitionKey="k")
    start = kinesis.get_shard_iterator(StreamName=stream, ShardId=parent, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    assert kinesis.get_records(ShardIterator=start)["NextShardIterator"]
    kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey=str(2**127))
    first = kinesis.get_records(ShardIterator=start, Limit=1)
    assert first["NextShardIterator"]
    second = kinesis.get_records(ShardIterator=first["NextShardIterator"], Limit=1)
    assert [record["Data"] for record in second["Records"]] == [b"two"]
    assert "NextShardIterator" not in second


def test_records_put_while_a_stream_is_resharded_are_stored_once_and_a_keys_in_order_across_shards(
    emulator: Emulator, stream: str
) -> None:
    kinesis = emulator.client("kinesis")
    resharded = Event()

    def write(key: str) -> list[str]:
        numbers: list[str] = []
        while not resharded.is_set() or len(numbers) < 50:
            answer = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey=key)
            numbers.append(answer["SequenceNumber"])
        return numbers

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, str(key)) for key in range(4)]
        try:
            reshard(emulator, stream)
        finally:
            resharded.set()
        acknowledged = [writer.result() for writer in writers]
    shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]]
    stored = [number for shard in shards for number, _ in read_all(emulator, stream, shard)]
    assert len(shards) == 1 + 2 + 1 + 2
    assert sorted(stored) == sorted(number for numbers in acknowledged for number in numbers)
    for numbers in acknowledged:
        assert numbers == sorted(numbers, key=int)
        assert [number for number in stored if number in set(numbers)] == numbers


def reshard(emulator: Emulator, stream: str) -> None:
    kinesis = emulator.client("kinesis")
    half = str(2**127)
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=half)
    kinesis.merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000003", NewStartingHashKey=half)


def test_the_last_hash_key_of_a_shard_belongs_to_it(
    emulator: Emulator, new_stream: Callable[[int], str]
) -> None:
    stream = new_stream(2)
    answer = emulator.client("kinesis").put_record(
        StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey=str(2**127 - 1)
    )
    assert answer["ShardId"] == "shardId-000000000000"


def test_another_moto_is_refused_with_the_version_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(moto_patch, "DIGEST", "of another source")
    with pytest.raises(LocalError, match=r"install moto==5\.2\.5"):
        moto_patch.patch()
    assert moto_server.main() == 2
    assert "install moto==5.2.5" in json.loads(capsys.readouterr().out)["error"]
