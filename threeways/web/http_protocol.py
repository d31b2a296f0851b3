"""uvicorn's HTTP protocol with bounds on what a client makes it hold, and one write for each answer.

httptools bounds neither a header nor their number, and uvicorn neither what all bodies take nor for how long
an answer is not read.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from threeways.errors import ResourceShort
from threeways.web.limits import HEADER_COST, Connections
from threeways.web.problems import RequestRefused, plain_answer
from threeways.web.transport import CoalescingTransport

HEADER_SECONDS = 10
"""The time limit for a request's headers: a client that never ends them must not hold a connection."""
FIRST_SECONDS = 1
"""The time limit for a new client to begin its request when the server stops."""
MAX_HEADERS = 100
PIECE_BYTES = 2**12
FREE_HEADERS, FREE_BYTES = 20, 2**11
"""What is not counted of a request: those that are usual, and few even on all connections together."""
MAX_PIPELINED = 32
"""The limit on requests that a client sends before the first of them is answered."""
UNREAD_BYTES = 2**12
"""What a connection may hold of an answer, beyond the system's own buffer, and count as read."""
PROGRESS_BYTES = 2**14
"""What a client must read within the time limit, to be waited for."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """HttpToolsProtocol with bounds on headers, bodies, unread answers and connections, and a header timeout.

    known: the server's connections. Beyond their limits those that hold most, or have waited longest, give
    way to others.
    """

    _clock: asyncio.TimerHandle | None = None
    _unread_clock: asyncio.TimerHandle | None = None
    _arriving = False  # a request has begun, and its headers are not complete
    _asked = False  # at least one request has arrived
    _dropped = False  # the body that arrives is refused
    _moved = False  # a part of a body has just arrived
    _uncounted = 0  # bytes of a body that are too few to count
    _bare = 0  # bytes since the request's begin, or since the last part of its body
    _running: RequestResponseCycle | None = None
    _deferred: tuple[RequestResponseCycle, Any] | None = None  # until the answer before it is read

    def __init__(self, *given: Any, known: Connections, **named: Any) -> None:
        super().__init__(*given, **named)
        self._known, self._limits = known, known.limits

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a new connection's first headers."""
        transport.set_write_buffer_limits(high=UNREAD_BYTES)
        coalescing = CoalescingTransport(transport, self.loop, self._lingers)
        super().connection_made(coalescing)  # type: ignore[arg-type]  # implements what is used
        if not self._known.admit(len(self.connections)):
            self._end(503, "all connections are busy; try again in a second", "connections")
            return
        self._known.waiting[self] = None
        self._wind()

    def data_received(self, data: bytes) -> None:
        """Parse what arrives, headers in pieces, each of which is checked against the limits."""
        if self.transport.is_closing():
            return
        if len(data) <= PIECE_BYTES or (self._is_arriving() and not self._arriving):
            self._moved = False
            super().data_received(data)
            if self._is_arriving():
                self._check_arriving(data)
            return
        for at in range(0, len(data), PIECE_BYTES):
            self.data_received(data[at : at + PIECE_BYTES])

    def _check_arriving(self, data: bytes) -> None:
        """End a request whose headers, trailers or chunks' extensions go on without a part of its body."""
        self._bare = 0 if self._moved else self._bare + len(data)
        if self._bare > self._limits.header_bytes or len(self.headers) > MAX_HEADERS:
            self._end(431, self._too_large(), "headers")
        elif self._arriving:
            self._known.hold(self, len(data) + HEADER_COST)

    def _too_large(self) -> str:
        return (
            f"the request's line and headers are over {self._limits.header_bytes:,} bytes or {MAX_HEADERS} "
            "headers: send fewer"
        )

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of the connection's next request."""
        super().on_message_begin()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at once")  # the parser ends, and the connection with it
        self._arriving, self._dropped, self._bare, self._uncounted = True, False, 0, 0
        self._wind()

    def on_headers_complete(self) -> None:
        """Stop the header timeout; the application limits the body's time."""
        self._stop()
        self._arriving, self._asked = False, True
        self._known.waiting.pop(self, None)
        count = len(self.headers)
        if count > MAX_HEADERS or (self._bare and self._header_bytes() > self._limits.header_bytes):
            self.scope["state"]["refused"] = RequestRefused(431, self._too_large())
        if count > FREE_HEADERS:
            self._known.hold(self, HEADER_COST * count)
        super().on_headers_complete()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless it is refused."""
        self._moved = True
        if self._dropped:
            return
        super().on_body(body)
        self._uncounted += len(body)
        if self._uncounted > FREE_BYTES and not self.cycle.response_complete:
            self._known.hold(self, self._uncounted)
            self._uncounted = 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin to answer a request, once the answer before it is read."""
        if self.flow.write_paused:
            self._deferred = cycle, app
            self.flow.pause_reading()
            return
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Mark the connection as idle, unless another request has already arrived."""
        super().on_response_complete()
        self._known.release(self)
        if self.transport.is_closing():
            return
        if self._arriving:  # the next one's headers came with this request
            self._known.hold(self, self._bare + HEADER_COST * len(self.headers))
        if self.cycle.response_complete:
            self._known.waiting[self] = None
        else:
            self._known.hold(self, self._pipelined_bytes())

    def _pipelined_bytes(self) -> int:
        known = [cycle for cycle, _ in self.pipeline] + [self.cycle]
        if self._deferred:
            known.append(self._deferred[0])
        elif self._running:
            known.append(self._running)
        open_ones = {id(cycle): cycle for cycle in known if not cycle.response_complete}
        return sum(
            HEADER_COST * len(list(cycle.scope["headers"])) + len(cycle.body) for cycle in open_ones.values()
        )

    @property
    def unfinished(self) -> bool:
        """Whether its request is not whole, and not refused."""
        return self._is_arriving() and not (self._dropped or self.transport.is_closing())

    def _is_arriving(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return self._arriving or (cycle is not None and cycle.more_body)

    def _lingers(self) -> bool:
        if self._is_arriving() and not self.flow.write_paused:
            self._known.waiting[self] = None
            return True
        return False

    def refuse(self) -> None:
        """Answer the unfinished request with 503, and forget what came of it."""
        self._dropped = True
        self._known.release(self)
        detail = "too many requests are arriving already; try again in a second"
        if self._arriving:
            self._end(503, detail, "requests")
            return
        self._known.closed("requests")
        cycle = self.cycle
        cycle.scope["state"]["refused"] = ResourceShort(detail)
        cycle.body = bytearray()
        cycle.message_event.set()  # wakes the application, which then answers
        self.flow.pause_reading()

    def drop(self, why: str) -> None:
        """Close at once, with whatever was not read."""
        self._known.forget(self)
        self._known.closed(why)
        self.transport.abort()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read its answer."""
        super().pause_writing()
        self._await_reading()

    def _await_reading(self) -> None:
        size = self.transport.get_write_buffer_size()
        self._unread_clock = self.loop.call_later(self._limits.seconds, self._still_unread, size)
        self._known.unread(self, size)

    def _still_unread(self, before: int) -> None:
        """Go on waiting if the client has read something; drop it otherwise."""
        if self.transport.get_write_buffer_size() > before - PROGRESS_BYTES:
            self.drop("unread")
        else:
            self._await_reading()

    def resume_writing(self) -> None:
        """Begin to answer the next request."""
        self._stop_unread()
        super().resume_writing()
        if self._deferred and not self.transport.is_closing():
            deferred, self._deferred = self._deferred, None
            self._start_asgi_task(*deferred)

    def shutdown(self) -> None:
        """Close if idle; still answer a request that is arriving, or that a new client is about to send."""
        if self._arriving:
            return
        if self._asked:
            super().shutdown()
        else:
            self._stop()
            self._clock = self.loop.call_later(FIRST_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        self._stop_unread()
        self._deferred = None
        self._known.forget(self)
        super().connection_lost(exc)

    def _stop_unread(self) -> None:
        if self._unread_clock is not None:
            self._unread_clock.cancel()
            self._unread_clock = None
        self._known.read(self)

    def _wind(self) -> None:
        self._stop()
        self._clock = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._end(408, f"the headers were not whole after {HEADER_SECONDS} s", "slow")

    def _end(self, status: int, detail: str, why: str) -> None:
        """Answer with a problem without the application, and close."""
        if self.transport.is_closing():
            return
        self._stop()
        self._known.closed(why)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:  # else it would be taken for that one's answer
            self.transport.write(plain_answer(status, detail))
        self.transport.close()
