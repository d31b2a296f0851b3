"""How large the records of a task are on its streams, by its example."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import msgspec

from threeways.ops.capacity import limits
from threeways.scoring.outcomes import Prediction
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
    """Return the sizes of a task's events and predictions, rounded up to ten bytes."""
    event_id = task.event_id(task.example)
    made: dict[str, Any] = dict.fromkeys(task.output.columns, 1 / 3) | {task.id_name: event_id}
    prediction = Prediction(task.model_name, _VERSION, made, _SOURCE_ID, ())
    sizes = [len(msgspec.json.encode(one)) + len(str(event_id)) for one in (task.example, prediction)]
    return Sizes(*(ceil((size + _LONGER) / 10) * 10 for size in sizes))
