"""An HTTP proxy on 127.0.0.1 between a function and AWS that injects faults.

Calls without a fault are forwarded byte for byte; a partial failure leaves entries out of the forwarded call,
so that they are really not stored. Clients are not changed: botocore meets real resets and real timeouts.
"""

from __future__ import annotations

import http.client
import socket
import struct
from collections import Counter
from collections.abc import Callable
from threading import Event, Lock
from typing import ClassVar, Self
from urllib.parse import urlsplit

from threeways.emulator.faults.request import FAILURES, Answer, Request, failed_entries, with_failures
from threeways.emulator.faults.schedule import Fault, Kind, Schedule, Script
from threeways.emulator.http_server import Handler, Server

_BEFORE = {Kind.RESET_BEFORE, Kind.KILL_BEFORE}
_AFTER = {Kind.RESET_AFTER, Kind.KILL_AFTER}
_KILLS = {Kind.KILL_BEFORE, Kind.KILL_AFTER}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "proxy-connection"}
"""Hop-by-hop headers, which are not forwarded."""
_FORWARD_SECONDS = 120


class FaultProxy:
    """A fault-injecting proxy, run as a context manager; one service may have several.

    target: where calls go, `http://127.0.0.1:port`. schedule: may be replaced while it runs.
    on_kill: called for a kill fault, from the connection's thread: it has to kill the caller.
    """

    def __init__(
        self, target: str, schedule: Schedule | None = None, on_kill: Callable[[], object] | None = None
    ) -> None:
        self.schedule: Schedule = schedule or Script()
        self.on_kill = on_kill
        self._target = urlsplit(target)
        self._counts: Counter[str] = Counter()
        self._lock = Lock()
        self._closing = Event()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = Server(handler, "proxy")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server; delayed calls end without an answer."""
        self._closing.set()
        self._server.end()

    @property
    def endpoint_url(self) -> str:
        """Its address, for `AWS_ENDPOINT_URL`."""
        return f"http://{self._server.address}"

    def counts(self) -> Counter[str]:
        """Return the injected faults by kind, and `partial_failures`: PutRecords answers with failed entries.

        Entries fail by the schedule or by a shard's limits.
        """
        with self._lock:
            return self._counts.copy()

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def serve(self, request: Request) -> Answer | None:
        """Return the answer to a request, with its fault; None: the connection is to be reset."""
        fault = self.schedule.next(request.operation, request.entries)
        if fault is None:
            return self._forward(request)
        self._count(fault.kind.value)
        if fault.kind in FAILURES:
            return request.failed(fault.kind)
        if fault.kind is Kind.PARTIAL:
            return self._partial(request, fault)
        return self._silenced(request, fault)

    def _silenced(self, request: Request, fault: Fault) -> Answer | None:
        """Apply a fault of the connection: a delay, a reset or a kill."""
        if fault.kind is Kind.SLOW_BEFORE:
            self._closing.wait(fault.seconds)
        answer = None if fault.kind in _BEFORE else self._forward(request)
        if fault.kind is Kind.SLOW_AFTER:
            self._closing.wait(fault.seconds)
        if fault.kind in _KILLS and self.on_kill is not None:
            self.on_kill()
        return None if fault.kind in _BEFORE | _AFTER else answer

    def _partial(self, request: Request, fault: Fault) -> Answer | None:
        entries = request.entries
        passed = request.without(fault.positions)
        answer = self._forward(passed) if passed.entries else None
        if answer is None and passed.entries:
            return None
        return self._noted(with_failures(answer, fault.positions, entries))

    def _forward(self, request: Request) -> Answer | None:
        """Return the service's answer, or None where it cannot be reached."""
        connection = http.client.HTTPConnection(
            self._target.hostname or "", self._target.port, timeout=_FORWARD_SECONDS
        )
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        try:
            connection.request(request.method, request.path, request.body, headers)
            got = connection.getresponse()
            answer = Answer(got.status, dict(got.getheaders()), got.read())
        except (OSError, http.client.HTTPException):
            self._count("unreachable")
            return None
        finally:
            connection.close()
        return self._noted(answer) if request.operation == "PutRecords" else answer

    def _noted(self, answer: Answer) -> Answer:
        if answer.status == http.client.OK and failed_entries(answer):
            self._count("partial_failures")
        return answer


class _Handler(Handler):
    proxy: ClassVar[FaultProxy]

    def handle_expect_100(self) -> bool:
        """Send "100 Continue" at once: botocore waits a second for it before each object's body."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Serve a request of any method."""
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(Answer(411, {}, b"the proxy takes bodies with a Content-Length only"))
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the sender was killed; no service handles an incomplete request
            self.close_connection = True
            return
        answer = self.proxy.serve(Request(self.command, self.path, self.headers, body))  # type: ignore[arg-type]  # a Message is a case-insensitive mapping
        if answer is None:
            self._reset()
        else:
            self._send(answer)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - http.server's names

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        head = self.command == "HEAD"
        length = answer.headers.get("Content-Length", "0") if head else str(len(answer.body))
        self.send_header("Content-Length", length)
        self.end_headers()
        if not head:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        """Close the connection with a TCP reset: SO_LINGER of 0 seconds drops unsent data."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
