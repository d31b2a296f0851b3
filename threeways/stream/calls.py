"""Calls to AWS that end before the invocation does: deadlines, backoff and what is worth a retry.

The clients that the stream uses make one attempt a call: the retries are made here, where the deadline
is known. A call that hangs is left behind in its thread when the time is up, so that the answer to
Lambda is still given; whatever that call may yet do, its records are reported as unfinished.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from threeways.errors import DeadlineNear

MARGIN_SECONDS = 0.5
"""Kept for logging, metrics and the answer when everything else must stop."""

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
        """The deadline of a Lambda invocation; without a context (a test, a script) there is none."""
        if context is None:
            return cls(lambda: float("inf"))
        return cls(lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS)


@dataclass
class Backoff:
    """Exponential backoff with full jitter: seconds to wait before retry n is uniform in [0, base * 2^n].

    aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    base: float = 0.05
    cap: float = 3.0
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, deadline: Deadline) -> None:
        """Sleep before retry `attempt` (from 0). Raises DeadlineNear if that would outlast the deadline."""
        seconds = self.random() * min(self.cap, self.base * 2 ** min(attempt, 16))
        if seconds >= deadline.remaining():
            raise DeadlineNear("no time is left for another attempt")
        self.sleep(seconds)


class Caller:
    """Makes calls in threads, so that none can outlast the deadline."""

    def __init__(self, threads: int = 8) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="aws-call")

    def call[T](self, function: Callable[..., T], deadline: Deadline, **arguments: Any) -> T:
        """`function(**arguments)`. Raises what it raises, or DeadlineNear when its answer is too late."""
        remaining = deadline.remaining()
        if remaining <= 0:
            raise DeadlineNear("no time is left for a call")
        future = self._executor.submit(function, **arguments)
        wait([future], timeout=None if remaining == float("inf") else remaining)
        if not future.done():
            future.cancel()
            raise DeadlineNear("the call did not answer in time")
        return future.result()


def is_fatal(error: Exception) -> bool:
    """Whether an error of botocore's will come again however often the call is made."""
    from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in FATAL_CODES
    return isinstance(error, NoCredentialsError | ParamValidationError)
