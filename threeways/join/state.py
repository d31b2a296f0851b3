"""A key's state, and what it calls for next: a pure function of the state and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from threeways.errors import JoinFailed
from threeways.join.join import Counted, Decided, Join, Key, Verdict, Verdicts, decided_of, is_decision


@dataclass(frozen=True, slots=True)
class KeyState:
    """What the table holds of a key.

    version: grows with each write of events and each decision, so that a decision is only committed on the
    state that it was made of. subject: its event's JSON, None before it came. verdicts: slot -> verdict; a
    consumer has one slot, its name, or one for each of its versions, and each verdict of a person one of its
    own. expected: those of the join
    when the key was opened. opened: the id of the event that opened it, opened_at: when the stream received
    that. due: the deadline. decisions: by revision, from 1. outbox: the first revision whose effects are not
    known to be put, None where all are. Times are seconds of Unix time.
    """

    key: Key
    version: int
    expected: frozenset[str]
    opened: str
    opened_at: float
    due: float
    subject: bytes | None = None
    verdicts: Mapping[str, Verdict[Any]] = field(default_factory=dict)
    decisions: Mapping[int, Decided] = field(default_factory=dict)
    outbox: int | None = None

    @property
    def revision(self) -> int:
        """The last decision's, 0 before the first."""
        return len(self.decisions)


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The deadline passed without a subject: nothing is decided, and the key leaves the index of what is due.

    The verdicts stay in the table; the subject, should it still come, is decided at once.
    """


type Step = Decided | Unmatched


def slot_of(join: Join[Any], one: Verdict[Any] | Counted) -> str:
    """Return the slot of a verdict: the first one of a slot is kept, and no other changes it."""
    return f"{one.source}#{one.id}" if one.source in join.persons else name_of(join, one)


def name_of(join: Join[Any], one: Verdict[Any] | Counted) -> str:
    """Return under what name `decide` gets a verdict."""
    return f"{one.source}#{one.version}" if one.source in join.versions else one.source


def marks_of(join: Join[Any], decided: Decided) -> set[tuple[str, str]]:
    """Return slot and id of each verdict that a decision counted."""
    return {(slot_of(join, one), one.id) for one in decided.verdicts}


def next_step(join: Join[Any], state: KeyState, now: float) -> Step | None:
    """Return what the state calls for, None where that is nothing (yet). now: seconds of Unix time.

    Raises JoinFailed.
    """
    expired = now >= state.due
    if state.subject is None:
        return Unmatched() if expired and not state.revision else None
    before = state.decisions.get(state.revision)
    counted = _counted(join, state, before)
    if before and not _is_news(join, counted, before):
        return None
    expired = expired or before is not None
    try:
        decision = join.decide(counted, state.expected, expired)
    except Exception as error:
        raise JoinFailed(f"{state.key!r}: decide raised {error!r}") from error
    if decision is None:
        if expired:
            raise JoinFailed(f"{state.key!r}: decide waits, and the deadline has passed")
        return None
    if not is_decision(decision):
        raise JoinFailed(f"{state.key!r}: decide returned {decision!r:.80}, which is no Decision")
    if before and not join.revises(before, decision):
        return None
    return decided_of(
        join, state.key, state.revision + 1, decision,
        verdicts=tuple(Counted(one.source, one.version, one.id) for _, one in sorted(counted.items())),
        missing=tuple(sorted(state.expected - {one.source for one in counted.values()})),
        expired=now >= state.due, opened_at=state.opened_at, due=state.due, decided_at=now,
    )  # fmt: skip


def _is_news(join: Join[Any], counted: Verdicts, before: Decided) -> bool:
    """Whether a verdict counts that the decision has not counted."""
    known = marks_of(join, before)
    return any((slot_of(join, one), one.id) not in known for one in counted.values())


def _counted(join: Join[Any], state: KeyState, before: Decided | None) -> Verdicts:
    """Return the verdicts that count, by name: of a person's the newest; late ones by the join's policy."""
    counted: dict[str, Verdict[Any]] = {}
    known = marks_of(join, before) if before else set()
    for verdict in sorted(state.verdicts.values(), key=lambda one: (one.at, one.id)):
        late = before is not None and (slot_of(join, verdict), verdict.id) not in known
        if verdict.source in join.persons or not late or join.late == "revise":
            counted[name_of(join, verdict)] = verdict
    return counted
