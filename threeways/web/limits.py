"""Bounds on what all connections together make the process hold, and who gives way beyond them.

A connection waits for a request, or its request is not whole or not answered, or its answer is not read. What
each of these states may take is bounded, and beyond that the connection that holds most of it, or has been in
it longest, is closed: others are still answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

SMALL_BYTES = 2**17
"""A request up to this size counts as small: a quarter of `request_bytes` is reserved for those."""
HEADER_COST = 200
"""The bytes that a header takes in memory, beside its text."""
RESERVE = 64
"""Connections beyond the limit that are still taken where no other can be closed: probes come on them."""


class Limits(msgspec.Struct, frozen=True):
    """The service's bounds.

    connections: that are open. header_bytes: of a request's line and headers. request_bytes: of all requests
    that are not answered. answer_bytes: of all answers that clients have not read. seconds: the time limit
    for a client to read on.
    """

    connections: int = 4_000
    header_bytes: int = 2**16
    request_bytes: int = 2**24
    answer_bytes: int = 2**24
    seconds: float = 10.0


class Connection(Protocol):
    """What the registry needs of a connection."""

    @property
    def unfinished(self) -> bool:
        """Whether its request is not whole, and not refused."""

    def refuse(self) -> None:
        """Answer its unfinished request with 503, and forget what came of it."""

    def drop(self, why: str) -> None:
        """Close it at once. why: for the metrics."""


class Connections:
    """A server's connections by state. closed: called with the reason for each one that is closed or refused.

    Not thread-safe: use it from one event loop.
    """

    def __init__(self, limits: Limits, closed: Callable[[str], None]) -> None:
        self.limits = limits
        self.closed = closed
        self.waiting: dict[Connection, None] = {}
        self._held: dict[Connection, int] = {}
        self._unread: dict[Connection, int] = {}
        self._held_bytes = self._large_bytes = self._unread_bytes = 0

    def admit(self, count: int) -> bool:
        """Make room for a new connection, the one with this number; return whether there is any."""
        if count <= self.limits.connections:
            return True
        for state, why in ((self.waiting, "idle"), (self._unread, "unread")):
            longest = next(iter(state), None)
            if longest:
                longest.drop(why)
                return True
        slow = next((one for one in self._held if one.unfinished), None)
        if slow:
            slow.refuse()
        return count <= self.limits.connections + RESERVE

    def hold(self, connection: Connection, size: int) -> None:
        """Count bytes of a request; beyond the limit refuse the largest unfinished one, maybe this."""
        before = self._held.get(connection, 0)
        self._held[connection] = after = before + size
        self._held_bytes += size
        if after > SMALL_BYTES:
            self._large_bytes += size if before > SMALL_BYTES else after
        most = self.limits.request_bytes
        while self._held_bytes > most or self._large_bytes > most - most // 4:
            largest_first = sorted(self._held, key=self._held.__getitem__, reverse=True)
            unfinished = next((one for one in largest_first if one.unfinished), None)
            if unfinished is None:
                return
            unfinished.refuse()

    def release(self, connection: Connection) -> None:
        """Forget a connection's request: it is answered, refused or gone."""
        size = self._held.pop(connection, 0)
        self._held_bytes -= size
        if size > SMALL_BYTES:
            self._large_bytes -= size

    def unread(self, connection: Connection, size: int) -> None:
        """Note the bytes that a client has not read; beyond the limit drop who has not read for longest."""
        self._unread_bytes += size - self._unread.get(connection, 0)
        self._unread[connection] = size
        while self._unread_bytes > self.limits.answer_bytes and len(self._unread) > 1:
            next(iter(self._unread)).drop("unread")

    def read(self, connection: Connection) -> None:
        """Forget what a client had not read: it has, or is gone."""
        self._unread_bytes -= self._unread.pop(connection, 0)

    def forget(self, connection: Connection) -> None:
        """Forget a connection."""
        self.waiting.pop(connection, None)
        self.release(connection)
        self.read(connection)
