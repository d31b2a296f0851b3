"""Keep a join's keys in a DynamoDB table: one item a key; each write is one conditional UpdateItem.

The item's attributes are in docs/joins.md. While a key is undecided, and after that until its effects are
put, the sparse index `due` has it: `bucket` is one of a few by the key's hash, so that no partition of the
index takes every write, and `due_at` is when the sweeper is to look after it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from threeways.aws.calls import Backoff, Deadline, is_fatal
from threeways.errors import DeadlineNear, JoinFailed, KeyFull, TableFailed
from threeways.join import requests
from threeways.join.item import Item, Items, key_text, split, stored
from threeways.join.join import Decided, Join, Key
from threeways.join.settling import Arrival
from threeways.join.state import KeyState, Step

logger = logging.getLogger(__name__)

MAX_EVENT_BYTES = 64 * 1024
"""The limit on a subject or a verdict in the table."""
FULL_BYTES = 240 * 1024
"""The size from which an item takes no further verdict. An item has 400 KB: the rest is for what is written
meanwhile, a subject that is still to come, and decisions.
docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""
WRITE_SLOTS = 50
"""The attributes that one UpdateItem adds at most: its expression has 4 KB."""
_PAGE = 1_000


class Refused(Exception):
    """A write's condition does not hold. item: the item as it is. again: it was not the first attempt."""

    def __init__(self, item: Item | None, again: bool) -> None:
        super().__init__()
        self.item = item
        self.again = again


