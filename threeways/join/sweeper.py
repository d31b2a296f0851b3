"""Look each minute for what is overdue: the handler of a schedule, and the net below queue and publisher.

A key that is undecided past its deadline is decided, effects that have waited for a minute are put again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import batched
from typing import Any

from threeways.aws.calls import Context, Deadline, overlapped
from threeways.errors import JoinFailed, TransientError
from threeways.join.join import Join, Key
from threeways.join.publisher import Publisher
from threeways.join.requests import OUTBOX_SECONDS
from threeways.join.settling import Table, settle
from threeways.join.state import KeyState, Step
from threeways.join.telemetry import NoTelemetry, Tally, Telemetry, reported

logger = logging.getLogger(__name__)

THREADS = 16
"""Calls to the table at once."""
CHUNK = 500
"""The keys that are settled before their effects are put."""


type _Settled = tuple[KeyState, list[Step], Exception | None]


class Sweeper:
    """The handler of the schedule. clock: seconds of Unix time."""

    def __init__(
        self,
        join: Join[Any],
        table: Table,
        publisher: Publisher,
        telemetry: Telemetry | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._join = join
        self._table = table
        self._publisher = publisher
        self._telemetry = telemetry or NoTelemetry()
        self._clock = clock

    def __call__(self, event: object = None, context: Context | None = None) -> dict[str, int]:  # noqa: ARG002
        """Sweep; return the counts, for people who invoke it. Raises TransientError where the index fails."""
        deadline = Deadline.of(context)
        tally = Tally()
        try:
            for keys in batched(self._table.due(self._clock(), deadline), CHUNK, strict=False):
                self._sweep(keys, tally, deadline)
        except TransientError as error:
            logger.error("the sweep is not complete, the next one goes on: %s", error)  # noqa: TRY400
            tally.counts["Unfinished"] += 1
            raise
        finally:
            reported(self._telemetry, "sweep", tally, context)
        return {name: count for name, count in tally.counts.items() if count}

    def _sweep(self, keys: tuple[Key, ...], tally: Tally, deadline: Deadline) -> None:
        answers = overlapped(lambda key: self._settled(key, deadline), keys, THREADS, deadline)
        waiting: list[KeyState] = []
        tally.counts["Keys"] += len(keys)
        for key, answer in zip(keys, answers, strict=True):
            if answer is None:
                continue
            state, steps, error = (None, [], answer) if isinstance(answer, Exception) else answer
            tally.made(steps)
            if state is not None and (error or state.revision == len(steps)):
                tally.age("OverdueAge", self._clock() - state.due)
            if error is not None:
                tally.counts["Overdue"] += 1
                tally.counts["Failed"] += isinstance(error, JoinFailed)
                logger.error("the key %r is overdue: %s", key, error)
            elif state is not None and self._waits(state):
                waiting.append(state)
        if waiting:
            late = self._publisher.publish(waiting, tally, deadline)
            tally.counts["Unfinished"] += len(late)

    def _settled(self, key: Key, deadline: Deadline) -> _Settled | None:
        """Commit what a key calls for. Return None where the index is behind the table."""
        state = self._table.load(key, deadline)
        if state is None:
            return None
        try:
            return *settle(self._join, self._table, state, self._clock, deadline), None
        except (JoinFailed, TransientError) as error:
            return state, [], error

    def _waits(self, state: KeyState) -> bool:
        """Whether effects have waited for longer than the publisher takes."""
        if state.outbox is None:
            return False
        return self._clock() - state.decisions[state.outbox].decided_at >= OUTBOX_SECONDS
