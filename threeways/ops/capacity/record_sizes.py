"""How large the records of a task are on its streams, by its example."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

import msgspec

from threeways.errors import ModelFailed, UsageError
from threeways.ops.capacity import limits
from threeways.scoring.outcomes import Prediction, Scored
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task

_LONGER = 16
"""By how much ids and numbers are longer at times than those of an example."""
_SOURCE_ID = f"shardId-{0:012}:{'4' * 56}"
"""As long as Kinesis's own names of records are."""
_VERSION = "0" * 32
_ATTRIBUTES = 500
"""What Lambda's event tells of a record beside its data.
docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of an event and of a prediction on their streams, partition keys included."""

    event: int
    prediction: int

    @property
    def in_payload(self) -> int:
        """The bytes of an event in the function's payload, in base64."""
        return ceil(self.event * 4 / 3) + _ATTRIBUTES

    @property
    def shard_rate(self) -> float:
        """The events a second that a shard accepts, by records and by bytes, in and out."""
        return min(limits.SHARD_RECORDS, limits.SHARD_BYTES / max(self.event, self.prediction))


def sizes_of(task: Task[Any]) -> Sizes:
    """Return the sizes of a task's events and predictions, rounded up to ten bytes. Raises UsageError."""
    _require_one_message(task)
    event_id = task.event_id(task.example)
    made: dict[str, Any] = dict.fromkeys(task.output.columns, 1 / 3) | {task.id_name: event_id}
    return _rounded(task, Prediction(task.model_name, _VERSION, made, _SOURCE_ID, ()))


def sizes_by(service: ModelService[Any]) -> Sizes:
    """Return the sizes of a model's events and predictions, of what it predicts for its task's example.

    Raises ModelFailed where it predicts nothing for that, and UsageError as `sizes_of`.
    """
    task, now = service.declared, datetime.now(UTC)
    _require_one_message(task)
    [outcome] = service.score([msgspec.json.encode(task.example)], [now])
    if not isinstance(outcome, Scored):
        raise ModelFailed(f"the model does not predict the example of its own events: {outcome}")
    return _rounded(task, service.prediction(outcome, _SOURCE_ID))


def _require_one_message(task: Task[Any]) -> None:
    """Raise UsageError for a task that makes any number of messages of an event: a plan counts one."""
    if task.messages is not None:
        raise UsageError(
            f"TASK={task.name} makes any number of messages of an event, and a plan counts one; plan with a "
            "task of the same events without `messages`, and give the output stream a shard for each 1,000 "
            "messages and each MB of them a second"
        )


def _rounded(task: Task[Any], prediction: Prediction) -> Sizes:
    """Return the sizes of a task's example and of a prediction of it."""
    key = str(task.event_id(task.example))
    sizes = [len(msgspec.json.encode(one)) + len(key) for one in (task.example, prediction)]
    return Sizes(*(ceil((size + _LONGER) / 10) * 10 for size in sizes))
