"""A transport with one write for each turn of the event loop, and an end that clients see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

MAX_HELD = 2**16
LINGER_SECONDS = 1
"""How long a client that is still sending may do so after its answer."""


class CoalescingTransport:
    """A transport that sends all data written within one turn of the event loop together.

    linger: whether the client may still be sending when it is closed. Then what comes is discarded for
    LINGER_SECONDS: a connection that is closed with something unread is reset, and its answer may be lost
    (rfc-editor.org/rfc/rfc9112#section-9.6).

    uvicorn writes an answer's head and body separately, and uvloop sends each by itself: two packets.
    Other attributes are the wrapped transport's (docs.python.org/3/library/asyncio-protocol.html).
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        linger: Callable[[], bool] = lambda: False,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._linger = linger
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
        if self.is_closing():
            return
        self._flush()
        if not self._linger():
            self._transport.close()
            return
        self.is_closing = lambda: True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))
