"""Put decisions' effects onto the decisions stream: the handler of the table's stream.

The decision and the note that its effects wait are one write, and the note is taken back when the stream has
acknowledged them: they are put at least once, under ids that are the same each time.
docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from threeways.aws.calls import LAST_SECONDS, Context, Deadline, overlapped
from threeways.errors import InvalidInvocation, JoinFailed
from threeways.join.effects import Effects
from threeways.join.item import Item, Items, key_text
from threeways.join.join import Join
from threeways.join.settling import Table
from threeways.join.state import KeyState
from threeways.join.telemetry import NoTelemetry, Tally, Telemetry, reported
from threeways.stream.answers import too_slow
from threeways.stream.delivery import Delivery, Entry

logger = logging.getLogger(__name__)

THREADS = 16
"""Calls to the table at once."""


class _Change(msgspec.Struct, gc=False):
    number: str = msgspec.field(name="SequenceNumber")
    new: Item | None = msgspec.field(name="NewImage", default=None)
    old: Item | None = msgspec.field(name="OldImage", default=None)

    @property
    def decided(self) -> bool:
        """Whether this change is a decision whose effects wait."""
        return self.new is not None and "outbox" in self.new and _revision(self.new) > _revision(self.old)


class _Record(msgspec.Struct, gc=False):
    change: _Change = msgspec.field(name="dynamodb")


class _Event(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records")


def _revision(item: Item | None) -> int:
    return int(item["revision"]["N"]) if item and "revision" in item else 0


class Publisher:
    """Puts the effects of keys, and notes that they are put. clock: seconds of Unix time."""

    def __init__(
        self,
        join: Join[Any],
        table: Table,
        delivery: Delivery,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._effects = Effects(join)
        self._table = table
        self._delivery = delivery

    def publish(self, states: Sequence[KeyState], tally: Tally, deadline: Deadline) -> list[KeyState]:
        """Put what waits of these keys, a key once. Return those of which not all was acknowledged.

        What is put and cannot be noted, the sweeper puts again, and what cannot be made, it tries again.
        """
        entries: list[Entry] = []
        events: list[int] = []
        done = set(range(len(states)))
        for number, state in enumerate(states):
            tally.age("OutboxAge", self._clock() - state.decisions[state.outbox or state.revision].decided_at)
            try:
                made = self._entries(state)
            except JoinFailed as error:
                tally.counts["Failed"] += 1
                logger.error("effects are not put, the sweeper tries again: %s", error)  # noqa: TRY400
                done.discard(number)
                continue
            entries += made
            events += [number] * len(made)
        receipt = self._delivery.deliver(entries, deadline, events)
        unfinished = {events[position] for position in receipt.unfinished}
        put = [states[number] for number in sorted(done - unfinished)]
        noted = overlapped(lambda state: self._table.published(state, deadline), put, THREADS, deadline)
        for state, answer in zip(put, noted, strict=True):
            if isinstance(answer, Exception):
                logger.error("the sweeper puts the effects of %r again: %r", state.key, answer)
        tally.counts["Published"] += len(put)
        return [states[number] for number in sorted(unfinished)]

    def _entries(self, state: KeyState) -> list[Entry]:
        """Return what waits of a key, in the order of its revisions. Raises JoinFailed."""
        if state.outbox is None:
            return []
        return [
            entry
            for revision in range(state.outbox, state.revision + 1)
            for entry in self._effects.entries(state.key, state.subject or b"null", state.decisions[revision])
        ]


class Outbox:
    """The handler of the table's stream."""

    def __init__(self, join: Join[Any], publisher: Publisher, telemetry: Telemetry | None = None) -> None:
        self._items = Items(join)
        self._publisher = publisher
        self._telemetry = telemetry or NoTelemetry()

    def __call__(self, event: object, context: Context | None = None) -> dict[str, Any]:
        """Return the answer to AWS: `{"batchItemFailures": [{"itemIdentifier": sequence number}]}`.

        Raises InvalidInvocation for an event that is not of a table's stream, DeadlineNear where the time did
        not suffice for the first of several records: then AWS sends the batch again, in halves.
        """
        try:
            changes = [record.change for record in msgspec.convert(event, _Event).records]
        except msgspec.ValidationError as error:
            raise InvalidInvocation(f"this is not an event of a table's stream: {error}") from None
        deadline = Deadline.of(context)
        tally = Tally(Counter(Events=len(changes)))
        newest: dict[str, Item] = {}
        numbers: dict[str, list[str]] = {}
        for change in changes:
            if change.new is not None and change.decided:
                text = change.new["key"]["S"]
                newest[text] = change.new
                numbers.setdefault(text, []).append(change.number)
        tally.counts["Keys"] = len(newest)
        states = [self._items.state(self._items.key(item), item) for item in newest.values()]
        late = self._publisher.publish(states, tally, deadline) if states else []
        unfinished = [one for state in late for one in numbers[key_text(state.key)]]
        tally.counts["Unfinished"] = len(unfinished)
        reported(self._telemetry, "publish", tally, context)
        lowest = min(unfinished, key=int, default=None)
        if len(changes) > 1 and lowest == changes[0].number and deadline.remaining() < 2 * LAST_SECONDS:
            raise too_slow()
        return {"batchItemFailures": [{"itemIdentifier": lowest}] if lowest else []}
