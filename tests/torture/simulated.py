"""What is simulated beneath the code under test: time, threads, and the mapping's `stopping` event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from inputs import ARRIVED, RAISES

from threeways.aws import calls
from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.records import StreamRecord


class Clock:
    """Epoch seconds that pass only when told to. timeout: seconds of an invocation."""

    def __init__(self, timeout: float) -> None:
        self.now = ARRIVED
        self.timeout = timeout
        self._ends = self.now

    def __call__(self) -> float:
        return self.now

    def begin(self) -> None:
        """An invocation begins."""
        self._ends = self.now + self.timeout

    @property
    def timed_out(self) -> bool:
        """Whether Lambda would have ended the invocation."""
        return self.now >= self._ends

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pass_deadline(self) -> None:
        """No time is left but for the answer."""
        self.now = max(self.now, self._ends - calls.MARGIN_SECONDS + 0.01)

    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's context, which this is too."""
        return max(0, int((self._ends - self.now) * 1000))


class Killed(BaseException):
    """The runtime is gone: nothing else of this invocation happens."""


class Costly:
    """A model that predicts the trip distance doubled, raises on `inputs.RAISES`, and takes its time.

    call_seconds, row_seconds: of each call, and of each of its rows. error: what it raises.
    """

    input_kind = "block"

    def __init__(
        self, clock: Clock, call_seconds: float, row_seconds: float, error: type[Exception] = ValueError
    ) -> None:
        self._clock = clock
        self._call_seconds, self._row_seconds = call_seconds, row_seconds
        self._error = error
        self.calls = 0

    def begin(self) -> None:
        """An invocation begins."""

    def predict(self, features: Any) -> Any:
        self.calls += 1
        self._clock.sleep(self._call_seconds + self._row_seconds * len(features))
        if self._clock.timed_out:
            raise Killed
        if (features[:, 3] == RAISES).any():
            raise self._error
        return features[:, 3] * 2


class Beside:
    """An executor of one thread whose work is done at once, or when it is waited for."""

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any] | Waits:
        waits = Waits(function, arguments)
        if not self._at_once:
            return waits
        done: Future[Any] = Future()
        done.set_result(waits.result())
        return done


class Waits:
    """Work that is done when its result is asked for."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function, self._arguments = function, arguments

    def result(self) -> Any:
        return self._function(*self._arguments)


@contextmanager
def threads_run_at_once() -> Iterator[None]:
    """What `calls.call` gives to a thread is done when it is given; nothing is logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(calls, "_start", lambda job: job())
            yield
    finally:
        logging.disable(before)


class Pace(Event):
    """A mapping's `stopping`: its lane goes so many steps a `run`, and what it waits for passes at once.

    between: called before each step and after the last.
    """

    def __init__(self, clock: Clock, between: Callable[[], None]) -> None:
        super().__init__()
        self.steps = 0
        self._clock = clock
        self._between = between

    def is_set(self) -> bool:
        self._between()
        self.steps -= 1
        return self.steps < 0

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout or 0.0)
        return False


class Filled(Buffer):
    """The mapping's buffer, for a lane in the caller's own thread: no batch waits for more records."""

    def __init__(self, batch_size: int, lanes: int, clock: Clock) -> None:
        super().__init__(batch_size, 0, lanes, clock)

    def take(self, lane: int = 0) -> tuple[StreamRecord, ...]:
        return super().take(lane) if self._lanes[lane] else ()
