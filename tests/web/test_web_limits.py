"""What clients can make the service hold is bounded, and beyond the bounds others are still answered."""

from __future__ import annotations

import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
from doubles import ride
from web_lab import JSON, raw, service, serving

from threeways.errors import InvalidEvent
from threeways.web import bodies
from threeways.web.http_protocol import MAX_HEADERS, MAX_PIPELINED
from threeways.web.limits import Limits
from threeways.web.problems import RequestRefused

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
BATCH = b"[" + b",".join([ride()] * 10_000) + b"]"


def head(path: str, length: int) -> bytes:
    lines = f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {length}"
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service(), Limits(header_bytes=4_096)) as running:
        yield running


def address(client: httpx.Client) -> tuple[str, int]:
    return "127.0.0.1", client.base_url.port or 0


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def told(answer: bytes) -> str:
    """The detail of a problem."""
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["detail"])


@pytest.mark.parametrize(
    "request_head",
    [
        GET + b"A: " + b"x" * 5_000,
        GET + b"A" * 5_000 + b": x",
        GET + b"\r\n".join([b"a: b"] * 1_000),
        b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x",
        GET + b"\r\n".join([b"a: b"] * (MAX_HEADERS + 1)),
    ],
    ids=["a long value", "a long name", "many lines", "a long path", "many headers"],
)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", [100_000, 700])
def test_headers_over_their_limit_are_431(
    client: httpx.Client, request_head: bytes, whole: bool, size: int
) -> None:
    sent = request_head + (b"\r\n\r\n" if whole else b"")
    answer = raw(client, *(sent[at : at + size] for at in range(0, len(sent), size)))
    assert status(answer) == 431
    assert "over 4,096 bytes or 100 headers: send fewer" in told(answer)


def test_headers_within_their_limit_are_taken_in_any_pieces(client: httpx.Client) -> None:
    names = b"".join(b"h%d: %s\r\n" % (number, b"v" * 25) for number in range(MAX_HEADERS - 2))
    sent = GET + names + b"connection: close\r\n\r\n"
    assert len(sent) < 4_096
    for size in (1, 17, 1_000, 10_000):
        assert status(raw(client, *(sent[at : at + size] for at in range(0, len(sent), size)))) == 200


@pytest.mark.parametrize("endless", [b"0\r\nA: ", b"1;x="], ids=["a trailer", "a chunk's extension"])
def test_a_chunked_body_without_data_ends_the_connection(client: httpx.Client, endless: bytes) -> None:
    chunked = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    chunked += b"Content-Type: application/json\r\n\r\n1\r\n[\r\n"
    with socket.create_connection(address(client), timeout=10) as connection:
        connection.sendall(chunked + endless)
        ends = time.monotonic() + 10
        with suppress(OSError):
            while time.monotonic() < ends:
                connection.send(b"x" * 2**16)
        assert time.monotonic() < ends


def test_more_requests_at_once_than_a_client_needs_end_its_connection(client: httpx.Client) -> None:
    asked = (GET + b"\r\n") * (MAX_PIPELINED + 5)
    got = raw(client, asked)
    assert got.count(b"HTTP/1.1 200") <= MAX_PIPELINED
    assert client.get("/health").status_code == 200


