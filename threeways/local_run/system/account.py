"""What became of every subject of a join, counted from what really lies where.

Nothing here trusts the functions: a decision counts where its message lies on the decisions stream, and what
the join's table holds has to be the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from threeways.join.join import Decided, Key
from threeways.local_run.ledger import Sent
from threeways.local_run.waiting import is_unread

PLACES = ("decided", "quarantined", "abandoned", "pending", "lost")
"""Where an event of a subject can be."""
SHOWN = 5
LATE = "decided too late"


@dataclass(frozen=True, slots=True)
class Told:
    """A message on the decisions stream.

    kind: its `message`. decision: the decision's id. at: Unix time of its arrival. data: its JSON as it lies
    there.
    """

    kind: str
    id: str
    decision: str
    revision: int
    key: Key
    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What the table holds of a key.

    verdicts: (source, id) of each. effects: ids of the messages that its decisions have. waits: whether it is
    undecided, or has messages that are not put.
    """

    decisions: tuple[Decided, ...] = ()
    verdicts: frozenset[tuple[str, str]] = frozenset()
    effects: frozenset[str] = frozenset()
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was put, and what was read back.

    sent: event id -> what was put. keys: event id -> the key that it names, None for a broken record that
    names none. told: the decisions stream's messages in order. kept: the table. verdicts: (source, id) -> the
    event ids of their records on the verdicts stream. quarantined, abandoned: event ids, by the join.
    positions, verdict_positions: shard of the events' and the verdicts' stream -> the sequence number up to
    which the join is done. first: the kind of the message that each decision has. deadline: seconds. allowed:
    seconds past it by which it is decided, where a process has a processor to itself. slower: from one moment
    to another, how many times slower this machine ran one. by_hand: keys of events that somebody put by
    hand, which count nowhere.
    """

    sent: Mapping[str, Sent]
    keys: Mapping[str, Key | None]
    told: Sequence[Told]
    kept: Mapping[Key, Kept]
    verdicts: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    quarantined: Collection[str] = ()
    abandoned: Collection[str] = ()
    positions: Mapping[str, str | None] = field(default_factory=dict)
    verdict_positions: Mapping[str, str | None] = field(default_factory=dict)
    first: str
    deadline: float
    allowed: float
    slower: Callable[[float, float], float] = lambda _start, _end: 1.0
    by_hand: Collection[Key] = ()

    @cached_property
    def decisions(self) -> dict[Key, dict[int, list[Told]]]:
        """By key and revision the messages of decisions, each content once, in order."""
        found: defaultdict[Key, defaultdict[int, dict[bytes, Told]]] = defaultdict(lambda: defaultdict(dict))
        for one in self.told:
            if one.kind == self.first:
                found[one.key][one.revision].setdefault(one.data, one)
        return {
            key: {number: [*several.values()] for number, several in sorted(revisions.items())}
            for key, revisions in found.items()
        }

    @cached_property
    def whereabouts(self) -> dict[str, list[str]]:
        """For each place the event ids of the events there: each once."""
        places: dict[str, list[str]] = {name: [] for name in PLACES}
        for event_id in self.sent:
            places[self._place(event_id)].append(event_id)
        return places

    def _place(self, event_id: str) -> str:
        key = self.keys[event_id]
        if event_id in self.quarantined:
            return "quarantined"
        if key is not None and key in self.decisions:
            return "decided"
        if event_id in self.abandoned:
            return "abandoned"
        kept = self.kept.get(key) if key is not None else None
        if kept is not None and kept.waits:
            return "pending"
        return "pending" if is_unread(event_id, self.positions) else "lost"

    @cached_property
    def decided(self) -> dict[str, list[Decided]]:
        """By event id of each decided event: its key's decisions in the table whose messages came."""
        found = {}
        for event_id in self.whereabouts["decided"]:
            key = self.keys[event_id]
            kept = self.kept.get(key, Kept()) if key is not None else Kept()
            told = self.decisions[key] if key is not None else {}
            found[event_id] = [one for one in kept.decisions if one.revision in told]
        return found

    @cached_property
    def opened(self) -> dict[Key, float]:
        """When each key's first event was put, but those in quarantine."""
        found: dict[Key, float] = {}
        for event_id, sent in self.sent.items():
            key = self.keys[event_id]
            if key is not None and event_id not in self.quarantined:
                found.setdefault(key, sent.at)
        return found

    def first_decisions(self) -> Iterator[tuple[Key, Decided, float]]:
        """Yield key, first decision and when the key was opened, of each decided key that was sent."""
        for key, opened in self.opened.items():
            kept = self.kept.get(key)
            if kept is not None and kept.decisions:
                yield key, kept.decisions[0], opened

    def seconds_to_decision(self) -> list[float]:
        """Seconds from a key's first event to its first decision."""
        return [max(0.0, one.decided_at - opened) for _, one, opened in self.first_decisions()]

    def seconds_past_deadline(self) -> list[float]:
        """Seconds from the deadline to the first decision, of those that the deadline brought."""
        return [
            max(0.0, one.decided_at - opened - self.deadline)
            for _, one, opened in self.first_decisions()
            if one.expired
        ]

    @cached_property
    def late(self) -> dict[Key, float]:
        """Key -> how many times slower the machine was, of those decided later than allowed by the clock."""
        found = {}
        for key, one, opened in self.first_decisions():
            due = opened + self.deadline
            if one.decided_at > due + self.allowed:
                found[key] = self.slower(due, one.decided_at)
        return found

    @cached_property
    def too_late(self) -> list[Key]:
        """Those of the late keys of which the machine's slowness is not the reason."""
        return [
            key
            for key, one, opened in self.first_decisions()
            if key in self.late and one.decided_at > opened + self.deadline + self.allowed * self.late[key]
        ]

    def seconds_to_told(self) -> list[float]:
        """Seconds from a first decision to the arrival of its message."""
        return [
            max(0.0, self.decisions[key][1][0].at - one.decided_at)
            for key, one, _ in self.first_decisions()
            if 1 in self.decisions.get(key, {})
        ]

    def late_verdicts(self) -> int:
        """How many verdicts a key's first decision did not count, as they came after it."""
        return sum(
            len(kept.verdicts) - len(kept.decisions[0].verdicts)
            for kept in self.kept.values()
            if kept.decisions
        )

    def effects(self) -> tuple[dict[str, int], int]:
        """Count the messages by kind, each id once, and those that repeat an id."""
        once = {one.id: one.kind for one in self.told}
        return dict(Counter(once.values())), len(self.told) - len(once)