class DynamoTable:
    """Implements `settling.Table`. client: one that makes one attempt a call. name: the table's."""

    def __init__(self, client: Any, name: str, join: Join[Any], backoff: Backoff | None = None) -> None:
        self._client = client
        self._name = name
        self._join = join
        self._items = Items(join)
        self._backoff = backoff or Backoff()

    def add(self, key: Key, arrivals: Sequence[Arrival], deadline: Deadline) -> KeyState:
        """Add events of one key; open it if it is new. Return the state after it.

        What is not in the state had no room. Raises KeyFull where nothing is, TransientError.
        """
        item: Item | None = None
        for few in split(self._items.attributes(arrivals), MAX_EVENT_BYTES, WRITE_SLOTS):
            item = self._add(key, arrivals[0], few, deadline)
        item = item or self._read(key, deadline)
        if item is None:
            raise KeyFull(
                f"it takes over {MAX_EVENT_BYTES:,} bytes in the table: its type may name fewer fields"
            )
        return self._items.state(key, item)

    def _add(
        self, key: Key, opener: Arrival, attributes: Mapping[str, str], deadline: Deadline
    ) -> Item | None:
        """Write attributes that are not there yet, as far as there is room. Return the item."""
        early, late = requests.add(self._join, key, opener, attributes)
        try:
            try:
                item = self._updated(early, deadline)
            except Refused as refused:
                if refused.item is None or "full" in refused.item:
                    raise
                item = self._updated(late, deadline)  # it is decided: the index has it no more
        except Refused as refused:
            return self._added_to_full(key, refused.item, attributes, deadline)
        except KeyFull:
            return self._read(key, deadline)
        if "full" not in item and self._items.size(item) > FULL_BYTES:
            logger.warning("%s is over %d bytes: it takes no further verdict", key_text(key), FULL_BYTES)
            self._updated(requests.full(key), deadline)
        return item

    def _added_to_full(
        self, key: Key, item: Item | None, attributes: Mapping[str, str], deadline: Deadline
    ) -> Item | None:
        """Add to a full item what it still takes: the subject, without which nothing is decided."""
        if item is None or "subject" not in attributes or "subject" in item:
            return item
        try:
            return self._updated(requests.add_subject(key, attributes["subject"]), deadline)
        except (KeyFull, Refused):
            return self._read(key, deadline)

    def commit(self, state: KeyState, step: Step, deadline: Deadline) -> tuple[bool, KeyState]:
        """Write a step if the key still is in this state. Return whether it was, and the state after that."""
        if isinstance(step, Decided):
            request = requests.decision(self._join, state, step)
        else:
            request = requests.unmatched(self._join, state)
        try:
            self._updated(request, deadline)
        except Refused as refused:
            if refused.item is None:
                raise TableFailed(f"the item of {state.key!r} was deleted while its key was open") from None
            newer = self._items.state(state.key, refused.item)
            if not refused.again or not isinstance(step, Decided):
                return False, newer
            # The answer to the attempt before it may be lost: then it is this decision that is there.
            return newer.decisions.get(step.revision) == stored(step), newer
        except KeyFull as error:
            raise JoinFailed(f"{state.key!r}: the decision has no room: {error}") from error
        return True, self._items.after(state, step)

    def load(self, key: Key, deadline: Deadline) -> KeyState | None:
        """Read a key consistently."""
        item = self._read(key, deadline)
        return None if item is None else self._items.state(key, item)

    def published(self, state: KeyState, deadline: Deadline) -> None:
        """Note that the effects up to the state's revision are put, unless there is a newer revision."""
        with suppress(Refused):
            self._updated(requests.published(self._join, state), deadline)

    def due(self, before: float, deadline: Deadline) -> Iterator[Key]:
        """Yield what the index has up to this time, a page of each bucket in turn."""
        return self._indexed(lambda bucket, after: requests.due(bucket, before, _PAGE, after), deadline)

    def reviewed(self, limit: int, deadline: Deadline) -> Iterator[Key]:
        """Yield the keys that wait for a person, so many of each bucket in turn.

        A key may be yielded although a person has decided it since: load it.
        """
        return self._indexed(lambda bucket, after: requests.reviewed(bucket, limit, after), deadline)

    def _indexed(self, page: Callable[[int, Any], requests.Request], deadline: Deadline) -> Iterator[Key]:
        pages: deque[tuple[int, Any]] = deque((bucket, None) for bucket in range(requests.BUCKETS))
        while pages:
            bucket, after = pages.popleft()
            answer = self._call(self._client.query, page(bucket, after), deadline)
            yield from map(self._items.key, answer["Items"])
            if answer.get("LastEvaluatedKey"):
                pages.append((bucket, answer["LastEvaluatedKey"]))

    def _read(self, key: Key, deadline: Deadline) -> Item | None:
        request = {"Key": {"key": {"S": key_text(key)}}, "ConsistentRead": True}
        found: Item | None = self._call(self._client.get_item, request, deadline).get("Item")
        return found

    def _updated(self, request: requests.Request, deadline: Deadline) -> Item:
        item: Item = self._call(self._client.update_item, request, deadline).get("Attributes", {})
        return item

    def _call(self, operation: Callable[..., Any], request: requests.Request, deadline: Deadline) -> Any:
        """Call, and again after what may pass. Raises Refused, KeyFull, TableFailed, DeadlineNear."""
        attempt = 0
        while True:
            if deadline.remaining() <= 0:
                raise DeadlineNear(f"no time is left for a call to the table {self._name}")
            try:
                return operation(TableName=self._name, **request)
            except Exception as error:  # noqa: BLE001 - it is judged, and raised unless it may pass
                self._judge(error, attempt)
                logger.info("a call to the table %s is tried again: %r", self._name, error)
            self._backoff.wait(attempt, deadline)
            attempt += 1

    def _judge(self, error: Exception, attempt: int) -> None:
        """Raise what an error means, unless it may pass."""
        answer = getattr(error, "response", None) or {}
        code = answer.get("Error", {}).get("Code")
        if code == "ConditionalCheckFailedException":
            raise Refused(answer.get("Item"), attempt > 0) from None
        if code == "ValidationException" and "Item size" in str(error):
            raise KeyFull(f"its item in the table {self._name} has no room for it: {error}") from None
        if is_fatal(error):
            if code is None:
                raise error
            raise TableFailed(f"the table {self._name}: {error}") from error
