"""A mapping's counters, and its events for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

type EventKind = Literal[
    "function_error",
    "bad_reply",
    "partial",
    "bisected",
    "throttled",
    "discarded",
    "aggregated",
    "read_failed",
    "delete_failed",
    "destination_failed",
]


@dataclass(frozen=True, slots=True)
class MappingEvent:
    """An event that a user should see. message: one line. first, last: the records' sequence numbers."""

    kind: EventKind
    shard_id: str
    message: str
    records: int = 0
    first: str | None = None
    last: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class MappingCounts:
    """A snapshot of the counters.

    polled: records read from the stream. filtered: those of them that no filter let through. batches: formed
    of the others. invocations: of the function, without throttled ones. records: done by the function.
    failed: invocations with an error or an invalid reply (`bad_replies`). partial: replies that reported a
    record. retried: invocations of records that were tried before. bisected: splits. throttled: invocations
    refused. sent, unsuccessful: records in all invocations, refused ones included, and those of them that
    were not done by it. discarded: records discarded; sent_to_destination: those of them that the destination
    acknowledged; destination_failures: failed attempts to send. iterator_age: by shard, seconds from the
    arrival of the last batch's last record to its last invocation. reads_refused: by the shards' read limits.
    """

    polled: int = 0
    filtered: int = 0
    reads_refused: int = 0
    batches: int = 0
    invocations: int = 0
    records: int = 0
    failed: int = 0
    bad_replies: int = 0
    partial: int = 0
    retried: int = 0
    bisected: int = 0
    throttled: int = 0
    sent: int = 0
    unsuccessful: int = 0
    discarded: int = 0
    sent_to_destination: int = 0
    destination_failures: int = 0
    iterator_age: dict[str, float] = field(default_factory=dict)

    def metrics(self) -> dict[str, float]:
        """Return the counters under CloudWatch's names: the mapping's events, and the function's metrics.

        docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html. Sums since the start, where
        CloudWatch has one for each minute; IteratorAge is the oldest shard's, in milliseconds.
        """
        return {
            "PolledEventCount": self.polled,
            "FilteredOutEventCount": self.filtered,
            "InvokedEventCount": self.sent,
            "FailedInvokeEventCount": self.unsuccessful,
            "DroppedEventCount": self.discarded - self.sent_to_destination,
            "OnFailureDestinationDeliveredEventCount": self.sent_to_destination,
            "DestinationDeliveryFailures": self.destination_failures,
            "Invocations": self.invocations,
            "Errors": self.failed - self.bad_replies,
            "Throttles": self.throttled,
            "IteratorAge": 1000 * max(self.iterator_age.values(), default=0.0),
        }


class MappingReporter:
    """Counts, and passes events on. Thread-safe."""

    def __init__(self, on_event: Callable[[MappingEvent], None] | None) -> None:
        self._on_event = on_event
        self._counts: Counter[str] = Counter()
        self._ages: dict[str, float] = {}
        self._lock = Lock()

    def count(self, **by: int) -> None:
        """Add to the counters of these names."""
        with self._lock:
            self._counts.update(by)

    def age(self, shard_id: str, seconds: float) -> None:
        """Set a shard's iterator age in seconds."""
        with self._lock:
            self._ages[shard_id] = max(0.0, seconds)

    def report(self, event: MappingEvent) -> None:
        """Pass an event to the listener, if any."""
        if self._on_event is not None:
            self._on_event(event)

    def snapshot(self) -> MappingCounts:
        """Return the current counters."""
        with self._lock:
            return MappingCounts(iterator_age=dict(self._ages), **self._counts)
