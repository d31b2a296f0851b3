"""Patch moto's SQS: one request at a time, at a cost that doesn't grow with the queue.

moto 5.2.5 deletes a message by building the queue's list anew from its old one, without a lock: a message
that is sent meanwhile is lost. It also hands one message to two concurrent receivers.
"""

from __future__ import annotations

import importlib
from threading import RLock
from typing import Any

from threeways.emulator.patches import sqs_messages
from threeways.emulator.patches.known import check

DIGEST = "6cacb377031d445824b673d1800b84aeefdd0b2fb6ee55918348dc5804ff43ea"
_one_at_a_time = RLock()


def parts() -> list[Any]:
    """Return moto's code that is replaced or relied on."""
    models: Any = importlib.import_module("moto.sqs.models")
    backend = models.SQSBackend
    return [models.Message, models.Queue, backend.receive_message, backend.send_message, backend.purge_queue]


def patch() -> None:
    """Patch moto in this process. Raises LocalError if its SQS is not the known one."""
    models: Any = importlib.import_module("moto.sqs.models")
    responses: Any = importlib.import_module("moto.sqs.responses")
    handler, queue = responses.SQSResponse, models.Queue
    if "call_action" in vars(handler):
        return
    check("SQS", parts(), DIGEST)
    wait, backend = queue.wait_for_messages, models.SQSBackend

    def wait_for_messages(self: Any, timeout: int) -> None:
        """Let others in while a long poll waits."""
        _one_at_a_time.release()
        try:
            wait(self, timeout)
        finally:
            _one_at_a_time.acquire()

    handler.call_action, queue.wait_for_messages = _one_by_one(handler.call_action), wait_for_messages
    backend.send_message = _one_by_one(backend.send_message)  # by which a topic sends, too
    sqs_messages.patch()


def _one_by_one(call: Any) -> Any:
    def called(*given: Any, **more: Any) -> Any:
        with _one_at_a_time:
            return call(*given, **more)

    return called
