"""What a producer who means harm can put on the stream takes bounded memory and time, and nothing is lost."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from doubles import FakeContext, FakeKinesis, FakeModel, client_error, kinesis_event, ride
from kpl import aggregated, sealed
from small_training import Training
from test_stream_handler import ListQuarantine, Reports, failures, handler

from threeways.aws.calls import Backoff
from threeways.aws.kinesis import read_all
from threeways.aws.s3 import objects as s3_objects
from threeways.emulator.function import LocalFunction
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.server import Emulator
from threeways.ops.replay.documents import entries_of
from threeways.stream import aggregation, quarantine, records
from threeways.stream.aggregation import MAX_USER_RECORDS, UserRecord, deaggregate
from threeways.stream.delivery import NoDelivery
from threeways.stream.quarantine import S3Quarantine, read
from threeways.stream.records import batch_of, from_event

ROOT = Path(__file__).parents[2]
LIMIT_BYTES = 6 * 2**20
"""Of an invocation's event: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    size, length = bytearray(), len(value)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + value


def user_record(key: int, data: bytes = b"") -> bytes:
    return field(3, bytes([8, key]) + field(3, data))


@pytest.mark.parametrize("key", ["k" * 256, "\U0001f600" * 256, "k"])
def test_a_key_that_kinesis_allows_is_taken(key: str) -> None:
    message = field(1, key.encode()) + user_record(0, b"data")
    assert deaggregate(sealed(message)) == [UserRecord(key, b"data")]


@pytest.mark.parametrize("key", [b"k" * 257, "\u00e9".encode() * 257, b"k" * 500_000, b"\xff" * 2_000])
@pytest.mark.parametrize("used", [True, False])
def test_a_record_with_a_longer_key_is_quarantined_whole_once(key: bytes, used: bool) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html: 256 at most"""
    data = sealed(field(1, b"k") + field(1, key) + user_record(int(used)) * 1_000)
    client, kept = FakeKinesis(), ListQuarantine()
    assert handler(client, kept)(kinesis_event([ride(1), data, ride(2)]), FakeContext()) == failures()
    [(record, error)] = kept.kept
    assert (record.data, error.code) == (data, "undecodable")
    assert f"a partition key of {len(key):,} bytes; Kinesis allows 256 characters" in str(error)
    assert len(client.stored) == 2


@pytest.mark.parametrize("message", [user_record(0), field(1, b"")])
def test_a_record_of_more_than_an_invocation_takes_is_quarantined_whole(message: bytes) -> None:
    fits = sealed(field(1, b"k") + message * (MAX_USER_RECORDS - 1))
    deaggregate(fits)
    data = sealed(field(1, b"k") + message * (MAX_USER_RECORDS + 1))
    kept = ListQuarantine()
    assert handler(FakeKinesis(), kept)(kinesis_event([data]), FakeContext()) == failures()
    [(record, error)] = kept.kept
    assert (record.data, error.code) == (data, "undecodable")
    assert "lower the producer's AggregationMaxCount" in str(error)


@pytest.fixture
def _four(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most four events an invocation."""
    monkeypatch.setattr(aggregation, "MAX_USER_RECORDS", 4)
    monkeypatch.setattr(records, "MAX_USER_RECORDS", 4)


def packed(*numbers: int) -> bytes:
    return aggregated([(f"key {number}", ride(number), None) for number in numbers])


@pytest.mark.usefixtures("_four")
def test_what_an_invocation_has_no_room_for_comes_again_and_all_of_it_is_done_once() -> None:
    left = kinesis_event([packed(1, 2), ride(3), packed(4, 5), packed(6, 7, 8, 9), b"junk", packed(10)])
    assert len(from_event(left)) == 11, "a replay takes all of them"
    client, kept, reports = FakeKinesis(), ListQuarantine(), Reports()
    handle, invocations = handler(client, kept, reports), 0
    while left["Records"]:
        told = handle(left, FakeContext())["batchItemFailures"]
        again = [one["itemIdentifier"] for one in told]
        numbers = [record["kinesis"]["sequenceNumber"] for record in left["Records"]]
        left["Records"] = left["Records"][numbers.index(again[0]) :] if again else []
        invocations += 1
    assert invocations == 4
    done = [json.loads(record["Data"])["prediction"]["ride_id"] for record in client.stored]
    assert done == list(range(1, 11))
    assert [record.data for record, _ in kept.kept] == [b"junk"]
    assert [report.unfinished for report in reports] == [4, 3, 2, 0]


