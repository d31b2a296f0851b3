"""Record a handler's events and results, in the order in which the invocations ended."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from threeways.aws.invocation import InvocationResult


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation. event: as the handler got it."""

    event: dict[str, Any]
    result: InvocationResult

    @property
    def ids(self) -> list[str]:
        """Its records' event ids, `shard:sequence number`."""
        return [record["eventID"] for record in self.event["Records"]]

    @property
    def data(self) -> list[bytes]:
        """Its records' data, decoded."""
        return [base64.b64decode(record["kinesis"]["data"]) for record in self.event["Records"]]


class InvocationRecorder:
    """Passes invocations on and records them."""

    def __init__(self, invoke: Callable[[bytes], InvocationResult]) -> None:
        self._invoke = invoke
        self._kept: list[Invocation] = []
        self._lock = Lock()

    def invoke(self, payload: bytes) -> InvocationResult:
        """Invoke as `LocalFunction.invoke` does."""
        result = self._invoke(payload)
        with self._lock:
            self._kept.append(Invocation(json.loads(payload), result))
        return result

    def invocations(self) -> list[Invocation]:
        """Return all invocations so far."""
        with self._lock:
            return list(self._kept)
