"""Read what a join's table holds of every key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from threeways.join.effects import Effects
from threeways.join.item import Item, Items
from threeways.join.join import Join, Key
from threeways.join.requests import INDEX, REVIEW
from threeways.join.state import KeyState
from threeways.local_run.system.account import Kept


def waits(dynamodb: Any, table: str) -> bool:
    """Return whether a key is undecided or has messages to be put; a person may take longer."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, IndexName=INDEX)
    return any(not item["bucket"]["S"].startswith(REVIEW) for page in pages for item in page["Items"])


def kept(dynamodb: Any, table: str, join: Join[Any]) -> dict[Key, Kept]:
    """Read the table: key -> what it holds of it."""
    items, effects = Items(join), Effects(join)
    states = ((items.key(item), item) for item in _scanned(dynamodb, table))
    return {key: _kept(effects, items.state(key, item)) for key, item in states}


def _scanned(dynamodb: Any, table: str) -> Iterator[Item]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _kept(effects: Effects, state: KeyState) -> Kept:
    decisions = tuple(one for _, one in sorted(state.decisions.items()))
    return Kept(
        decisions=decisions,
        verdicts=frozenset((one.source, one.id) for one in state.verdicts.values()),
        effects=frozenset(
            json.loads(entry.data)["id"]
            for one in decisions
            if state.subject is not None
            for entry in effects.entries(state.key, state.subject, one)
        ),
        waits=state.outbox is not None or (state.subject is not None and not decisions),
    )
