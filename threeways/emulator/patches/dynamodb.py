"""Patch moto's DynamoDB: one request at a time, writes that happen wholly or not at all, exact streams.

moto 5.2.5 reads, checks and writes without a lock, so that several concurrent conditional writes of one item
succeed. Also, there:

- an update that creates an item puts two records on the table's stream, one that changes nothing puts one,
  and an update that fails half-way leaves its half;
- a transaction copies its whole tables, and one that is cancelled replaces them by the copies, after which a
  stream's readers read a shard that nobody writes to;
- a stream record shares its sets with the item, and changes with it;
- a transaction's token is ignored, so that the SDK's retry of one that succeeded is cancelled;
- each read of a stream adds an iterator that is kept for ever.

docs.aws.amazon.com/amazondynamodb/latest/APIReference/: API_PutItem.html, API_UpdateItem.html,
API_TransactWriteItems.html; docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (one record
a change; none for a PutItem or UpdateItem that changes nothing).
"""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any

from threeways.emulator.patches import dynamodb_streams
from threeways.emulator.patches.known import check

DIGEST = "64552fb2a86129a6985d0416e8b4dec8e3cee398052cafe336ca3df423f05c7a"
TOKEN_SECONDS = 600.0
"""How long a transaction's token stands for it."""
_one_at_a_time = RLock()
"""Held by each request: a write and what it adds to a stream are one step for all others."""


def parts() -> list[Any]:
    """Return moto's code that is replaced or relied on."""
    models: Any = importlib.import_module("moto.dynamodb.models")
    table: Any = importlib.import_module("moto.dynamodb.models.table")
    types: Any = importlib.import_module("moto.dynamodb.models.dynamo_type")
    backend = models.DynamoDBBackend
    return [
        backend.put_item, backend.update_item, backend.delete_item, backend.transact_write_items,
        backend.get_table, table.StreamRecord, table.StreamShard, table.Table.get_item, table.Table.put_item,
        table.Table.delete_item, types.Item, *dynamodb_streams.parts(),
    ]  # fmt: skip


def patch() -> None:
    """Patch moto in this process. Raises LocalError if its DynamoDB is not the known one."""
    models: Any = importlib.import_module("moto.dynamodb.models")
    tables: Any = importlib.import_module("moto.dynamodb.models.table")
    backend, table = models.DynamoDBBackend, tables.Table
    if "__deepcopy__" in vars(table):
        return
    check("DynamoDB", parts(), DIGEST)
    _serialise("moto.dynamodb.responses", "DynamoHandler")
    _serialise("moto.dynamodbstreams.responses", "DynamoDBStreamsHandler")
    dynamodb_streams.patch()
    _Write.add = tables.StreamShard.add
    tables.StreamShard.add = lambda self, old, new: None if _Write.current else _Write.add(self, old, new)
    table.__deepcopy__ = _copied
    for name in ("put_item", "update_item", "delete_item"):
        setattr(backend, name, _atomic(getattr(backend, name), _of_one))
    backend.transact_write_items = _atomic(backend.transact_write_items, _of_a_transaction)
    handler: Any = importlib.import_module("moto.dynamodb.responses").DynamoHandler
    handler.transact_write_items = _once_a_token(handler.transact_write_items)


def _serialise(module: str, handler: str) -> None:
    """Make a service's requests run one after another, up to and including their answers' text."""
    responses: Any = getattr(importlib.import_module(module), handler)
    answer = responses.call_action

    def call_action(self: Any) -> Any:
        with _one_at_a_time:
            return answer(self)

    responses.call_action = call_action


class _Write:
    """A request's writes: the items as they were before, to compare them with or to restore them."""

    current: _Write | None = None
    """The one in progress; there is one at most."""
    add: Callable[..., None]
    """moto's own: add a change of an item to its table's stream."""

    def __init__(self) -> None:
        self._before: dict[tuple[Any, ...], Any] = {}

    def remember(self, table: Any, values: Any) -> None:
        """Keep an item's state, the first time that it is named by its key or by its new attributes."""
        types: Any = importlib.import_module("moto.dynamodb.models.dynamo_type")
        if all(name in values for name in table.table_key_attrs):
            key = [types.DynamoType(values[name]) for name in table.table_key_attrs]
            named = (table, *key)
            if named not in self._before:
                self._before[named] = copy.deepcopy(table.get_item(*key))

    def restore(self) -> None:
        """Undo everything."""
        for (table, hash_key, *range_key), item in self._before.items():
            held, key = (table.items[hash_key], range_key[0]) if range_key else (table.items, hash_key)
            if item is None:
                held.pop(key, None)
            else:
                held[key] = item

    def publish(self) -> None:
        """Add one record to a table's stream for each item that is another now."""
        for (table, *key), before in self._before.items():
            after = table.get_item(*key)
            changed = before != after if before is not None and after is not None else before is not after
            if changed and table.stream_shard is not None and table.stream_specification["StreamEnabled"]:
                _Write.add(table.stream_shard, before, copy.deepcopy(after))


def _of_one(given: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return the table, and the key or attributes, that a write of one item is called with."""
    return [(given[0], given[1])]


def _of_a_transaction(given: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return the table, and the key or attributes, of each of a transaction's operations that has them."""
    operations = [operation for item in given[0] for operation in item.values()]
    return [
        (operation["TableName"], operation.get("Item") or operation.get("Key") or {})
        for operation in operations
        if operation.get("TableName")
    ]


def _atomic(write: Any, named: Callable[[Sequence[Any]], list[tuple[str, Any]]]) -> Any:
    """Wrap one of the backend's writes: all of it happens, and is on the streams, or nothing.

    named: its arguments -> the tables, and the keys or attributes, of the items that it may change.
    """
    exceptions: Any = importlib.import_module("moto.dynamodb.exceptions")
    its_own = exceptions.ResourceNotFoundException, exceptions.MockValidationException, ArithmeticError
    """What the write itself reports: no such table, or a key that is none of it."""

    def atomically(self: Any, *given: Any, **more: Any) -> Any:
        if _Write.current is not None:  # a transaction's: its items are known
            return write(self, *given, **more)
        writing = _Write.current = _Write()
        try:
            for table, values in named(given):
                with suppress(*its_own):
                    writing.remember(self.get_table(table), values)
            answer = write(self, *given, **more)
        except BaseException:
            writing.restore()
            raise
        finally:
            _Write.current = None
        writing.publish()
        return answer

    return atomically


def _once_a_token(transact: Any) -> Any:
    """Wrap the handler's TransactWriteItems: a retry of one that succeeded succeeds and does nothing.

    docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html (ClientRequestToken)
    """
    from moto.core.exceptions import JsonRESTError

    done: dict[str, tuple[float, Any, Any]] = {}

    def transact_write_items(self: Any) -> Any:
        token, items, now = self.body.get("ClientRequestToken"), self.body["TransactItems"], time.monotonic()
        for old in [old for old, (since, *_) in done.items() if now - since > TOKEN_SECONDS]:
            del done[old]
        if token not in done:
            answer = transact(self)
            if token:
                done[token] = (now, items, answer)
            return answer
        _, first, answer = done[token]
        if first != items:
            raise JsonRESTError("IdempotentParameterMismatchException", "The token was used for other items.")
        return answer

    return transact_write_items


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    """Copy a table; within a write it stands for itself, which is restored item by item."""
    if _Write.current is not None:
        return self
    duplicate = memo[id(self)] = object.__new__(type(self))
    duplicate.__dict__ = copy.deepcopy(self.__dict__, memo)
    return duplicate
