"""An answer goes onto the wire at once and whole, in order, whatever its size."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from doubles import ride
from web_lab import raw, service, serving

from threeways.web import middleware
from threeways.web.limits import Limits
from threeways.web.transport import MAX_HELD, CoalescingTransport


class Wire:
    """Notes what is done with a transport."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


async def written(*parts: bytes, close: bool = False) -> list[bytes | str]:
    inner: Any = Wire()
    transport = CoalescingTransport(inner, asyncio.get_running_loop())
    for part in parts:
        transport.write(part)
    if close:
        transport.close()
        assert transport.is_closing()
    await asyncio.sleep(0)
    assert transport.get_extra_info("peer") == "the peer"
    return inner.done  # type: ignore[no-any-return]  # it poses as a transport


def test_what_is_written_in_a_turn_is_one_write() -> None:
    assert asyncio.run(written(b"head", b"body")) == [b"headbody"]


def test_what_is_held_is_sent_before_the_end() -> None:
    assert asyncio.run(written(b"head", b"body", close=True)) == [b"headbody", "closed"]


def test_much_is_not_held() -> None:
    much = b"x" * MAX_HELD
    assert asyncio.run(written(b"head", much, b"rest")) == [b"head" + much, b"rest"]


def test_requests_that_come_together_are_answered_in_order() -> None:
    def request(ride_id: int, last: bool = False) -> bytes:
        body = ride(ride_id)
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/json\r\n" + ("Connection: close\r\n" if last else "")
        return head.encode() + b"\r\n" + body

    with serving(service()) as client:
        got = raw(client, b"".join(request(n, last=n == 7) for n in range(8)))
    answers = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in got.split(b"HTTP/1.1 200 OK")[1:]]
    assert [one["prediction"]["ride_id"] for one in answers] == list(range(8))


def test_an_answer_to_a_client_that_is_gone_harms_nobody() -> None:
    with serving(service()) as client:
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as gone:
            gone.sendall(b"GET /docs/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        assert client.get("/health").status_code == 200


HALF = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"


@contextmanager
def connected(client: httpx.Client, many: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this and nothing else."""
    with ExitStack() as held:
        address = ("127.0.0.1", client.base_url.port or 0)
        found = [held.enter_context(socket.create_connection(address, timeout=20)) for _ in range(many)]
        for one in found:
            one.sendall(sent)
        yield found


def answered(client: httpx.Client, path: str) -> int:
    """The status for a client that is new, or whose connection has been closed meanwhile."""
    with httpx.Client(base_url=client.base_url, trust_env=False, timeout=5) as new:
        return new.get(path).status_code


@pytest.mark.parametrize("sent", [b"", b"GET /health HTT", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_any_number_of_idle_connections_leaves_room_for_one_that_asks(sent: bytes) -> None:
    with serving(service(), Limits(connections=20)) as client, connected(client, 200, sent):
        assert [answered(client, path) for path in ("/health", "/ready", "/model")] == [200] * 3


def test_a_request_under_way_is_not_closed_for_new_connections_and_those_wait_longest_first() -> None:
    with serving(service(), Limits(connections=20)) as client, connected(client, 5, HALF) as busy:
        while client.get("/metrics").text.find("http_requests_in_flight 6.0") < 0:
            pass
        with connected(client, 60, b"") as idle:
            assert answered(client, "/health") == 200
            assert idle[0].recv(1) == b""  # closed
            idle[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle[-1].recv(9) == b"HTTP/1.1 "
        for one in busy:
            one.sendall(b"        ")
            assert one.recv(12) == b"HTTP/1.1 400"


def test_with_too_many_requests_under_way_probes_are_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware.RequestMiddleware, "most", 5)
    with serving(service()) as client, connected(client, 5, HALF):
        while client.get("/metrics").text.find("http_requests_in_flight 6.0") < 0:
            pass
        assert answered(client, "/health") == 200
        refused = httpx.get(f"{client.base_url}/model", trust_env=False, timeout=5)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["code"] == "try_again"
