"""The table in memory, on which every order is explored, does what DynamoDB's does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from join_lab import AMPLE, QUICK, Judged, Said, make, new_table
from join_memory_table import MemoryTable

from threeways.emulator.server import Emulator
from threeways.join.join import Verdict
from threeways.join.settling import Arrival, settle
from threeways.join.state import KeyState, next_step, slot_of
from threeways.join.table import DynamoTable

JOIN = make()
START = 1_800_000_000.0


def _verdict(source: str, number: int, prediction: Any) -> Arrival:
    verdict = Verdict(source, f"{source}-{number}", "7", prediction, START + number)
    event = f"shard:{source}-{number}"
    return Arrival(event, START + number, verdict=verdict, slot=slot_of(JOIN, verdict))


ARRIVALS = [
    Arrival("shard:0", START, subject=b'{"upload_id":1,"user":"user-1"}'),
    _verdict("nsfw", 1, Judged(0.1)),
    _verdict("nsfw", 2, Judged(0.95)),
    _verdict("violence", 3, Judged(0.2)),
    _verdict("person", 4, Said("remove")),
    _verdict("person", 5, Said("allow")),
]
BEFORE, AFTER = START + 10, START + JOIN.deadline + 10
ADD = st.lists(st.integers(0, len(ARRIVALS) - 1), min_size=1, max_size=3, unique=True)
ACTIONS = st.one_of(
    st.tuples(st.just("add"), ADD),
    st.tuples(st.sampled_from(["settle", "stale"]), st.sampled_from([BEFORE, AFTER])),
    st.tuples(st.just("published"), st.just(0)),
)


@pytest.mark.exhaustive
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, min_size=2, max_size=12))
def test_it_is_in_the_same_state_after_any_calls(emulator: Emulator, actions: list[tuple[str, Any]]) -> None:
    name = _TABLES.setdefault(emulator.endpoint_url, new_table(emulator))
    key = uuid.uuid4().hex
    client = emulator.client("dynamodb")
    tables: list[Any] = [MemoryTable(JOIN), DynamoTable(client, name, JOIN, QUICK)]
    old: list[KeyState | None] = [None, None]
    for action, given_ in actions:
        for place, table in enumerate(tables):
            old[place] = _DO[action](table, key, given_, old[place])
        memory, dynamo = (table.load(key, AMPLE) for table in tables)
        assert memory == dynamo, action
    dues = [key in table.due(AFTER + 120, AMPLE) for table in tables]
    assert dues[0] == dues[1]


def _add(table: Any, key: str, places: list[int], old: KeyState | None) -> KeyState | None:
    table.add(key, [ARRIVALS[place] for place in places], AMPLE)
    return old


def _settle(table: Any, key: str, now: float, _: KeyState | None) -> KeyState | None:
    state: KeyState | None = table.load(key, AMPLE)
    if state is None:
        return None
    settled, _steps = settle(JOIN, table, state, lambda: now, AMPLE)
    assert settled == table.load(key, AMPLE)
    return state  # as it was before


def _stale(table: Any, key: str, now: float, old: KeyState | None) -> KeyState | None:
    """Commit what an earlier state called for."""
    step = next_step(JOIN, old, now) if old else None
    if old and step:
        _committed, state = table.commit(old, step, AMPLE)
        assert state == table.load(key, AMPLE)
    return old


def _published(table: Any, key: str, _: int, old: KeyState | None) -> KeyState | None:
    if (state := table.load(key, AMPLE)) and state.revision:
        table.published(state, AMPLE)
    return old


_DO: dict[str, Callable[..., KeyState | None]] = {
    "add": _add, "settle": _settle, "stale": _stale, "published": _published,
}  # fmt: skip
_TABLES: dict[str, str] = {}
