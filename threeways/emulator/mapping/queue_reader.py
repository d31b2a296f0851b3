"""A queue's poller: it receives messages and forms batches of them.

docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: a batch is complete at `BatchSize` messages
or 6 MB, or when `MaximumBatchingWindowInSeconds` have passed since its first message came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.mapping.counts import MappingEvent, MappingReporter
from threeways.emulator.mapping.messages import Message, encode
from threeways.emulator.mapping.queue_settings import QueueSettings
from threeways.emulator.mapping.reader import IDLE
from threeways.emulator.mapping.records import EMPTY_EVENT

MOST = 10
"""Messages of one ReceiveMessage or DeleteMessageBatch."""


class QueueReader:
    """Receives for one mapping, from one thread. in_hand: messages that were received and not let go."""

    def __init__(
        self,
        sqs: Any,
        queue_url: str,
        settings: QueueSettings,
        reporter: MappingReporter,
        backoff: Callable[[int], float],
        stopping: Event,
    ) -> None:
        self._sqs, self._url, self._settings = sqs, queue_url, settings
        self._reporter, self._backoff, self._stopping = reporter, backoff, stopping
        self._next: list[Message] = []
        self._failures = 0
        self._lock = Lock()
        self.in_hand = 0

    def gather(self, queue_arn: str) -> list[Message]:
        """Receive until a batch is complete, and return it; [] if the mapping stops."""
        batch, self._next = self._next, []
        size, window, empty = self._settings.batch_size, self._settings.window, 0
        while not self._stopping.is_set():
            room = min(size - len(batch), MOST)
            found = self._receive(room, queue_arn) if room else []
            batch, self._next = _cut([*batch, *found])
            wait = batch[0].received + window - time.monotonic() if batch else IDLE[-1]
            if batch and (self._next or wait <= 0 or len(batch) == size):
                return batch
            empty = 0 if found else empty + 1
            if empty:
                self._stopping.wait(min(IDLE[min(empty, len(IDLE)) - 1], wait))
        return []

    def let_go(self, messages: Sequence[Message]) -> None:
        """Tell that messages were deleted or left to come again."""
        with self._lock:
            self.in_hand -= len(messages)

    def _receive(self, most: int, queue_arn: str) -> list[Message]:
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
        except (ClientError, BotoCoreError) as error:
            self._failures += 1
            self._reporter.report(MappingEvent("read_failed", "", f"ReceiveMessage: {error}"))
            self._stopping.wait(self._backoff(self._failures))
            return []
        self._failures, now = 0, time.monotonic()
        found = [encode(raw, queue_arn, now) for raw in answer.get("Messages", [])]
        with self._lock:
            self.in_hand += len(found)
        self._reporter.count(polled=len(found))
        return found


def _cut(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Return what fits into one event, and the rest."""
    size = EMPTY_EVENT
    for count, message in enumerate(messages):
        size += message.size
        if size > REQUEST_LIMIT and count:
            return messages[:count], messages[count:]
    return messages, []
