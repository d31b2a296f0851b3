"""Calls to AWS that end before the invocation does: deadlines, backoff and what is worth a retry.

The clients that the stream uses make one attempt a call: the retries are made here, where the deadline
is known. A call that hangs is left behind in its thread when the time is up, so that the answer to
Lambda is still given; whatever that call may yet do, its records are reported as unfinished.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from threeways.errors import DeadlineNear

MARGIN_SECONDS = 0.5
"""Kept for logging, metrics and the answer when everything else must stop."""
WITHOUT_CONTEXT_SECONDS = 2.5
"""The time an invocation takes at most when it is not told its context: Lambda's default timeout is 3 s.
docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
LAST_SECONDS = 0.05
"""With less time than this there is no other attempt."""

FATAL_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InvalidArgumentException",
        "InvalidAccessKeyId",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "NoSuchBucket",
        "PermanentRedirect",
        "ResourceNotFoundException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""Errors that asking again within the same invocation cannot mend.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html ("Errors"),
docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


class Context(Protocol):
    """The part of Lambda's context object that is used here.

    docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


@dataclass(frozen=True)
class Deadline:
    """When an invocation must stop working and answer.

    remaining: seconds until then; negative when it has passed.
    """

    remaining: Callable[[], float]

    @classmethod
    def of(cls, context: Context | None) -> Deadline:
        """Make the deadline of a Lambda invocation that begins now."""
        if context is None:
            ends = time.monotonic() + WITHOUT_CONTEXT_SECONDS
            return cls(lambda: ends - time.monotonic())
        return cls(lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS)


@dataclass
class Backoff:
    """Exponential backoff with jitter: before retry n it waits at most base * 2^n seconds, and at most `cap`.

    least: the share of that which it waits at the least; 0 is full jitter, 1 is none.
    aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    base: float = 0.05
    cap: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default=random.random)
    least: float = 0.0

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, from 1."""
        most = min(self.cap, self.base * 2.0 ** min(failures - 1, 16))
        return most * (self.least + (1 - self.least) * self.random())

    def wait(self, attempt: int, deadline: Deadline) -> None:
        """Sleep before retry `attempt` (from 0), less where the deadline is near. Raises DeadlineNear."""
        remaining = deadline.remaining()
        if remaining < LAST_SECONDS:
            raise DeadlineNear("no time is left for another attempt")
        self.sleep(min(self.after(attempt + 1), remaining / 2))


MAPPING_BACKOFF = Backoff(base=0.1, cap=10.0, least=0.5)
"""Between invocations that failed: AWS documents an exponential backoff of its mappings, without figures."""


@dataclass(frozen=True)
class Begun[T]:
    """A call that was begun. ends: when its answer is too late, in `time.monotonic`'s seconds."""

    future: Future[T]
    ends: float

    def answer(self) -> T:
        """Wait for what it answers or raises; raises DeadlineNear when that is too late."""
        try:
            return self.future.result(
                None if self.ends == math.inf else max(0.0, self.ends - time.monotonic())
            )
        except TimeoutError:
            if self.future.done():  # it is the call's own
                return self.future.result()
            raise DeadlineNear("the call did not answer in time") from None


def begin[T](function: Callable[..., T], deadline: Deadline, **arguments: Any) -> Begun[T]:
    """Begin `function(**arguments)`, so that others can be begun before it answers.

    It runs in a thread that has nothing else to do, so that calls left hanging never use up those of later
    invocations. Without time left it is not made, and its answer is DeadlineNear.
    """
    future: Future[T] = Future()
    remaining = deadline.remaining()
    begun = Begun(future, time.monotonic() + remaining)
    if remaining <= 0:
        future.set_exception(DeadlineNear("no time is left for a call"))
        return begun

    def run() -> None:
        try:
            future.set_result(function(**arguments))
        except BaseException as error:  # noqa: BLE001 - the caller raises it again
            future.set_exception(error)

    _start(run)
    return begun


def call[T](function: Callable[..., T], deadline: Deadline, **arguments: Any) -> T:
    """Call `function(**arguments)`. Raises what it raises, or DeadlineNear when its answer is too late."""
    return begin(function, deadline, **arguments).answer()


def overlapped[Item, Answer](
    function: Callable[[Item], Answer], items: Sequence[Item], threads: int, deadline: Deadline
) -> list[Answer | Exception]:
    """Call `function` on each item, at most `threads` at once. Return what each call returned or raised.

    What has not answered at the deadline is DeadlineNear; no call is begun after it. A call that hangs holds
    up no other than those that its thread would have made.
    """
    waiting = deque(enumerate(items))
    answers: list[Answer | Exception] = [DeadlineNear("no time was left for it")] * len(items)

    def work() -> None:
        while deadline.remaining() > 0:
            try:
                place, item = waiting.popleft()
            except IndexError:
                return
            try:
                answers[place] = function(item)
            except Exception as error:  # noqa: BLE001 - the caller judges it
                answers[place] = error

    for worker in [begin(work, deadline) for _ in range(min(threads, len(items)))]:
        with suppress(DeadlineNear):
            worker.answer()
    return list(answers)  # a copy: a call that is left behind may answer yet


_idle: deque[SimpleQueue[Callable[[], None]]] = deque()
"""The queues of idle threads: to wake a thread takes a third of the time of starting one."""


def _start(job: Callable[[], None]) -> None:
    try:
        jobs = _idle.pop()
    except IndexError:
        jobs = SimpleQueue()
        threading.Thread(target=_work, args=(jobs,), name="aws-call", daemon=True).start()
    jobs.put(job)


def _work(jobs: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()
        _idle.append(jobs)


def is_fatal(error: Exception) -> bool:
    """Whether calling again within the invocation cannot help: all but AWS's and the network's faults."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in FATAL_CODES
    if isinstance(error, NoCredentialsError | ParamValidationError):
        return True
    return not isinstance(error, BotoCoreError | OSError)
