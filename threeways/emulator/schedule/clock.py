"""A clock that a test moves."""

from __future__ import annotations

from threading import Lock


class ManualClock:
    """Epoch seconds that pass when they are told to. Thread-safe. now: where it begins."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._lock = Lock()

    def __call__(self) -> float:
        """Return the time."""
        with self._lock:
            return self._now

    def move(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for less than none."""
        if seconds < 0:
            raise ValueError(f"time does not go back by {-seconds:g} s")
        with self._lock:
            self._now += seconds
