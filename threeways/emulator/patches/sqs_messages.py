"""A queue's messages by when they are visible, so that no request looks at all of them.

moto 5.2.5 scans its list of messages several times for each message that is sent or received, and for each
that is deleted.
"""

from __future__ import annotations

import heapq
import importlib
import time
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Self


class Messages:
    """What stands for moto's list of a queue's messages. Times are epoch milliseconds."""

    def __init__(self, messages: Iterable[Any] = ()) -> None:
        self._all: dict[Any, int] = {}
        self._visible: set[Any] = set()
        self._delayed: set[Any] = set()
        self._hidden: list[tuple[float, int, Any]] = []
        self._by_receipt: dict[str, Any] = {}
        self._numbers = count()
        for message in messages:
            self.append(message)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def __deepcopy__(self, _: object) -> Self:
        """Return itself: a copy of a message that is handed out refers to the same queue."""
        return self

    def append(self, message: Any) -> None:
        """Add a message, which may be delayed."""
        message.held_by = self
        self._all[message] = next(self._numbers)
        if message.delayed:
            self._delayed.add(message)
        self.hide(message)

    def remove(self, message: Any) -> None:
        """Take a message off."""
        message.held_by = None
        del self._all[message]
        self._visible.discard(message)
        self._delayed.discard(message)
        for receipt in message.all_receipt_handles:
            self._by_receipt.pop(receipt, None)

    def hide(self, message: Any) -> None:
        """Hide a message until its time, which may be now."""
        self._visible.discard(message)
        until = max(message.visible_at, message.delayed_until)
        heapq.heappush(self._hidden, (until, next(self._numbers), message))

    def received(self, message: Any) -> None:
        """Note a message's newest receipt handle."""
        self._by_receipt[message.receipt_handle] = message

    def of_receipt(self, receipt: str) -> Any | None:
        """Return the message that had a receipt handle; None if there is none here."""
        return self._by_receipt.get(receipt)

    def visible(self) -> list[Any]:
        """Return the messages that can be received now, in the order in which they were sent."""
        self._reveal()
        return sorted(self._visible, key=self._all.__getitem__)

    def _reveal(self) -> None:
        now = 1000 * time.time()
        while self._hidden and self._hidden[0][0] < now:
            until, _, message = heapq.heappop(self._hidden)
            if message in self._all and until == max(message.visible_at, message.delayed_until):
                self._visible.add(message)
                self._delayed.discard(message)

    def count_visible(self) -> int:
        """Return how many messages can be received now, which moto asks for before the other counts.

        Those are as of this moment, so that a message whose time comes in between is not in none of them.
        """
        self._reveal()
        return len(self._visible)

    def count_in_flight(self) -> int:
        """Return how many messages are in flight."""
        return len(self._all) - len(self._visible) - len(self._delayed)

    def count_delayed(self) -> int:
        """Return how many messages are delayed."""
        return len(self._delayed)


def _held(queue: Any) -> Any:
    return queue.held


def _hold(queue: Any, messages: Iterable[Any]) -> None:
    queue.held = Messages(messages)


def patch() -> None:
    """Make moto's queues hold their messages so."""
    models: Any = importlib.import_module("moto.sqs.models")
    message, queue = models.Message, models.Queue
    change, mark = message.change_visibility, message.mark_received

    def change_visibility(self: Any, visibility_timeout: int) -> None:
        change(self, visibility_timeout)
        if self.held_by is not None:
            self.held_by.hide(self)

    def mark_received(self: Any, visibility_timeout: int | None = None) -> None:
        mark(self, visibility_timeout)
        if self.held_by is not None:
            self.held_by.received(self)

    def delete_message(self: Any, receipt_handle: str) -> None:
        found = self._messages.of_receipt(receipt_handle)
        if found is None and receipt_handle not in self.deleted_messages:
            raise models.ReceiptHandleIsInvalid
        if found is not None:
            self.pending_messages.discard(found)
            self.deleted_messages.update(found.all_receipt_handles)
            self._messages.remove(found)

    message.held_by = None
    message.change_visibility, message.mark_received = change_visibility, mark_received
    queue.delete_message = delete_message
    queue._messages = property(_held, _hold)  # noqa: SLF001 - moto's
    queue.messages = property(lambda self: self._messages.visible())
    queue.approximate_number_of_messages = property(lambda self: self._messages.count_visible())
    queue.approximate_number_of_messages_not_visible = property(lambda self: self._messages.count_in_flight())
    queue.approximate_number_of_messages_delayed = property(lambda self: self._messages.count_delayed())
