"""Decide keys at their deadline: the handler of the queue whose delayed messages are the timers.

A timer that comes before its deadline, as a delay is 15 minutes at most, is sent again. A message that is not
done goes into `batchItemFailures`, and comes again after the queue's visibility timeout.
docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from threeways.aws.calls import Context, Deadline, overlapped
from threeways.errors import InvalidInvocation, JoinFailed
from threeways.join.join import Join
from threeways.join.settling import Table, settle
from threeways.join.state import KeyState, Step
from threeways.join.telemetry import NoTelemetry, Tally, Telemetry, reported
from threeways.join.timers import SECONDS, Timer, Timers

logger = logging.getLogger(__name__)

THREADS = 16
"""Calls to the table at once."""


class _Message(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="messageId")
    body: str


class _Event(msgspec.Struct):
    records: list[_Message] = msgspec.field(name="Records")


class Deadlines:
    """The handler of timers. clock: seconds of Unix time."""

    def __init__(
        self,
        join: Join[Any],
        table: Table,
        timers: Timers,
        telemetry: Telemetry | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._join = join
        self._table = table
        self._timers = timers
        self._telemetry = telemetry or NoTelemetry()
        self._clock = clock
        self._decode = msgspec.json.Decoder(Timer).decode

    def __call__(self, event: object, context: Context | None = None) -> dict[str, Any]:
        """Return the answer to AWS: `{"batchItemFailures": [{"itemIdentifier": message id}, …]}`.

        Raises InvalidInvocation for an event that is not SQS's.
        """
        try:
            messages = msgspec.convert(event, _Event).records
        except msgspec.ValidationError as error:
            raise InvalidInvocation(f"this is not an event of an SQS queue's mapping: {error}") from None
        deadline = Deadline.of(context)
        tally = Tally(Counter(Events=len(messages)))
        ids: dict[Timer, list[str]] = {}
        for message in messages:
            try:
                ids.setdefault(self._decode(message.body), []).append(message.id)
            except msgspec.DecodeError as error:
                logger.error("a message is no timer and is dropped (%s): %.200r", error, message.body)  # noqa: TRY400
                tally.counts["Failed"] += 1
        tally.counts["Keys"] = len(ids)
        failed = self._fire(list(ids), tally, deadline)
        unfinished = [one for timer in failed for one in ids[timer]]
        tally.counts["Unfinished"] = len(unfinished)
        reported(self._telemetry, "expire", tally, context)
        return {"batchItemFailures": [{"itemIdentifier": one} for one in unfinished]}

    def _fire(self, timers: list[Timer], tally: Tally, deadline: Deadline) -> list[Timer]:
        """Decide the keys whose deadline has passed; send the others again. Return which are not done."""
        now = self._clock()
        later = [timer for timer in timers if timer.due > now]
        due = [timer for timer in timers if timer.due <= now]
        working = Deadline(lambda: deadline.remaining() - SECONDS / 4)
        failed: list[Timer] = []
        answers = overlapped(lambda timer: self._settled(timer, working), due, THREADS, working)
        for timer, answer in zip(due, answers, strict=True):
            if isinstance(answer, JoinFailed):
                tally.counts["Failed"] += 1
                logger.error("a key is not decided, the sweeper tries again: %s", answer)
            elif isinstance(answer, Exception):
                logger.error("the timer of %r comes again: %r", timer.key, answer)
                failed.append(timer)
            elif answer is not None:
                state, steps = answer
                tally.made(steps)
                if not state.revision and state.due > self._clock():
                    later.append(Timer(state.key, state.due))
        lost = self._timers.set(later, self._clock(), deadline) if later else []
        tally.counts["TimersFailed"] = len(lost)
        return [*failed, *lost]

    def _settled(self, timer: Timer, deadline: Deadline) -> tuple[KeyState, list[Step]] | None:
        """Decide a key. Raises JoinFailed, TransientError."""
        state = self._table.load(timer.key, deadline)
        if state is None:
            logger.warning("a timer's key %r is not in the table", timer.key)
            return None
        return settle(self._join, self._table, state, self._clock, deadline)
