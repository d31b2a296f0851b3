"""Records given to the function once more, as Lambda events that name them as they were named first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from threeways.aws.batch_reply import Kind, Outcome, outcome_of
from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import REQUEST_LIMIT, InvocationResult
from threeways.aws.kinesis import region_of
from threeways.aws.kinesis_event import ROLE_ARN, EventRecord, KinesisPart, event_of
from threeways.scoring.messages import without_messages
from threeways.stream.records import Record

BATCH = 500
BATCH_BYTES = REQUEST_LIMIT * 9 // 10
TRIES = 4
"""How often a batch is given again that made no progress; a part of a failed one counts anew."""
HOPELESS = 25
"""Failed invocations in a row after which the function is left alone. One record that kills the function
costs ten in a batch of 500 until it is alone."""


def member_of(record: Record) -> bytes:
    """Encode a record as a member of an event's `Records`, with its own id and arrival time."""
    return msgspec.json.encode(
        EventRecord(
            kinesis=KinesisPart(
                record.partition_key, record.sequence_number, record.data, record.arrived.timestamp()
            ),
            event_id=record.event_id,
            invoke_identity_arn=ROLE_ARN,
            event_source_arn=record.source_arn,
            aws_region=region_of(record.source_arn),
        )
    )


class Sender:
    """Gives records to a function until it is done with them, or it is no use.

    invoke: as `LocalFunction.invoke`. stopping: end before the next invocation.
    tell: gets a line for people when something goes wrong. backoff: failures in a row -> seconds to wait.
    """

    def __init__(
        self,
        invoke: Callable[[bytes], InvocationResult],
        stopping: threading.Event,
        tell: Callable[[str], None],
        backoff: Callable[[int], float] = MAPPING_BACKOFF.after,
    ) -> None:
        self._invoke = invoke
        self._stopping = stopping
        self._tell = tell
        self._backoff = backoff
        self._failures = 0
        self.without_messages: set[str] = set()
        """The ids of the events that the function is done with and has no message of, as it says."""

    @property
    def over(self) -> bool:
        """Whether nothing more is sent."""
        return self._stopping.is_set() or self._failures >= HOPELESS

    def send(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that the function says it is done with, which is to be proved.

        They go by shard in the order of their sequence numbers, so that "from the lowest unfinished number
        on" means what it means on a stream.
        """
        done: list[Record] = []
        for batch in _batches(records):
            self._work(batch, done)
        return done

    def _work(self, batch: Sequence[Record], done: list[Record]) -> None:
        """Invoke until the batch is done, or it is no use; what was finished is added to `done`."""
        tries = 0
        while batch and not self.over:
            outcome = self._outcome(batch)
            finished = len(batch) if outcome.kind is Kind.DONE else outcome.first
            done += batch[:finished]
            batch = batch[finished:]
            if finished:
                tries = self._failures = 0
                continue
            tries += 1
            self._failures += 1
            self._tell(f"{len(batch):,} records: {outcome.why}")
            if outcome.kind is Kind.FAILED and len(batch) > 1:
                middle = len(batch) // 2
                self._work(batch[:middle], done)
                batch, tries = batch[middle:], 0
            elif tries == TRIES:
                return
            else:
                self._stopping.wait(self._backoff(tries))

    def _outcome(self, batch: Sequence[Record]) -> Outcome:
        result = self._invoke(event_of(map(member_of, batch)))
        self.without_messages.update(without_messages(result.payload or b""))
        return outcome_of(result, [record.sequence_number for record in batch], report=True)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """By stream and shard, in order, as many as fit an event."""
    for _, group in groupby(sorted(records, key=_place), key=lambda record: _place(record)[:2]):
        batch: list[Record] = []
        size = 0
        for record in group:
            in_payload = len(record.data) * 4 // 3 + 1_000
            size += in_payload
            if batch and (len(batch) == BATCH or size > BATCH_BYTES):
                yield batch
                batch, size = [], in_payload
            batch.append(record)
        yield batch


def _place(record: Record) -> tuple[str, str, int, int]:
    part = record.event_id.split(":", 2)[2:]
    return (
        record.source_arn,
        record.shard_id,
        int(record.sequence_number),
        int(part[0]) if part and part[0].isdecimal() else -1,
    )