def faults(account: Account) -> dict[str, list[Any]]:
    """Return what must not be, by the rule's name, with the keys that break it; empty where all is sound."""
    found: dict[str, list[Any]] = {
        "two decisions of a revision": _twice(account),
        "a decision that is not the table's": _not_the_tables(account),
        "a decision about what was never sent": [
            one for one in account.decisions if one not in account.opened and one not in account.by_hand
        ],
        "revisions out of line": _out_of_line(account),
        LATE: account.too_late,
        "a message that never came": _missing(account),
        "a verdict without a trace": _traceless(account),
    }
    return {name: keys for name, keys in found.items() if keys}


def _twice(account: Account) -> list[Key]:
    """Keys of which a revision was told with two contents, or under two ids."""
    return [
        key
        for key, revisions in account.decisions.items()
        if any(len(several) > 1 for several in revisions.values())
    ]


def _not_the_tables(account: Account) -> list[Key]:
    """Keys with a decision's message whose decision the table does not hold."""
    found = []
    for key, revisions in account.decisions.items():
        kept = account.kept.get(key, Kept())
        known = {one.revision: one.id for one in kept.decisions}
        if any(known.get(number) != one.decision for number, several in revisions.items() for one in several):
            found.append(key)
    return found


def _out_of_line(account: Account) -> list[Key]:
    """Keys whose decisions are not revisions 1, 2, … of which each names the one that it supersedes."""
    found = []
    for key, kept in account.kept.items():
        before = None
        for number, one in enumerate(kept.decisions, 1):
            if (one.revision, one.supersedes) != (number, before):
                found.append(key)
                break
            before = one.id
    return found


def _missing(account: Account) -> list[str]:
    """Ids of messages that decisions in the table have, and that the stream never got."""
    told = {one.id for one in account.told}
    return [
        one
        for kept in account.kept.values()
        if not kept.waits
        for one in sorted(kept.effects)
        if one not in told
    ]


def _traceless(account: Account) -> list[tuple[str, str]]:
    """Verdicts that the join has read, and that neither the table nor quarantine or the like holds."""
    kept = {verdict for one in account.kept.values() for verdict in one.verdicts}
    given_up = {*account.quarantined, *account.abandoned}
    return [
        verdict
        for verdict, records in account.verdicts.items()
        if verdict not in kept
        and not given_up.issuperset(records)
        and not any(is_unread(one, account.verdict_positions) for one in records)
    ]
