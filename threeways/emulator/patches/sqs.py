"""Patch moto's SQS: one request at a time.

moto 5.2.5 deletes a message by building the queue's list anew from its old one, without a lock: a message
that is sent meanwhile is lost. It also hands one message to two concurrent receivers.
"""

from __future__ import annotations

import importlib
from threading import RLock
from typing import Any

from threeways.emulator.patches.known import check

DIGEST = "637f4df8f8bb8ff2f55ee6721111f154ac0bcc290cd204c418a83a4fb759199c"
_one_at_a_time = RLock()


def parts() -> list[Any]:
    """Return moto's code that is replaced or relied on."""
    models: Any = importlib.import_module("moto.sqs.models")
    return [models.Message, models.Queue, models.SQSBackend.receive_message]


def patch() -> None:
    """Patch moto in this process. Raises LocalError if its SQS is not the known one."""
    models: Any = importlib.import_module("moto.sqs.models")
    responses: Any = importlib.import_module("moto.sqs.responses")
    handler, queue = responses.SQSResponse, models.Queue
    if "call_action" in vars(handler):
        return
    check("SQS", parts(), DIGEST)
    answer, wait = handler.call_action, queue.wait_for_messages

    def call_action(self: Any) -> Any:
        with _one_at_a_time:
            return answer(self)

    def wait_for_messages(self: Any, timeout: int) -> None:
        """Let others in while a long poll waits."""
        _one_at_a_time.release()
        try:
            wait(self, timeout)
        finally:
            _one_at_a_time.acquire()

    handler.call_action, queue.wait_for_messages = call_action, wait_for_messages
