"""Read a function's answer: which records of a batch it is done with.

docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

AWS does not document an identifier that is not of the batch, nor an answer that is no object; both are taken
as a failed batch here, since anything else could pass over a record that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from threeways.aws.invocation import InvocationResult


class Kind(Enum):
    """How a batch came out.

    done: every record. partial: those before `first`. failed: none is known. throttled: nothing ran.
    """

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch.

    first: for `PARTIAL`, the position of the lowest reported record; reported: those of all. why: for people,
    one line.
    """

    kind: Kind
    first: int = 0
    why: str = ""
    bad_reply: bool = False
    reported: tuple[int, ...] = ()


_DONE = Outcome(Kind.DONE)


def outcome_of(result: InvocationResult, numbers: Sequence[str], *, report: bool) -> Outcome:
    """Tell the outcome for a batch of records with these sequence numbers, in order; messages have ids.

    report: whether `ReportBatchItemFailures` is set; without it only an error fails a batch.
    """
    if result.throttled:
        return Outcome(Kind.THROTTLED, why="throttled: no execution environment is free")
    if result.error is not None:
        return Outcome(Kind.FAILED, why=f"{result.error.type}: {result.error.message}")
    if not report:
        return _DONE
    try:
        identifiers = _identifiers(result.payload or b"null")
        reported = tuple(numbers.index(identifier) for identifier in identifiers)
    except ValueError as error:
        return Outcome(Kind.FAILED, why=f"unusable reply: {error}", bad_reply=True)
    if not reported:
        return _DONE
    first = min(reported)
    return Outcome(Kind.PARTIAL, first, f"reported from {numbers[first]}", reported=reported)


def _identifiers(payload: bytes) -> list[str]:
    """Read the reported identifiers. Raises ValueError for a reply that fails the batch as a whole."""
    reply: Any = msgspec.json.decode(payload)
    if reply is None:
        return []
    if not isinstance(reply, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - one error for all that is wrong with a reply
    items = reply.get("batchItemFailures")
    if items is None:
        return []
    if not isinstance(items, list):
        raise ValueError("batchItemFailures is not a list")  # noqa: TRY004 - as above
    return [_identifier(item) for item in items]


def _identifier(item: Any) -> str:
    identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
    if not identifier or not isinstance(identifier, str):
        raise ValueError("an item of batchItemFailures has no itemIdentifier")
    return identifier
