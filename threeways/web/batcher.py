"""Batch concurrent requests into one predict.

A predict of one event takes longer than its share of a predict of many. Requests that arrive within one turn
of the event loop share a predict. A fast model (`threeways.web.inline_budget`) is then called at once.

A slow one has a thread: while a predict runs, arriving events wait for the next. Under load the next one also
waits, for at most `WAIT_SECONDS`, until there are as many events as the last ones were: clients that have
just been answered usually ask again. A single event never waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threeways.errors import ResourceShort
from threeways.scoring.outcomes import Outcome
from threeways.scoring.service import ModelService
from threeways.web.inline_budget import InlineBudget, one_core

MAX_EVENTS = 256
"""The limit on events in one predict; beyond a few hundred, its time grows with each of them."""
WAIT_SECONDS = 0.005
BACKLOG = 4_096
"""The limit on waiting events. More are refused at once, so that those that wait are answered in time."""
BATCHES_WAITING = 4

type Observe = Callable[[int], None]
"""Called with the number of events in each predict of single requests."""


@dataclass(slots=True)
class _Waiting:
    event: Any
    arrived: datetime
    answer: asyncio.Future[Outcome]


class Batcher:
    """Scores events for an event loop's tasks: single ones batched, batch requests on their own thread.

    most: the limit on events in a predict of single ones; 1 does not batch. observe: called with each one's
    number of events. wait: seconds, as above. budget: how many may be predicted on the event loop. Not
    thread-safe: use it from one event loop.
    """

    def __init__(
        self,
        service: ModelService[Any],
        most: int = MAX_EVENTS,
        observe: Observe | None = None,
        wait: float = WAIT_SECONDS,
        budget: InlineBudget | None = None,
    ) -> None:
        self.service = service
        self._most = most
        self._observe = observe
        self._wait = wait
        self._budget = budget or InlineBudget()
        self._queue: deque[_Waiting] = deque()
        self._running = False
        self._crowd = 0  # the expected number of events in the next predict
        self._clock: asyncio.Handle | None = None  # starts the next predict at the latest
        self._batches = 0
        self._singles_thread = ThreadPoolExecutor(1, "predict", initializer=one_core)
        self._batches_thread = ThreadPoolExecutor(1, "predict-batch", initializer=one_core)

    @property
    def full(self) -> bool:
        """Whether another event would be refused."""
        return len(self._queue) >= BACKLOG

    @property
    def inline(self) -> bool:
        """Whether it predicts on the event loop."""
        return bool(self._budget.events)

    async def score(self, event: Any, arrived: datetime) -> Outcome:
        """Return one event's outcome. Raises ModelFailed, or ResourceShort if too many are waiting."""
        if self.full:
            raise ResourceShort(f"{BACKLOG} requests are waiting already; try again in a second")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(event, arrived, loop.create_future())
        self._queue.append(waiting)
        if not self._running:
            if self._clock is None:
                self._clock = loop.call_soon(self._start)  # after everything else in this turn of the loop
            elif len(self._queue) == self._crowd:
                self._start()
        return await waiting.answer

    async def run_batch[T](self, work: Callable[[], T]) -> T:
        """Do a batch's work on the batches' thread; raises what it raises, or ResourceShort."""
        if self._batches > BATCHES_WAITING:
            raise ResourceShort(f"{BATCHES_WAITING} batches are waiting already; try again in a few seconds")
        self._batches += 1
        running = asyncio.get_running_loop().run_in_executor(self._batches_thread, work)
        running.add_done_callback(self._batch_done)
        try:
            return await asyncio.shield(running)  # a batch whose request was cancelled still counts
        finally:
            del running  # its error's frames, this one among them, would keep it and the body

    def close(self) -> None:
        """Wait for running predicts; nothing can be scored afterwards."""
        for thread in (self._singles_thread, self._batches_thread):
            thread.shutdown(wait=True)

    def _batch_done(self, running: asyncio.Future[Any]) -> None:
        self._batches -= 1
        if not running.cancelled():
            running.exception()  # retrieve it, as the request may have been cancelled

    def _start(self) -> None:
        """Predict for the waiting events, if any."""
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        batch = self._next()
        self._running = bool(batch)
        if not batch:
            return
        if self._observe:
            self._observe(len(batch))
        events = [waiting.event for waiting in batch]
        arrived = [waiting.arrived for waiting in batch]
        loop = asyncio.get_running_loop()
        if self._budget.events:
            self._at_once(batch, events, arrived, loop)
            return
        running = loop.run_in_executor(self._singles_thread, self.service.score_events, events, arrived)
        running.add_done_callback(lambda done: self._answer(batch, done))

    def _next(self) -> list[_Waiting]:
        """Take the events of the next predict from the queue."""
        batch: list[_Waiting] = []
        most = min(self._most, self._budget.events or self._most)
        while self._queue and len(batch) < most:
            waiting = self._queue.popleft()
            if not waiting.answer.done():  # else its request was cancelled meanwhile
                batch.append(waiting)
        return batch

    def _at_once(
        self,
        batch: list[_Waiting],
        events: list[Any],
        arrived: list[datetime],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        began = time.perf_counter()
        try:
            _resolve(batch, self.service.score_events(events, arrived))
        except Exception as error:  # noqa: BLE001 - each request answers with it
            _fail(batch, error)
        self._budget.record(time.perf_counter() - began)
        self._running = False
        if self._queue:
            self._clock = loop.call_soon(self._start)  # after the loop's other work

    def _answer(self, batch: list[_Waiting], done: asyncio.Future[list[Outcome]]) -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error:
            _fail(batch, error)
        else:
            _resolve(batch, done.result())
        self._running = False
        self._crowd = min(len(batch) + len(self._queue), self._most)
        if self._crowd > 1 and len(self._queue) < self._crowd:
            self._clock = asyncio.get_running_loop().call_later(self._wait, self._start)
        else:
            self._start()


def _resolve(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if not waiting.answer.done():
            waiting.answer.set_result(outcome)


def _fail(batch: Sequence[_Waiting], error: BaseException) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
