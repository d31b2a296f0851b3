"""Put events as fast as a system takes them, so that a deadline passes for want of a verdict alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from threeways.local_run.producer import Producer

AT_ONCE = 50
FEWEST, MOST = 20, 500
WINDOW_SECONDS = 4.0
SHARE = 0.3
"""The part of the deadline that an event's way to the join may take."""


class Pace:
    """The limit on events that are on their way to the join: as many as it takes in `seconds`.

    done: how many events have been joined with the verdicts of all who judge, as far as they are sent.
    """

    def __init__(self, done: Callable[[], int], seconds: float) -> None:
        self._done, self._seconds = done, seconds
        self._seen: deque[tuple[float, int]] = deque()

    def room(self, sent: int) -> int:
        """Return how many more events may be put. sent: how many are."""
        now, done = time.monotonic(), self._done()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW_SECONDS:
            self._seen.popleft()
        (then, before), passed = self._seen[0], now - self._seen[0][0]
        rate = (done - before) / passed if passed > WINDOW_SECONDS / 2 and then < now else 0.0
        limit = min(MOST, max(FEWEST, int(rate * self._seconds)))
        return max(0, limit - (sent - done))


class PacedProducer(Producer):
    """Puts records at a rate, or as its pace says."""

    def __init__(self, *args: Any, pace: Pace) -> None:
        super().__init__(*args)
        self._pace = pace

    def _room(self, started: float) -> int:
        if self._rate is not None:
            return super()._room(started)
        room = min(AT_ONCE, self._pace.room(len(self.sent)))
        if room <= 0:
            self._stopping.wait(0.1)
        return room
