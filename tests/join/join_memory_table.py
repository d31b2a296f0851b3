"""A join's table in memory: the same conditional writes as DynamoDB's, and the images of its stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from threeways.aws.calls import Deadline
from threeways.join.join import Decided, Join, Key
from threeways.join.settling import Arrival
from threeways.join.state import KeyState, Step

OUTBOX_SECONDS = 60.0


@dataclass
class MemoryTable:
    """Keys by name. due_at: of those that are in the index. images: each write's item before and after it."""

    join: Join[Any]
    items: dict[Key, KeyState] = field(default_factory=dict)
    due_at: dict[Key, float] = field(default_factory=dict)
    images: list[tuple[KeyState | None, KeyState]] = field(default_factory=list)

    def add(self, key: Key, arrivals: Sequence[Arrival], deadline: Deadline) -> KeyState:
        before = self.items.get(key)
        first = arrivals[0]
        state = before or KeyState(
            key, 0, self.join.expected, first.event_id, first.at, first.at + self.join.deadline
        )
        if not state.revision:
            self.due_at.setdefault(key, state.due)
        verdicts = dict(state.verdicts)
        subject = state.subject
        for arrival in arrivals:
            if arrival.verdict is not None:
                verdicts.setdefault(arrival.slot, arrival.verdict)
            elif subject is None:
                subject = arrival.subject
        return self._put(replace(state, version=state.version + 1, verdicts=verdicts, subject=subject))

    def commit(self, state: KeyState, step: Step, deadline: Deadline) -> tuple[bool, KeyState]:
        now = self.items[state.key]
        if now.version != state.version:
            return False, now
        if not isinstance(step, Decided):
            self.due_at.pop(state.key, None)
            return True, now
        if step.revision in now.decisions:
            return False, now
        self.due_at[state.key] = step.decided_at + OUTBOX_SECONDS
        return True, self._put(
            replace(
                now,
                version=now.version + 1,
                decisions={**now.decisions, step.revision: step},
                outbox=now.outbox or step.revision,
            )
        )

    def load(self, key: Key, deadline: Deadline) -> KeyState | None:
        return self.items.get(key)

    def published(self, state: KeyState, deadline: Deadline) -> None:
        now = self.items[state.key]
        if now.revision == state.revision:
            self.due_at.pop(state.key, None)
            self._put(replace(now, outbox=None))

    def due(self, before: float, deadline: Deadline) -> Iterator[Key]:
        yield from tuple(key for key, at in self.due_at.items() if at <= before)

    def _put(self, state: KeyState) -> KeyState:
        self.images.append((self.items.get(state.key), state))
        self.items[state.key] = state
        return state
