"""The access log: one JSON line on standard output for each request, like the process's other log lines.

`logging` would take a fifth of a request's time: it looks up the caller, the thread and the process each
time, and flushes each line by itself. So these lines are encoded in one pass, and all lines of one turn of
the event loop are written together.
"""

from __future__ import annotations

import asyncio
import sys
import time

import msgspec

AT_ONCE = 4_096
"""The limit on bytes of a write: up to it a write is atomic (PIPE_BUF: man7.org, pipe(7))."""
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True):
    """One request. ms: milliseconds. bytes: of the answer's body. problem: its `code`, if any."""

    time: str
    level: str
    logger: str
    message: str
    method: str
    path: str
    status: int
    ms: float
    bytes: int
    client: str | None
    request_id: str
    problem: str | None


class AccessLog:
    """Writes lines at the end of the event loop's turn. Not thread-safe: use it from one event loop."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._second, self._prefix = -1, ""

    def write(
        self,
        method: str,
        path: str,
        status: int,
        seconds: float,
        sent: int,
        client: str | None,
        request_id: str,
        problem: str | None,
    ) -> None:
        """Add the line of an answered request."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        line = Line(
            self._now(), "INFO", "threeways.access", "request",
            method, path, status, round(seconds * 1000, 2), sent, client, request_id, problem,
        )  # fmt: skip
        self._lines.append(_encode(line) + b"\n")

    def flush(self) -> None:
        """Write the pending lines."""
        lines, self._lines = self._lines, []
        together, length = list[bytes](), 0
        for line in lines:
            if length + len(line) > AT_ONCE and together:
                _out(together)
                together, length = [], 0
            together.append(line)
            length += len(line)
        if together:
            _out(together)

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._prefix = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._prefix}{int((now - second) * 1000):03d}Z"


def _out(lines: list[bytes]) -> None:
    sys.stdout.write(b"".join(lines).decode())
    sys.stdout.flush()
