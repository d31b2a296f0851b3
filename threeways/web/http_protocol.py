"""uvicorn's HTTP protocol with limits on waiting connections, and one write for each answer."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10
"""The time limit for a request's headers: a client that never ends them must not hold a connection."""
FIRST_SECONDS = 1
"""The time limit for a new client to begin its request when the server stops."""
MAX_HELD = 2**16


class CoalescingTransport:
    """A transport that sends all data written within one turn of the event loop together.

    uvicorn writes an answer's head and body separately, and uvloop sends each by itself: two packets.
    Other attributes are the wrapped transport's (docs.python.org/3/library/asyncio-protocol.html).
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing  # asked for each answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Buffer the data until the turn's end, or until there is too much."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_HELD:
            self._flush()

    def close(self) -> None:
        """Send the buffered data, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            self._transport.write(b"".join(held))


class LimitedHttpProtocol(HttpToolsProtocol):
    """HttpToolsProtocol with a header timeout and a limit on idle connections.

    most: the limit on open connections. Beyond it, each new one closes the one that has waited longest for a
    request, so that idle connections cannot keep others out. waiting: those that wait, the longest first.
    """

    _clock: asyncio.TimerHandle | None = None
    _arriving = False  # a request has begun, and its headers are not complete
    _asked = False  # at least one request has arrived

    def __init__(
        self, *given: Any, most: int, waiting: dict[LimitedHttpProtocol, None], **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._most, self._waiting = most, waiting

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a new connection's first headers."""
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]  # implements what is used
        if len(self.connections) > self._most and self._waiting:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.transport.close()
        self._waiting[self] = None
        self._wind()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of the connection's next request."""
        super().on_message_begin()
        self._arriving = True
        self._wind()

    def on_headers_complete(self) -> None:
        """Stop the header timeout; the application limits the body's time."""
        self._stop()
        self._arriving, self._asked = False, True
        self._waiting.pop(self, None)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Mark the connection as idle, unless another request has already arrived."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._waiting[self] = None

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
        self._waiting.pop(self, None)
        super().connection_lost(exc)

    def _wind(self) -> None:
        self._stop()
        self._clock = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()
