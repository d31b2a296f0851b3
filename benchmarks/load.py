"""A load generator: connections that each send the next request when the last one is answered.

Plain sockets and bytes made beforehand, so that the machine's cores are the services' as far as possible.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import uvloop


@dataclass
class Load:
    """What one round found. times: seconds of each answer. failed: answers other than 200."""

    seconds: float = 0.0
    failed: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    @property
    def p99(self) -> float:
        """The time that 99 of 100 answers took at most, in seconds."""
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * 0.99))]


class _Connection(asyncio.Protocol):
    """One connection, kept alive where the service does so, made anew where it does not."""

    def __init__(self, load: Load, port: int, requests: Iterator[bytes], ends: float) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._load, self._port, self._requests, self._ends = load, port, requests, ends
        self._got, self._wanted, self._began = b"", 0, 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._began:  # else the connection was made anew for a request that is counted already
            self._began = time.perf_counter()
        transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._wanted:
            head, there, _ = self._got.partition(b"\r\n\r\n")
            if not there:
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
            self._wanted = len(head) + 4 + int(length)
        if len(self._got) >= self._wanted:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done.done():
            return
        loop = asyncio.get_running_loop()
        self._again = loop.create_task(loop.create_connection(lambda: self, "127.0.0.1", self._port))

    def _answered(self) -> None:
        now = time.perf_counter()
        self._load.times.append(now - self._began)
        self._load.failed += not self._got.startswith(b"HTTP/1.1 200 ")
        closes = b"connection: close" in self._got[: self._wanted].lower()
        self._got, self._wanted, self._began = b"", 0, now
        if now > self._ends:
            self.done.set_result(None)
            self._transport.close()
        elif not closes:
            self._transport.write(next(self._requests))


def ask(port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Ask for so many seconds; the bodies are sent in turn, as JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    return uvloop.run(_ask(port, requests, connections, seconds))


async def _ask(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    load, loop, turn = Load(), asyncio.get_running_loop(), cycle(requests)
    began = time.perf_counter()
    asking = [_Connection(load, port, turn, began + seconds) for _ in range(connections)]
    for one in asking:
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]  # the loop's own
    await asyncio.gather(*(one.done for one in asking))
    load.seconds = time.perf_counter() - began
    return load
