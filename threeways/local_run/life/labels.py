"""Pair predictions with what really happened, by the rules of the task's join of labels, in memory.

The join's own `decide` and `effects` say what an outcome is; its table, queue and functions are left out,
which would take most of this machine for as many events as a life needs. `make run SYSTEM=` runs a join as a
whole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from threeways.errors import UsageError
from threeways.join import finding
from threeways.join.join import Verdict, decided_of
from threeways.join.labels import LabelJoin
from threeways.scoring.task import EventId

type Outcome = dict[str, Any]


class Labels:
    """Makes the outcomes of labels. deadline: seconds of this run after which no label is waited for."""

    def __init__(self, name: str, deadline: float) -> None:
        found = finding.find(name)
        if not isinstance(found, LabelJoin):
            raise UsageError(f"LIFE=1: {name} holds no join of labels; make one with `label_join`")
        self.join = found
        self.deadline = deadline
        self._subjects = msgspec.json.Decoder(found.subject)
        self._waiting: dict[EventId, tuple[Any, float]] = {}
        self._open: deque[tuple[EventId, float]] = deque()
        self._verdicts: dict[EventId, dict[str, Verdict[Any]]] = {}
        self._told: dict[EventId, int] = {}

    def event(self, key: EventId, payload: bytes) -> None:
        """Take an event that was put."""
        at = time.time()
        self._waiting[key] = (self._subjects.decode(payload), at)
        self._open.append((key, at))

    def prediction(self, key: EventId, version: str, raw: bytes, source_id: str) -> Iterator[Outcome]:
        """Take a prediction; yield the outcomes that it makes."""
        source = self.join.model
        one = Verdict(source, source_id, version, self.join.prediction(source, raw), time.time())
        yield from self._taken(key, f"{source} {version}", one)

    def label(self, key: EventId, raw: bytes) -> Iterator[Outcome]:
        """Take a label; yield the outcomes that it makes."""
        source = self.join.label
        one = Verdict(source, str(key), "", self.join.prediction(source, raw), time.time())
        yield from self._taken(key, source, one)

    def expired(self) -> Iterator[Outcome]:
        """Yield the outcomes of those that nothing more is waited for."""
        due = time.time() - self.deadline
        while self._open and (self._open[0][0] in self._told or self._open[0][1] < due):
            key, _ = self._open.popleft()
            if key not in self._told:
                yield from self._decided(key, expired=True)

    def _taken(self, key: EventId, slot: str, one: Verdict[Any]) -> Iterator[Outcome]:
        of_key = self._verdicts.setdefault(key, {})
        if slot in of_key:
            return
        of_key[slot] = one
        yield from self._decided(key, expired=False)

    def _decided(self, key: EventId, *, expired: bool) -> Iterator[Outcome]:
        if key not in self._waiting:
            return
        subject, opened = self._waiting[key]
        decision = self.join.decide(self._verdicts.get(key, {}), self.join.expected, expired)
        if decision is None:
            return
        revision = self._told.get(key, 0) + 1
        self._told[key] = revision
        decided = decided_of(self.join, key, revision, decision, opened_at=opened)
        for effect in self.join.effects(subject, decided):
            yield {"message": effect.kind, "revision": revision, self.join.id: key, **effect.body}
