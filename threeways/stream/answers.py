"""Answer AWS for a batch of records: which of them are not done, or that there was no time for the first.

docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeways.errors import DeadlineNear
from threeways.stream.records import Batch, Record


def batch_item_failures(unfinished: Sequence[Record]) -> dict[str, Any]:
    """Return the answer that names the lowest record that is not done: AWS sends everything from it again."""
    if not unfinished:
        return {"batchItemFailures": []}
    lowest = min(unfinished, key=lambda record: int(record.sequence_number))
    return {"batchItemFailures": [{"itemIdentifier": lowest.sequence_number}]}


def is_several(batch: Batch) -> bool:
    """Return whether the batch has more than one Kinesis record, so that AWS can halve it."""
    return any(number != batch.sequence_numbers[0] for number in batch.sequence_numbers)


def require_progress(unfinished: Sequence[Record], first: str | None, batch: Batch) -> None:
    """Raise DeadlineNear where the first of several records is among the unfinished ones."""
    if is_several(batch) and any(record.sequence_number == first for record in unfinished):
        raise too_slow()


def too_slow() -> DeadlineNear:
    """Return the exception that makes AWS halve the batch."""
    return DeadlineNear(
        "the invocation's time did not suffice for the batch's first record; AWS tries the batch again in "
        "halves (BisectBatchOnFunctionError). If it happens often, raise the function's timeout or memory, "
        "or lower BatchSize"
    )
