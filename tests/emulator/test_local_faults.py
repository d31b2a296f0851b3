"""What a client meets at the faulty proxy, and what the emulator really holds afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from threeways.emulator.faults import Fault, FaultProxy, Kind, Script
from threeways.emulator.server import Emulator

MORE = {Kind.PARTIAL: {"positions": frozenset({1, 2})}, Kind.SLOW_BEFORE: {"seconds": 3.0}}
MORE[Kind.SLOW_AFTER] = MORE[Kind.SLOW_BEFORE]
PATIENCE = 1.0


@pytest.fixture
def proxy(emulator: Emulator) -> Iterator[FaultProxy]:
    with FaultProxy(emulator.endpoint_url) as opened:
        yield opened


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Callable[[str], Any]]:
    """Clients that go through the proxy, make one attempt, and wait for an answer a second."""
    import boto3
    from botocore.config import Config

    made: list[Any] = []
    config: Any = {"read_timeout": PATIENCE, "retries": {"total_max_attempts": 1}}

    def make(service: str) -> Any:
        new: Any = boto3.client  # its overloads are by literal name
        made.append(new(service, endpoint_url=proxy.endpoint_url, config=Config(**config)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_client_that_asks_whether_its_body_may_come_is_told_before_it_sends_it(proxy: FaultProxy) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: Expect: 100-continue"""
    url = urlsplit(proxy.endpoint_url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as asking:
        asking.sendall(
            b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
        assert asking.recv(100).startswith(b"HTTP/1.1 100")
        asking.sendall(b"body")
        assert asking.recv(100).startswith(b"HTTP/1.1 404")


def test_half_a_request_is_no_request(proxy: FaultProxy, emulator: Emulator) -> None:
    s3, url = emulator.client("s3"), urlsplit(proxy.endpoint_url)
    s3.create_bucket(Bucket="half-a-request")
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as cut_short:
        cut_short.sendall(b"PUT /half-a-request/key HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbody")
        cut_short.shutdown(socket.SHUT_WR)
        assert cut_short.recv(100) == b""
    assert "Contents" not in s3.list_objects_v2(Bucket="half-a-request")


def put(kinesis: Any, stream: str) -> Any:
    entries = [{"Data": str(number).encode(), "PartitionKey": "k"} for number in range(4)]
    return kinesis.put_records(StreamName=stream, Records=entries)


def stored(emulator: Emulator, stream: str) -> list[int]:
    kinesis = emulator.client("kinesis")
    start = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [int(record["Data"]) for record in kinesis.get_records(ShardIterator=start)["Records"]]


def fault(kind: Kind) -> Fault:
    return Fault(kind, **MORE.get(kind, {}))  # type: ignore[arg-type]  # each kind's own


def test_without_a_fault_it_is_the_emulator(
    proxy: FaultProxy, client: Callable[[str], Any], emulator: Emulator, stream: str
) -> None:
    assert put(client("kinesis"), stream)["FailedRecordCount"] == 0
    assert stored(emulator, stream) == [0, 1, 2, 3]
    s3 = client("s3")
    s3.create_bucket(Bucket="through-the-proxy")
    s3.put_object(Bucket="through-the-proxy", Key="a b/ü", Body=b"\x00\xff" * 100_000)
    assert s3.get_object(Bucket="through-the-proxy", Key="a b/ü")["Body"].read() == b"\x00\xff" * 100_000
    assert s3.head_object(Bucket="through-the-proxy", Key="a b/ü")["ContentLength"] == 200_000
    assert not proxy.counts()


@pytest.mark.parametrize(
    ("kind", "error", "kept"),
    [
        (Kind.THROTTLED, ClientError, []),
        (Kind.ERROR, ClientError, []),
        (Kind.RESET_BEFORE, ConnectionClosedError, []),
        (Kind.RESET_AFTER, ConnectionClosedError, [0, 1, 2, 3]),
        (Kind.SLOW_AFTER, ReadTimeoutError, [0, 1, 2, 3]),
        (Kind.KILL_BEFORE, ConnectionClosedError, []),
        (Kind.KILL_AFTER, ConnectionClosedError, [0, 1, 2, 3]),
    ],
)
def test_a_put_that_fails_has_stored_nothing_or_everything_as_its_kind_says(
    kind: Kind,
    error: type[Exception],
    kept: list[int],
    proxy: FaultProxy,
    client: Callable[[str], Any],
    emulator: Emulator,
    stream: str,
) -> None:
    struck: list[str] = []
    proxy.on_kill = lambda: struck.append("killed")
    proxy.schedule = Script(PutRecords=[fault(kind)])
    with pytest.raises(error):
        put(client("kinesis"), stream)
    assert stored(emulator, stream) == kept
    assert put(client("kinesis"), stream)["FailedRecordCount"] == 0
    assert proxy.counts() == {kind.value: 1}
    assert struck == (["killed"] if kind in {Kind.KILL_BEFORE, Kind.KILL_AFTER} else [])


def test_a_slow_put_is_stored_after_its_client_has_given_it_up(
    proxy: FaultProxy,
    client: Callable[[str], Any],
    emulator: Emulator,
    stream: str,
    eventually: Callable[..., None],
) -> None:
    proxy.schedule = Script(PutRecords=[fault(Kind.SLOW_BEFORE)])
    started = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        put(client("kinesis"), stream)
    assert time.monotonic() - started < 2.5
    assert stored(emulator, stream) == []
    eventually(lambda: stored(emulator, stream) == [0, 1, 2, 3])


def test_entries_of_a_partial_failure_are_told_and_are_really_not_stored(
    proxy: FaultProxy, client: Callable[[str], Any], emulator: Emulator, stream: str
) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    proxy.schedule = Script(PutRecords=[fault(Kind.PARTIAL)])
    answer = put(client("kinesis"), stream)
    assert answer["FailedRecordCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Records"]] == [
        None,
        "InternalFailure",
        "ProvisionedThroughputExceededException",
        None,
    ]
    assert stored(emulator, stream) == [0, 3]
    assert proxy.counts() == {"partial": 1, "partial_failures": 1}


def test_all_entries_may_fail(
    proxy: FaultProxy, client: Callable[[str], Any], emulator: Emulator, stream: str
) -> None:
    proxy.schedule = Script(PutRecords=[Fault(Kind.PARTIAL, frozenset(range(4)))])
    assert put(client("kinesis"), stream)["FailedRecordCount"] == 4
    assert stored(emulator, stream) == []


def test_s3_says_its_own_errors(proxy: FaultProxy, client: Callable[[str], Any]) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    s3 = client("s3")
    s3.create_bucket(Bucket="errors")
    proxy.schedule = Script(
        PutObject=[fault(Kind.THROTTLED)],
        GetObject=[fault(Kind.ERROR)],
        ListObjectsV2=[fault(Kind.RESET_BEFORE)],
    )
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket="errors", Key="k", Body=b"x")
    with pytest.raises(ClientError, match="InternalError"):
        s3.get_object(Bucket="errors", Key="k")
    with pytest.raises(BotoCoreError):
        s3.list_objects_v2(Bucket="errors")


def test_a_door_to_nowhere_resets(client: Callable[[str], Any], emulator: Emulator, stream: str) -> None:
    with Emulator() as gone:
        target = gone.endpoint_url
    with FaultProxy(target) as proxy:
        import boto3
        from botocore.config import Config

        kinesis = boto3.client(
            "kinesis", endpoint_url=proxy.endpoint_url, config=Config(retries={"total_max_attempts": 1})
        )
        with pytest.raises(ConnectionClosedError):
            put(kinesis, stream)
        kinesis.close()
        assert proxy.counts() == {"unreachable": 1}