@pytest.mark.usefixtures("_four")
def test_more_plain_records_than_an_invocation_takes_come_again_too() -> None:
    batch = batch_of(kinesis_event([ride(number) for number in range(7)]))
    assert (len(batch), [record.sequence_number for record in batch.later]) == (4, ["1005", "1006", "1007"])


class FakeS3:
    """Keeps objects, and fails as it is told, one word a call."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = deque(faults)
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803 - boto3's names
        if self.faults and (fault := self.faults.popleft()):
            raise fault
        self.objects[Key] = Body


BROKEN = kinesis_event([b"junk %d " % number + b"x" * 600 for number in range(10)])


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "PART_BYTES", 4_000)


@pytest.mark.usefixtures("_small_parts")
def test_many_broken_records_are_several_objects_that_are_replaced_when_they_come_again() -> None:
    client: Any = FakeS3()
    for _ in range(2):
        answer = handler(FakeKinesis(), S3Quarantine(client, "s3://b/q"))(BROKEN, FakeContext())
        assert answer == failures()
    assert [len(entries_of(body)) for body in client.objects.values()] == [4, 4, 2]
    kept = [entry.data for body in client.objects.values() for entry in entries_of(body)]
    assert kept == [record.data for record in from_event(BROKEN)]


@pytest.mark.usefixtures("_small_parts")
def test_what_is_kept_when_the_quarantine_fails_half_way_does_not_come_again() -> None:
    client: Any = FakeS3(None, client_error("SlowDown", 503), None, client_error("AccessDenied", 403))
    reports = Reports()
    put = S3Quarantine(client, "s3://b/q", Backoff(sleep=lambda _: None))
    assert handler(FakeKinesis(), put, reports)(BROKEN, FakeContext()) == failures(1009)
    [report] = reports
    assert (report.quarantined.total(), report.unfinished, report.retries) == (8, 2, 1)


def raising(block: Any) -> bool:
    return bool((block[:, 3] == 13).any())


@pytest.mark.parametrize(
    "payloads",
    [
        [sealed(field(1, b"k") + user_record(0, b"x" * 500_000) + user_record(7))],
        [b"junk" * 100_000, ride(1)],
        [ride("x" * 300_000), ride(1)],
        [ride(1, 13.0), *map(ride, range(2, 500))],
        [ride(1, pickup_datetime="yesterday" * 30_000), ride(2)],
    ],
    ids=["a broken aggregation", "no JSON", "no event", "a ride that predict raises on", "no time"],
)
def test_what_was_quarantined_leaves_nothing_in_memory(
    payloads: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")  # pytest keeps what is logged, errors with their frames
    event = kinesis_event(payloads)
    handle = handler(FakeKinesis(), S3Quarantine(cast("Any", FakeS3()), "s3://b/q"), model=FakeModel(raising))
    handle._delivery = NoDelivery()
    handle(event, FakeContext())
    gc.collect()
    gc.disable()  # in cycles, too: the collector knows their number and not their size
    tracemalloc.start()
    try:
        handle(event, FakeContext())
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            handle(event, FakeContext())
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 100_000


def spread(data: bytes, each: int) -> bytes:
    """An aggregated record whose keys are of the maximum length, and grow sixfold in JSON."""
    keys = b"".join(field(1, b"\x01" * 254 + b"%02d" % number) for number in range(100))
    return sealed(keys + b"".join(user_record(number, data) for number in range(100)) * each)


def many_users() -> bytes:
    return b"".join(user_record(number) for number in range(100)) * 800


LONG_KEYS = b"".join(field(1, bytes([48 + n // 64, 48 + n % 64]) * 2_500) for n in range(100))
TAG = field(4, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x01")
HARM: dict[str, Callable[[], list[bytes]]] = {
    "a key of 500 KB": lambda: [sealed(field(1, b"k" * 500_000) + user_record(0) * 80_000)],
    "keys of 500 KB": lambda: [sealed(LONG_KEYS + many_users())],
    "broken user records with the longest keys": lambda: [spread(b"", MAX_USER_RECORDS // 100)] * 13,
    "user records with long reasons": lambda: (
        [spread(b'{"ride_id":"' + b"\\u0001" * 5 + b'"}', MAX_USER_RECORDS // 100)] * 2
    ),
    "empty user records": lambda: [sealed(field(1, b"k") + user_record(0) * 700_000)],
    "keys alone": lambda: [sealed(field(1, b"") * 2_200_000)],
    "nested varints": lambda: [
        sealed(field(1, b"k") + field(3, b"\x08\x00" + field(3, b"") + TAG * 350_000))
    ],
    "minimal records": lambda: [b""] * 10_000,
    "deep JSON": lambda: [b"[" * 4_400_000],
    "deep JSON in a field that is skipped": lambda: [b'{"x":' + b'{"x":[' * 700_000],
    "a huge number": lambda: [b'{"ride_id":' + b"1" * 4_400_000 + b"}"],
    "a huge fraction": lambda: [b'{"ride_id":1,"ride":{"trip_distance":0.' + b"1" * 4_300_000 + b"}}"],
    "a huge text": lambda: [b'{"ride_id":"' + b"\\u0001" * 700_000 + b'"}'],
    "rides": lambda: [
        aggregated((f"{n:0250}", ride(n), None) for n in range(m, m + 1_500)) for m in range(0, 12_000, 1_500)
    ],
}


@pytest.fixture(scope="module")
def function(emulator: Emulator, training: Training) -> Iterator[LocalFunction]:
    """Run the function itself with the template's memory: beyond it, the process is killed.

    pytest-xdist may give a worker some of this module, other tests, then more of it: this is set up again.
    """
    emulator.client("s3").create_bucket(Bucket="harm")
    emulator.client("kinesis").create_stream(StreamName="harm", ShardCount=8)
    config = FunctionConfig(
        logical_id="Predictor", name="predictor", handler="lambda_function.lambda_handler", timeout=60,
        memory=1024, root=ROOT, arn="arn:aws:lambda:us-east-1:123456789012:function:predictor",
        environment={
            "MODEL_LOCATION": str(training.report.model.folder),
            "PREDICTIONS_STREAM_NAME": "harm",
            "QUARANTINE_LOCATION": "s3://harm/q",
        },
    )  # fmt: skip
    with LocalFunction(config, environment=emulator.environment()) as running:
        yield running
    emulator.client("kinesis").delete_stream(StreamName="harm")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", HARM)
def test_six_megabytes_of_harm_are_done_within_the_function_s_memory_and_nothing_is_lost(
    function: LocalFunction, emulator: Emulator, name: str
) -> None:
    event = kinesis_event(HARM[name]())
    while len(payload := json.dumps(event, separators=(",", ":")).encode()) > LIMIT_BYTES:
        event["Records"].pop()
    result = function.invoke(payload)
    assert result.error is None
    told = json.loads(result.payload or b"")["batchItemFailures"]
    left = int(told[0]["itemIdentifier"]) if told else 10**9
    s3, kinesis = emulator.client("s3"), emulator.client("kinesis")
    done = {entry.source_event_id for _, entry in read(s3, "s3://harm/q")}
    done |= {json.loads(data)["source_event_id"] for data in read_all(kinesis, "harm")}
    objects = list(s3_objects(s3, "harm", "q/"))
    for one in objects:
        s3.delete_object(Bucket="harm", Key=one.key)
    assert all(one.size < quarantine.PART_BYTES + LIMIT_BYTES for one in objects)
    handled = [record for record in from_event(event) if int(record.sequence_number) < left]
    assert handled
    assert [record.event_id for record in handled if record.event_id not in done] == []
