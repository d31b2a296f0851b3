"""Deliver predictions to the output stream; each is acknowledged or reported as unfinished.

Guarantee: at least once, in order for each input partition key. `PutRecords` promises no order within a
call and may store some entries and not others, so a call holds one entry of a key and the key's next
entry waits for its acknowledgement.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Protocol

import msgspec

from threeways.aws.calls import Backoff, Begun, Deadline, begin, is_fatal
from threeways.errors import DeadlineNear, DeliveryFailed
from threeways.scoring.decoding import KEY_LENGTH
from threeways.stream.waiting import Waiting, WaitingEvents

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef

logger = logging.getLogger(__name__)

MAX_ENTRIES = 500
"""The limit on entries in one `PutRecords` call (its documentation)."""
MAX_BYTES = 5 * 2**20
"""Data and partition keys in one call. AWS takes 10 MiB since 2025; emulators and older clients take 5."""

KEY_BYTES = 4 * KEY_LENGTH
"""The largest partition key: a character has at most four bytes in UTF-8."""
OVERLAPPED = 4
"""The number of concurrent calls; botocore keeps ten connections."""
PUT_SECONDS = 0.010
"""The assumed duration of a `PutRecords` call within a region, until some were measured."""
_LATEST = 0.02
"""The weight of the latest calls in the moving average of their seconds."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One prediction to deliver. order_key: the input's partition key, within which order is kept."""

    order_key: str
    partition_key: str
    data: bytes


@dataclass
class Receipt:
    """The result of a delivery.

    unfinished: the positions of the entries that were not acknowledged, and why. retries: how often an entry
    was put again. fault: the last fault of an entry or a call.
    """

    unfinished: dict[int, str] = field(default_factory=dict)
    retries: int = 0
    fault: str = ""


class Delivery(Protocol):
    """Where predictions go."""

    def deliver(
        self, entries: Sequence[Entry], deadline: Deadline, events: Sequence[int] | None = None
    ) -> Receipt:
        """Deliver all entries, or report which are unfinished. Raises nothing for a transient failure.

        events: the number of each entry's event, ascending, where an event may have several: those have no
        order among them, and all of them are acknowledged before the next event's of their order key are put.
        """

    def seconds(self, of_a_key: int) -> float:
        """Estimate the seconds to deliver so many entries of one key."""


class NoDelivery:
    """Discards predictions and counts them as delivered: `TEST_RUN`."""

    def deliver(
        self,
        entries: Sequence[Entry],  # noqa: ARG002 - the protocol's
        deadline: Deadline,  # noqa: ARG002
        events: Sequence[int] | None = None,  # noqa: ARG002
    ) -> Receipt:
        """Return a receipt without unfinished entries."""
        return Receipt()

    def seconds(self, of_a_key: int) -> float:  # noqa: ARG002 - the protocol's
        """Return 0."""
        return 0.0


