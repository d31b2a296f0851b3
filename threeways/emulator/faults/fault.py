"""The kinds of faults that a call to AWS can meet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A fault's kind; `before` and `after` refer to the service's handling of the request.

    throttled: the whole call is refused: ProvisionedThroughputExceededException, or S3's 503 SlowDown. error:
    the service's internal error, HTTP 500. partial: some entries of a PutRecords fail and are not stored.
    reset: the connection is reset. slow: no answer for `seconds`. kill: the caller is killed.
    """

    THROTTLED = "throttled"
    ERROR = "error"
    PARTIAL = "partial"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    SLOW_BEFORE = "slow_before"
    SLOW_AFTER = "slow_after"
    KILL_BEFORE = "kill_before"
    KILL_AFTER = "kill_after"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. positions: the entries that a partial failure fails. seconds: the delay of a slow call."""

    kind: Kind
    positions: frozenset[int] = frozenset()
    seconds: float = 0.0
