"""An answer goes onto the wire at once and whole, in order, whatever its size."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from doubles import ride
from web_lab import raw, service, serving

from threeways.web import wire
from threeways.web.wire import OneWrite


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
    transport = OneWrite(inner, asyncio.get_running_loop())
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
    much = b"x" * wire.MOST_HELD
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
