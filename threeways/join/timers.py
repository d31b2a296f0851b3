"""Set deadlines: a delayed SQS message for each key, sent again where a delay does not reach its deadline.

docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from itertools import batched
from typing import Any, Protocol

import msgspec

from threeways.aws.calls import Backoff, Deadline, is_fatal, overlapped
from threeways.errors import TransientError

logger = logging.getLogger(__name__)

MAX_DELAY = 900
"""The limit on a message's delay, in seconds."""
MAX_ENTRIES = 10
"""The limit on messages of one call."""
SECONDS = 3.0
"""The time that a queue is given: one that is down costs the records no more than that, as the sweeper does
what a lost timer would have done."""
_THREADS, _ATTEMPTS = 4, 3


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A message's body. due: seconds of Unix time."""

    key: int | str
    due: float


class Timers(Protocol):
    """Where deadlines are set."""

    def set(self, timers: Sequence[Timer], now: float, deadline: Deadline) -> Sequence[Timer]:
        """Set deadlines; return those that could not be set. Raises nothing for a fault of the queue."""


class SqsTimers:
    """Sets deadlines with an SQS queue. client: one that makes one attempt a call."""

    def __init__(self, client: Any, queue_url: str, backoff: Backoff | None = None) -> None:
        self._client = client
        self._queue_url = queue_url
        self._backoff = backoff or Backoff()

    def set(self, timers: Sequence[Timer], now: float, deadline: Deadline) -> Sequence[Timer]:
        """Send the messages, ten a call; a call that fails is tried again within SECONDS."""
        few = [list(some) for some in batched(timers, MAX_ENTRIES, strict=False)]
        until = deadline.remaining() - SECONDS
        brief = Deadline(lambda: deadline.remaining() - max(0.0, until))
        answers = overlapped(lambda some: self._send(some, now, brief), few, _THREADS, brief)
        failed: list[Timer] = []
        for some, answer in zip(few, answers, strict=True):
            if isinstance(answer, Exception):
                logger.error("the queue %s does not take timers: %r", self._queue_url, answer)
            failed += some if isinstance(answer, Exception) else answer
        if failed:
            logger.error("%d timers are not set: the sweeper decides what is due", len(failed))
        return failed

    def _send(self, timers: list[Timer], now: float, deadline: Deadline) -> list[Timer]:
        """Send at most ten messages; return those that the queue did not take."""
        attempt = 0
        while True:
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": str(place),
                            "MessageBody": msgspec.json.encode(timer).decode(),
                            "DelaySeconds": delay_of(timer, now),
                        }
                        for place, timer in enumerate(timers)
                    ],
                )
                failed = {one["Id"] for one in answer.get("Failed", ())}
                timers = [timer for place, timer in enumerate(timers) if str(place) in failed]
                if not timers:
                    return []
                last: Exception = TransientError(str(answer["Failed"][0]))
            except Exception as error:
                if is_fatal(error):
                    raise
                last = error
            attempt += 1
            if attempt == _ATTEMPTS:
                logger.info("timers are not set: %r", last)
                return timers
            self._backoff.wait(attempt, deadline)


def delay_of(timer: Timer, now: float) -> int:
    """Return a timer's delay, in whole seconds, as SQS takes it."""
    return max(0, min(MAX_DELAY, math.ceil(timer.due - now)))
