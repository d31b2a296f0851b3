"""Delivery: predictions onto the output stream, each one acknowledged or named as unfinished.

Guarantee: at least once, in order for each input partition key. `PutRecords` promises no order within a
call and may store some entries and not others, so a call holds one entry of a key and the key's next
entry waits for its acknowledgement.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from threeways.errors import DeadlineNear, DeliveryFailed
from threeways.stream.calls import Backoff, Deadline, call, is_fatal

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

logger = logging.getLogger(__name__)

MAX_ENTRIES = 500
"""Entries in one `PutRecords` call (its documentation)."""
MAX_BYTES = 5 * 2**20
"""Data and partition keys in one call. AWS takes 10 MiB since 2025; emulators and older clients take 5."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One prediction to deliver. order_key: what its order is kept by, the input's partition key."""

    order_key: str
    partition_key: str
    data: bytes


@dataclass
class Receipt:
    """What became of a delivery.

    unfinished: the positions of the entries that were not acknowledged, and why. retries: how often an entry
    was put again. fault: the last one that an entry or a call met.
    """

    unfinished: dict[int, str] = field(default_factory=dict)
    retries: int = 0
    fault: str = ""


class Delivery(Protocol):
    """Where predictions go."""

    def deliver(self, entries: Sequence[Entry], deadline: Deadline) -> Receipt:
        """Deliver all entries, or say which are unfinished. Raises nothing for a transient failure."""


class NoDelivery:
    """Puts predictions nowhere and counts them as delivered: `TEST_RUN`."""

    def deliver(self, entries: Sequence[Entry], deadline: Deadline) -> Receipt:  # noqa: ARG002 - the protocol's
        """Nothing is unfinished."""
        return Receipt()


class StreamDelivery:
    """Delivers to a Kinesis stream with `PutRecords`."""

    def __init__(self, client: KinesisClient, stream_name: str, backoff: Backoff | None = None) -> None:
        self._client = client
        self._stream_name = stream_name
        self._backoff = backoff or Backoff()

    def deliver(self, entries: Sequence[Entry], deadline: Deadline) -> Receipt:
        """Deliver, retrying what fails for as long as the deadline allows."""
        receipt = Receipt()
        waiting = _Waiting(entries)
        try:
            self._deliver(entries, waiting, receipt, deadline)
        except (DeadlineNear, DeliveryFailed) as error:
            reason = f"{error}; before that: {receipt.fault}" if receipt.fault else str(error)
            receipt.unfinished = dict.fromkeys(waiting, reason)
            logger.error("%d predictions are not delivered: %s", len(receipt.unfinished), reason)  # noqa: TRY400
        return receipt

    def _deliver(
        self, entries: Sequence[Entry], waiting: _Waiting, receipt: Receipt, deadline: Deadline
    ) -> None:
        """Put each key's first waiting entry, round after round; what is acknowledged waits no more."""
        failed_before: set[int] = set()
        failed_rounds = 0
        while heads := waiting.heads():
            failed = 0
            for chunk in _chunks(heads, entries):
                faults = self._put([entries[position] for position in chunk], deadline)
                receipt.retries += len(failed_before.intersection(chunk))
                for position, fault in zip(chunk, faults, strict=True):
                    if fault is None:
                        waiting.acknowledge(position)
                    else:
                        failed, receipt.fault = failed + 1, fault
                        failed_before.add(position)
            failed_rounds = failed_rounds + 1 if failed else 0
            if failed:
                logger.info("put of %d predictions is tried again: %s", failed, receipt.fault)
                self._backoff.wait(failed_rounds - 1, deadline)

    def _put(self, entries: Sequence[Entry], deadline: Deadline) -> list[str | None]:
        """One call: for each entry None if it was acknowledged, else why not.

        Raises DeadlineNear, or DeliveryFailed where another call cannot help.
        """
        try:
            answer = call(
                self._client.put_records,
                deadline,
                StreamName=self._stream_name,
                Records=[{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in entries],
            )
        except DeadlineNear:
            raise
        except Exception as error:
            if is_fatal(error):
                raise DeliveryFailed(f"PutRecords on {self._stream_name}: {error}") from error
            return [repr(error)] * len(entries)
        results = answer.get("Records", [])
        if len(results) != len(entries):
            return [f"PutRecords answered for {len(results)} of {len(entries)} entries"] * len(entries)
        return [
            None if "SequenceNumber" in result else f"{result.get('ErrorCode')}: {result.get('ErrorMessage')}"
            for result in results
        ]


class _Waiting:
    """The positions of entries that are not acknowledged. Iterating it gives them all."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._keys = [entry.order_key for entry in entries]
        self._first: dict[str, int] = {}
        """Order key -> the position that may be put now."""
        self._behind: dict[int, int] = {}
        """Position -> the next one of the same key."""
        for position in reversed(range(len(entries))):
            following = self._first.pop(self._keys[position], None)
            if following is not None:
                self._behind[position] = following
            self._first[self._keys[position]] = position

    def __iter__(self) -> Iterator[int]:
        for position in self.heads():
            one: int | None = position
            while one is not None:
                yield one
                one = self._behind.get(one)

    def heads(self) -> list[int]:
        """Each key's first, in order."""
        return sorted(self._first.values())

    def acknowledge(self, position: int) -> None:
        """A key's first waits no more: its next one is the first, if there is one."""
        key = self._keys[position]
        following = self._behind.get(position)
        if following is None:
            del self._first[key]
        else:
            self._first[key] = following


def _chunks(positions: Iterable[int], entries: Sequence[Entry]) -> Iterator[list[int]]:
    """The positions in calls of at most MAX_ENTRIES and MAX_BYTES, one entry at the least."""
    chunk: list[int] = []
    size = 0
    for position in positions:
        entry = entries[position]
        key = entry.partition_key
        more = len(entry.data) + (len(key) if key.isascii() else len(key.encode()))
        if chunk and (len(chunk) == MAX_ENTRIES or size + more > MAX_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(position)
        size += more
    if chunk:
        yield chunk
