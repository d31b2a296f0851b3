"""The result of one invocation of a Lambda function.

Lambda's limits and the names of its own errors are those of docs.aws.amazon.com/lambda/latest/dg/ (pages
gettingstarted-limits.html, invocation-retries.html, API_Invoke.html).
"""

from __future__ import annotations

from dataclasses import dataclass

REQUEST_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous invocation's payload, and so of an event source mapping's batch."""
RESPONSE_LIMIT = 6_291_556
"""Bytes of a synchronous invocation's answer: 6 MB and 100, as Lambda's own error message says."""

TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime.ExitError"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
REQUEST_TOO_LARGE = "RequestTooLargeException"
THROTTLED = "TooManyRequestsException"


@dataclass(frozen=True, slots=True)
class FunctionError:
    """Why an invocation failed.

    type: the class of what the handler raised, or one of the names above.
    message: one line for people. trace: the handler's stack, a frame an item, where there is one.
    """

    type: str
    message: str
    trace: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """One invocation's outcome: either `payload` or `error` is None.

    payload: the handler's answer as JSON bytes.
    cold: the execution environment was initialised for this invocation, in `init_seconds`.
    seconds: the time the handler had, initialisation not counted.
    environment_id, request_id: which execution environment ran it, and as what; empty where nothing ran.
    """

    payload: bytes | None = None
    error: FunctionError | None = None
    cold: bool = False
    init_seconds: float | None = None
    seconds: float = 0.0
    environment_id: str = ""
    request_id: str = ""

    @property
    def throttled(self) -> bool:
        """Nothing ran, for want of concurrency."""
        return self.error is not None and self.error.type == THROTTLED
