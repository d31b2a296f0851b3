from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from threeways.errors import LocalError
from threeways.local import moto_mend, moto_server
from threeways.local.emulator import Emulator

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


class FakeRecord:
    def __init__(self, number: int, data: str = "", created_at: float = 0.0) -> None:
        self.sequence_number = number
        self.data = data
        self.created_at = created_at


def read_all(emulator: Emulator, stream: str, shard_id: str) -> list[tuple[str, bytes]]:
    kinesis = emulator.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[tuple[str, bytes]] = []
    while records := (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
        found.extend((record["SequenceNumber"], record["Data"]) for record in records)
        iterator = answer["NextShardIterator"]
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


def test_a_shard_under_contention_stays_in_order_and_finds_each_record_by_its_number() -> None:
    log, interval = moto_mend.ShardLog(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [
                pool.submit(lambda: [log.append(FakeRecord) for _ in range(2000)]) for _ in range(WRITERS)
            ]
            acknowledged = [number for writer in writers for number in writer.result()]
    finally:
        sys.setswitchinterval(interval)
    assert log.numbers == sorted(acknowledged)
    assert [record.sequence_number for record in log.records] == log.numbers


def test_reading_goes_on_after_a_number_and_keeps_to_the_limit() -> None:
    log = moto_mend.ShardLog()
    numbers = [log.append(FakeRecord) for _ in range(10)]
    assert [record.sequence_number for record in log.after(numbers[3], 4)] == numbers[4:8]
    assert log.after(numbers[-1], 4) == []


def test_one_read_returns_ten_mebibytes_at_most_and_always_one_record() -> None:
    log = moto_mend.ShardLog()
    mebibyte = "A" * (4 * 1024 * 1024 // 3)
    for _ in range(12):
        log.append(lambda number: FakeRecord(number, mebibyte))
    assert len(log.after(0, 100)) == 10
    huge = moto_mend.ShardLog()
    huge.append(lambda number: FakeRecord(number, mebibyte * 11))
    assert len(huge.after(0, 100)) == 1


def test_the_last_record_before_a_moment_is_found() -> None:
    log = moto_mend.ShardLog()
    first, second, _ = (log.append(lambda n, at=at: FakeRecord(n, "", at)) for at in (1.0, 2.0, 3.0))
    assert log.last_before(3.0) == second
    assert log.last_before(2.5) == second
    assert log.last_before(1.5) == first
    assert log.last_before(1.0) == 0


def test_reading_costs_the_same_at_the_end_of_a_long_shard() -> None:
    log = moto_mend.ShardLog()
    numbers = [log.append(FakeRecord) for _ in range(200_000)]

    def seconds(after: int) -> float:
        started = time.perf_counter()
        for _ in range(200):
            log.after(after, 10)
        return time.perf_counter() - started

    assert seconds(numbers[-20]) < 20 * seconds(numbers[0]) + 0.05


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
    monkeypatch.setattr(moto_mend, "DIGEST", "of another source")
    with pytest.raises(LocalError, match=r"install moto==5\.2\.5"):
        moto_mend.mend()
    assert moto_server.main() == 2
    assert "install moto==5.2.5" in json.loads(capsys.readouterr().out)["error"]
