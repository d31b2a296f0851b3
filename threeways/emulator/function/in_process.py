"""Call a handler in this process as Lambda does: JSON in, JSON out, an exception as the function's error.

For tests that need a debugger or a closure. There is no cold start and no memory limit, and a handler that
exceeds its timeout is not ended, though its context has the remaining time: `LocalFunction` has all of that.
"""

from __future__ import annotations

import json
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threeways.aws.invocation import RESPONSE_LIMIT, RESPONSE_TOO_LARGE, FunctionError, InvocationResult

ARN = "arn:aws:lambda:us-east-1:123456789012:function:in-process"


@dataclass(frozen=True, slots=True)
class Context:
    """The handler's context object: docs.aws.amazon.com/lambda/latest/dg/python-context.html.

    deadline: epoch seconds.
    """

    aws_request_id: str
    deadline: float
    memory_limit_in_mb: str = "128"
    function_name: str = "in-process"
    function_version: str = "$LATEST"
    invoked_function_arn: str = ARN
    log_group_name: str = "/aws/lambda/in-process"
    log_stream_name: str = "in-process"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda would end the invocation."""
        return max(0, int((self.deadline - time.time()) * 1000))


@dataclass(frozen=True)
class InProcessFunction:
    """A function with the interface of `LocalFunction`.

    handler: called with an event and a `Context`, in the caller's thread. timeout: seconds, of which only the
    context knows.
    """

    handler: Callable[[Any, Any], Any]
    timeout: float = 3.0
    arn: str = ARN

    def invoke(self, payload: bytes) -> InvocationResult:
        """Run one invocation with a JSON payload. An exception of the handler becomes the result's error."""
        request_id = str(uuid.uuid4())
        started = time.monotonic()
        reply: bytes | FunctionError
        try:
            answer = self.handler(json.loads(payload), Context(request_id, time.time() + self.timeout))
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is the invocation's error
            reply = FunctionError(
                type(error).__name__, str(error), tuple(traceback.format_tb(error.__traceback__))
            )
        else:
            reply = _encoded(answer)
        return InvocationResult(
            payload=reply if isinstance(reply, bytes) else None,
            error=reply if isinstance(reply, FunctionError) else None,
            seconds=time.monotonic() - started,
            environment_id="in-process",
            request_id=request_id,
        )


def _encoded(answer: Any) -> bytes | FunctionError:
    try:
        encoded = json.dumps(answer).encode()
    except (TypeError, ValueError) as error:
        return FunctionError("Runtime.MarshalError", str(error))
    if len(encoded) > RESPONSE_LIMIT:
        return FunctionError(
            RESPONSE_TOO_LARGE, f"the answer has {len(encoded)} bytes, over {RESPONSE_LIMIT}"
        )
    return encoded