class StreamDelivery:
    """Delivers to a Kinesis stream with `PutRecords`. clock: seconds, to measure calls."""

    def __init__(
        self,
        client: KinesisClient,
        stream_name: str,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._stream_name = stream_name
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._call_seconds = PUT_SECONDS

    def seconds(self, of_a_key: int) -> float:
        """Estimate the seconds for so many calls, by the moving average of recent calls."""
        return of_a_key * self._call_seconds

    def deliver(
        self, entries: Sequence[Entry], deadline: Deadline, events: Sequence[int] | None = None
    ) -> Receipt:
        """Deliver, retrying failed entries until the deadline."""
        receipt = Receipt()
        keys = [entry.order_key for entry in entries]
        waiting = Waiting(keys) if events is None else WaitingEvents(keys, events)
        try:
            self._deliver(entries, waiting, receipt, deadline)
        except (DeadlineNear, DeliveryFailed) as error:
            reason = f"{error}; before that: {receipt.fault}" if receipt.fault else str(error)
            receipt.unfinished = dict.fromkeys(waiting, reason)
            logger.error("%d predictions are not delivered: %s", len(receipt.unfinished), reason)  # noqa: TRY400
        return receipt

    def _deliver(
        self, entries: Sequence[Entry], waiting: Waiting | WaitingEvents, receipt: Receipt, deadline: Deadline
    ) -> None:
        """Put each key's first waiting entry, round after round, until all are acknowledged."""
        failed_before: set[int] = set()
        failed_rounds = 0
        while heads := waiting.heads():
            failed: set[int] = set()
            for chunk, faults in self._put_all(heads, entries, deadline):
                receipt.retries += len(failed_before.intersection(chunk)) if failed_before else 0
                waiting.acknowledge([one for one in chunk if one not in faults] if faults else chunk)
                failed.update(faults)
                receipt.fault = next(reversed(faults.values()), receipt.fault)
            failed_before |= failed
            failed_rounds = failed_rounds + 1 if failed else 0
            if failed:
                logger.info("put of %d predictions is tried again: %s", len(failed), receipt.fault)
                self._backoff.wait(failed_rounds - 1, deadline)

    def _put_all(
        self, positions: Sequence[int], entries: Sequence[Entry], deadline: Deadline
    ) -> Iterator[tuple[Sequence[int], dict[int, str]]]:
        """Put entries, at most one of a key; yield each call's positions, and its failures with reasons.

        Calls overlap: they hold different keys, so their order does not matter. Raises DeadlineNear, or
        DeliveryFailed where retrying cannot help, after the other calls' results were yielded.
        """
        for chunks in batched(_chunks(positions, entries), OVERLAPPED, strict=False):
            began = self._clock()
            begun = [(chunk, self._begin(held, deadline)) for chunk, held in chunks]
            over: DeadlineNear | DeliveryFailed | None = None
            sound = True
            for chunk, put in begun:
                try:
                    faults = self._faults(put, chunk)
                except (DeadlineNear, DeliveryFailed) as error:
                    over = over or error
                else:
                    sound = sound and not faults
                    yield chunk, faults
            if over:
                raise over
            if sound:  # a throttled call says nothing about the duration of a successful one
                self._call_seconds += _LATEST * (self._clock() - began - self._call_seconds)

    def _begin(self, entries: Sequence[Entry], deadline: Deadline) -> Begun[PutRecordsOutputTypeDef]:
        return begin(
            self._client.put_records,
            deadline,
            StreamName=self._stream_name,
            Records=[{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in entries],
        )

    def _faults(self, put: Begun[PutRecordsOutputTypeDef], positions: Sequence[int]) -> dict[int, str]:
        """Return the entries of a call that were not acknowledged, with the reason."""
        try:
            answer = put.answer()
        except DeadlineNear:
            raise
        except Exception as error:
            if is_fatal(error):
                raise DeliveryFailed(f"PutRecords on {self._stream_name}: {error}") from error
            return dict.fromkeys(positions, repr(error))
        results = answer.get("Records", [])
        if len(results) != len(positions):
            short = f"PutRecords answered for {len(results)} of {len(positions)} entries"
            return dict.fromkeys(positions, short)
        return {
            position: f"{result.get('ErrorCode')}: {result.get('ErrorMessage')}"
            for position, result in zip(positions, results, strict=True)
            if "SequenceNumber" not in result
        }


def _chunks(
    positions: Sequence[int], entries: Sequence[Entry]
) -> Iterator[tuple[Sequence[int], list[Entry]]]:
    """Yield each call's positions and entries: at most MAX_ENTRIES and MAX_BYTES, and at least one."""
    for few in batched(positions, MAX_ENTRIES, strict=False):
        chunk = [entries[position] for position in few]
        if sum([len(entry.data) for entry in chunk]) <= MAX_BYTES - MAX_ENTRIES * KEY_BYTES:
            yield few, chunk
        else:
            yield from _by_size(few, chunk)


def _by_size(positions: Sequence[int], entries: list[Entry]) -> Iterator[tuple[Sequence[int], list[Entry]]]:
    first = size = 0
    for at, entry in enumerate(entries):
        more = len(entry.data) + len(entry.partition_key.encode())
        if at > first and size + more > MAX_BYTES:
            yield positions[first:at], entries[first:at]
            first, size = at, 0
        size += more
    yield positions[first:], entries[first:]
