"""The protocol between one runtime process and Lambda, without HTTP.

docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: initialisation is over when the runtime
first asks for the next invocation, and an invocation is over when it has answered **and** asks for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Condition
from typing import Literal

from threeways.aws.invocation import EXITED, RESPONSE_LIMIT, RESPONSE_TOO_LARGE, FunctionError


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event on its way to the handler. deadline: epoch seconds."""

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str


type Reply = bytes | FunctionError
"""The runtime's response to an invocation, or its error."""


class InvalidTransition(Exception):
    """A request that the runtime's state does not allow; Lambda answers 4xx. kind: the answer's errorType."""

    def __init__(self, message: str, *, kind: str = "InvalidStateTransition", status: int = 403) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


class Exchange:
    """One runtime's state. Thread-safe.

    The runtime calls `next`, `answer` and `init_failed`; Lambda calls the other methods.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._asked = False  # the runtime waits for an invocation
        self._handed_out: Invocation | None = None
        self._offered: Invocation | None = None
        self._reply: Reply | None = None
        self._init_error: FunctionError | None = None
        self._exit: str | None = None

    def next(self) -> Invocation | None:
        """Wait for the next invocation and return it; None once the process is to end."""
        with self._changed:
            if self._handed_out is not None and self._reply is None:
                raise InvalidTransition("the invocation before has no answer yet")
            self._handed_out = None
            self._asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._offered is not None or self._exit is not None)
            if self._offered is None:
                return None
            self._asked, self._handed_out, self._offered = False, self._offered, None
            return self._handed_out

    def answer(self, request_id: str, reply: Reply) -> None:
        """Set the response or error of an invocation. Raises InvalidTransition if that is not in progress."""
        with self._changed:
            current = self._handed_out.request_id if self._handed_out else None
            if current != request_id or self._reply is not None:
                raise InvalidTransition(
                    "this invocation is not in progress", kind="InvalidRequestID", status=400
                )
            self._reply = reply
            if isinstance(reply, bytes) and len(reply) > RESPONSE_LIMIT:
                text = (
                    f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
                )
                self._reply = FunctionError(RESPONSE_TOO_LARGE, text)
                raise InvalidTransition(text, kind="RequestEntityTooLarge", status=413)

    def init_failed(self, error: FunctionError) -> None:
        """Record that the runtime cannot initialise."""
        with self._changed:
            self._init_error = error
            self._changed.notify_all()

    def ended(self, how: str) -> None:
        """Record that the process has ended or is to end, and wake all waiters. how: in Lambda's words."""
        with self._changed:
            self._exit = self._exit or how
            self._changed.notify_all()

    def wait_ready(self, timeout: float) -> FunctionError | Literal[False] | None:
        """Wait until the runtime asks for an invocation.

        Return None then, the error if it cannot initialise, and False after `timeout` seconds.
        """
        with self._changed:
            over = self._changed.wait_for(
                lambda: self._asked or self._init_error is not None or self._exit is not None, timeout
            )
            if self._init_error is not None:
                return self._init_error
            if self._exit is not None:
                return FunctionError(EXITED, f"Error: {self._exit}")
            return None if over else False

    def run(self, invocation: Invocation, timeout: float) -> Reply | None:
        """Offer an invocation to the waiting runtime; return its reply, or None after `timeout` seconds."""
        with self._changed:
            self._offered, self._reply = invocation, None
            self._changed.notify_all()
            over = self._changed.wait_for(
                lambda: self._exit is not None or (self._reply is not None and self._asked), timeout
            )
            if not over:
                return None
            if self._exit is not None and not isinstance(self._reply, FunctionError):
                return FunctionError(EXITED, f"RequestId: {invocation.request_id} Error: {self._exit}")
            return self._reply

    @property
    def waiting(self) -> bool:
        """Whether the runtime waits for an invocation."""
        with self._changed:
            return self._asked and self._exit is None