@contextmanager
def sending(client: httpx.Client, many: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Connections that have sent this and nothing else; what the service closes is closed."""
    with ExitStack() as held:
        found = [
            held.enter_context(socket.create_connection(address(client), timeout=20)) for _ in range(many)
        ]
        for one in found:
            with suppress(OSError):
                one.sendall(sent)
        yield found


def closed(client: httpx.Client, why: str) -> int:
    text = client.get("/metrics").text
    found = [
        line for line in text.splitlines() if line.startswith(f'connections_closed_total{{why="{why}"}}')
    ]
    return int(float(found[0].split()[1])) if found else 0


def until(true: object, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_bodies_that_do_not_end_give_way_to_others_largest_first() -> None:
    limits = Limits(request_bytes=2**20)
    large, small = head("/predict/batch", 2**20) + b"[" + b" " * 300_000, head("/predict", 100) + b"{"
    with serving(service(), limits) as client, sending(client, 3, small) as first:
        with sending(client, 10, large) as connections:
            until(lambda: closed(client, "requests") >= 8)
            assert client.post("/predict", content=ride(), headers=JSON).status_code == 200
            answers = []
            for one in connections:
                one.settimeout(0.5)
                with suppress(OSError):
                    answers.append(one.recv(65536))
            refused = [answer for answer in answers if status(answer) == 503]
            assert refused
            assert all(b"retry-after: 1" in answer.lower() for answer in refused)
        for one in first:
            one.sendall(b" " * 98 + b"}")
            assert status(one.recv(65536)) == 422, "a small one is still answered"


def test_an_honest_batch_is_answered_while_others_never_end() -> None:
    limits = Limits(request_bytes=4 * 2**20)
    endless = head("/predict/batch", 2**20) + b"[" + b" " * 100_000
    with serving(service(), limits) as client, sending(client, 20, endless):
        assert client.post("/predict/batch", content=BATCH, headers=JSON).json()["predicted"] == 10_000


@pytest.mark.parametrize("state", ["within a body", "within the headers", "with an answer that is not read"])
def test_any_number_of_connections_in_any_state_leaves_room_for_one_that_asks(state: str) -> None:
    sent = {
        "within a body": head("/predict", 100) + b"{",
        "within the headers": GET,
        "with an answer that is not read": head("/predict/batch", len(BATCH)) + BATCH,
    }[state]
    many = 8 if "answer" in state else 150
    limits = Limits(connections=6 if "answer" in state else 20)
    with serving(service(), limits) as client, sending(client, many, sent):
        for path in ("/health", "/ready", "/health"):
            until(lambda path=path: new_connection(client, path) == 200)  # 503 asks for a second's patience


def new_connection(client: httpx.Client, path: str) -> int:
    with httpx.Client(base_url=client.base_url, trust_env=False, timeout=10) as new:
        return new.get(path).status_code


def never_reads(client: httpx.Client) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(address(client))
    connection.settimeout(20)
    for _ in range(12):  # more than the system holds of answers
        with suppress(OSError):
            connection.sendall(head("/predict/batch", len(BATCH)) + BATCH)
    return connection


def test_a_client_that_does_not_read_its_answer_is_dropped() -> None:
    with serving(service(), Limits(seconds=0.3)) as client, never_reads(client):
        until(lambda: closed(client, "unread"))
        assert client.get("/health").status_code == 200


def test_a_client_that_reads_slowly_is_not_dropped() -> None:
    with serving(service(), Limits(seconds=0.5)) as client:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            slow.connect(address(client))
            slow.settimeout(20)
            asked = head("/predict/batch", len(BATCH)) + BATCH
            slow.sendall(asked)
            got, ends = b"", time.monotonic() + 2
            while time.monotonic() < ends:
                got += slow.recv(2**15)
                time.sleep(0.05)
            while len(got.partition(b"\r\n\r\n")[2]) < int(
                got.lower().split(b"content-length: ")[1].split()[0]
            ):
                got += slow.recv(2**20)
        assert json.loads(got.partition(b"\r\n\r\n")[2])["predicted"] == 10_000


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"[" + b"1," * 4_000_000 + b"1]", RequestRefused),
        (b"[[" + b"1," * 4_000_000 + b"1]]", None),
        (b'{"a":[' + b"1," * 4_000_000 + b"1]}", InvalidEvent),
        (b"[" + b"[]," * 2_700_000 + b"1]", RequestRefused),
    ],
)
def test_an_array_of_millions_is_not_made(body: bytes, refused: type[Exception] | None) -> None:
    bodies._decoder_of_many()
    tracemalloc.start()
    try:
        if refused:
            with pytest.raises(refused):
                bodies.elements(body)
        else:
            assert list(map(len, bodies.elements(body))) == [len(body) - 2]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**21 + (0 if refused else len(body))


@pytest.mark.parametrize("count", [0, 1, 9_999, 10_000, 10_001])
@pytest.mark.parametrize("commas", [0, 12])
def test_both_ways_to_split_an_array_give_the_same(count: int, commas: int) -> None:
    one = b'{"a":[' + b",".join([b"1"] * (commas + 1)) + b"]}"
    body = b"[" + b", ".join([one] * count) + b"]"
    if count > bodies.MOST_EVENTS:
        with pytest.raises(RequestRefused, match="split it"):
            bodies.elements(body)
    else:
        assert bodies.elements(body) == [one] * count
