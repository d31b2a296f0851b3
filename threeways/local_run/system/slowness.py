"""Measure how much slower this machine runs a process than it would one alone.

A run's processes share the processors with each other and with whatever else runs. So a process of its own
needs 20 ms of processor time twice a second, and tells how long it took to get them.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from statistics import fmean
from types import TracebackType
from typing import Self

PROGRAM = """
import time
while True:
    used, began = time.process_time(), time.monotonic()
    while time.process_time() - used < 0.02:
        pass
    print(time.time(), (time.monotonic() - began) / (time.process_time() - used), flush=True)
    time.sleep(0.5)
"""
AROUND = 1.0
"""Seconds before and after a span whose measurements count for it."""


class Slowness:
    """Measures while it is entered. Its process ends with this one: nobody reads what it prints."""

    def __init__(self) -> None:
        self._measured: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-I", "-c", PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                at, _, times = line.partition(" ")
                self._measured.append((float(at), float(times)))

    def between(self, start: float, end: float) -> float:
        """Return how many times slower a process was, on average; 1 where nothing was measured.

        start, end: Unix time.
        """
        found = [times for at, times in self._measured if start - AROUND <= at <= end + AROUND]
        return max(1.0, fmean(found)) if found else 1.0
