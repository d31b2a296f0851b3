"""The event source mapping from an SQS queue: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html.

A message that is received is invisible for the queue's visibility timeout. It is deleted when the function is
done with it; otherwise it comes again after that time, or goes to the queue's dead-letter queue, both by SQS
itself: docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Event, Thread
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.batch_reply import Kind, Outcome, outcome_of
from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import InvocationResult
from threeways.emulator.failures import raise_failure
from threeways.emulator.mapping.counts import EventKind, MappingCounts, MappingEvent, MappingReporter
from threeways.emulator.mapping.lane import invoked
from threeways.emulator.mapping.messages import Message, event_of
from threeways.emulator.mapping.queue_reader import MOST, QueueReader
from threeways.emulator.mapping.queue_settings import QueueSettings
from threeways.errors import LocalError

_HELD = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
"""The attributes that count a queue's messages."""


class QueueMapping:
    """Feeds a function from a standard SQS queue as AWS does. A context manager that runs the mapping.

    sqs: boto3's client. queue_url: the queue's. invoke, on_event, backoff: as for `EventSourceMapping`; the
    backoff is between tries of what was throttled. function_timeout: the function's, in seconds, where known.
    """

    def __init__(
        self,
        sqs: Any,
        queue_url: str,
        invoke: Callable[[bytes], InvocationResult],
        settings: QueueSettings,
        *,
        function_timeout: float | None = None,
        on_event: Callable[[MappingEvent], None] | None = None,
        backoff: Callable[[int], float] = MAPPING_BACKOFF.after,
    ) -> None:
        self._sqs, self._url, self._settings = sqs, queue_url, settings
        self._invoke, self._timeout, self._backoff = invoke, function_timeout, backoff
        self._reporter = MappingReporter(on_event)
        self._stopping = Event()
        self._arn, self._visibility = "", 0.0
        self._reader = QueueReader(sqs, queue_url, settings, self._reporter, backoff, self._stopping)
        self._free = BoundedSemaphore(settings.concurrency)
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="queue")
        self._poller = Thread(target=self._guarded, name="queue-poller", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to poll, unless the mapping is disabled.

        Raises LocalError if the queue cannot be read, is FIFO, or if its visibility timeout is shorter than
        the function's timeout, which AWS refuses.
        """
        if self._arn:
            raise LocalError("the mapping was started before: make another QueueMapping")
        try:
            found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        except (ClientError, BotoCoreError) as error:
            raise LocalError(f"queue {self._url} cannot be read: {error}") from error
        self._arn, self._visibility = found["QueueArn"], float(found["VisibilityTimeout"])
        if self._arn.endswith(".fifo"):
            raise LocalError(f"queue {self._arn} is FIFO, which is not supported here: take a standard one")
        if self._timeout is not None and self._timeout > self._visibility:
            raise LocalError(
                f"queue {self._arn} has a VisibilityTimeout of {self._visibility:g} s, below the function's"
                f" Timeout of {self._timeout:g} s, which AWS refuses: make it at least that; six times that"
                " is recommended"
            )
        if self._settings.enabled:
            self._poller.start()

    def _guarded(self) -> None:
        try:
            self._poll()
        except Exception as error:  # noqa: BLE001 - raised by `drained` and `stop`
            self._failed(error)

    def _poll(self) -> None:
        """Gather one batch after another, each when there is room for its invocation."""
        while not self._stopping.is_set():
            if not self._free.acquire(timeout=0.05):
                continue
            batch = self._reader.gather(self._arn)
            if not batch:
                return
            self._reporter.count(batches=1)
            self._pool.submit(self._process, batch).add_done_callback(self._finished)

    def _finished(self, future: Future[None]) -> None:
        self._free.release()
        error = future.exception()
        if error is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._failure = error
        self.halt()

    def _process(self, batch: Sequence[Message]) -> None:
        """Invoke the function with a batch; delete what it is done with.

        What was throttled is tried again for as long as its messages are invisible to others.
        """
        until = batch[0].received + self._visibility
        throttles = 0
        try:
            while True:
                result = invoked(self._invoke, event_of(batch))
                ids = [message.id for message in batch]
                outcome = outcome_of(result, ids, report=self._settings.report_batch_item_failures)
                done = _done(batch, outcome)
                self._report(batch, len(done), outcome, result)
                if outcome.kind is not Kind.THROTTLED:
                    break
                throttles += 1
                wait = self._backoff(throttles)
                if time.monotonic() + wait >= until or self._stopping.wait(wait):
                    break
            self._delete(done)
        finally:
            self._reader.let_go(batch)

    def _delete(self, done: Sequence[Message]) -> None:
        for start in range(0, len(done), MOST):
            part = done[start : start + MOST]
            entries = [{"Id": str(at), "ReceiptHandle": message.receipt} for at, message in enumerate(part)]
            try:
                answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                self._event("delete_failed", f"DeleteMessageBatch: {error}", part)
                continue
            for failed in answer.get("Failed", []):
                why = f"DeleteMessageBatch: {failed['Code']}: {failed.get('Message', '')}"
                self._event("delete_failed", why, [part[int(failed["Id"])]])

    def _report(
        self, batch: Sequence[Message], done: int, outcome: Outcome, result: InvocationResult
    ) -> None:
        count = self._reporter.count
        count(sent=len(batch), unsuccessful=len(batch) - done)
        if outcome.kind is Kind.THROTTLED:
            count(throttled=1)
            self._event("throttled", outcome.why, batch, result)
            return
        count(invocations=1, records=done)
        if outcome.kind is Kind.FAILED:
            count(failed=1, bad_replies=outcome.bad_reply)
            self._event("bad_reply" if outcome.bad_reply else "function_error", outcome.why, batch, result)
        elif outcome.kind is Kind.PARTIAL:
            count(partial=1)
            reported = [batch[at] for at in outcome.reported]
            self._event("partial", f"reported {len(reported)} of {len(batch)} messages", reported, result)

    def _event(
        self,
        kind: EventKind,
        message: str,
        messages: Sequence[Message],
        result: InvocationResult | None = None,
    ) -> None:
        self._reporter.report(
            MappingEvent(
                kind=kind,
                shard_id="",
                message=" ".join(message.split()),
                records=len(messages),
                first=messages[0].id,
                last=messages[-1].id,
                request_id=result.request_id if result else None,
            )
        )

    def halt(self) -> None:
        """Stop without waiting; `stop` waits."""
        self._stopping.set()

    def stop(self) -> dict[str, str | None]:
        """Stop polling and finish the invocations in progress; return {}. Idempotent.

        What was received and not sent comes again after its visibility timeout. Raises LocalError if a
        thread of the mapping has failed.
        """
        self.halt()
        if self._poller.ident is not None:
            self._poller.join()
        self._pool.shutdown()
        raise_failure(self._failure, "the event source mapping")
        return self.positions()

    def drained(self) -> bool:
        """Return whether the queue has no message, in flight or delayed.

        Raises LocalError if the mapping was not started or if a thread of it has failed.
        """
        raise_failure(self._failure, "the event source mapping")
        if not self._arn:
            raise LocalError("the mapping was not started")
        if self._reader.in_hand:
            return False
        try:
            found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=_HELD)["Attributes"]
        except (ClientError, BotoCoreError) as error:
            self._reporter.report(MappingEvent("read_failed", "", f"drained: {error}"))
            return False
        return not any(int(found[name]) for name in _HELD)

    def positions(self) -> dict[str, str | None]:
        """Return {}: a queue has no checkpoint."""
        return {}

    def counts(self) -> MappingCounts:
        """Return the counters; their `metrics()` has CloudWatch's names."""
        return self._reporter.snapshot()


def _done(batch: Sequence[Message], outcome: Outcome) -> list[Message]:
    """Return the messages that the function is done with."""
    if outcome.kind in {Kind.FAILED, Kind.THROTTLED}:
        return []
    reported = set(outcome.reported)
    return [message for at, message in enumerate(batch) if at not in reported]
