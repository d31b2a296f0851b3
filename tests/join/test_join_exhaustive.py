"""Every order of a key's events, its deadline and the sweeper leads to one decision, the right one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import join_explorer
import msgspec
import pytest
from join_explorer import AFTER, BEFORE, Explorer, World
from join_memory_table import MemoryTable

from threeways.join.join import Decision, Effect, Join, Verdict
from threeways.join.settling import Arrival

type Scores = tuple[float, ...]


type Explored = Callable[..., None]


class Limits(NamedTuple):
    """How many handlers run at once, how many events come again, and how many handlers die."""

    most: int = 1
    again: int = 1
    deaths: int = 1


LIMITS = Limits()


class Subject(msgspec.Struct, frozen=True):
    id: int


class Score(msgspec.Struct, frozen=True):
    id: int
    score: float


def decide(verdicts: Any, expected: frozenset[str], expired: bool) -> Decision | None:
    """Remove at once by one high score; allow when all are there; review what is missing at the deadline."""
    if "person" in verdicts:
        return Decision("allow" if verdicts["person"].prediction.score < 0.5 else "remove", {"person": True})
    if any(one.prediction.score > 0.9 for one in verdicts.values()):
        return Decision("remove")
    missing = expected - verdicts.keys()
    if missing and not expired:
        return None
    return Decision("review", {"missing": sorted(missing)}) if missing else Decision("allow")


def join_of(count: int, late: Any, persons: frozenset[str] = frozenset()) -> Join[Subject]:
    names = tuple(f"c{number}" for number in range(count))
    return Join(
        name="test", subject=Subject, example=Subject(1), verdicts=dict.fromkeys((*names, *persons), Score),
        expected=frozenset(names), deadline=20.0, decide=decide, late=late, persons=persons,
        effects=lambda subject, decided: [Effect(decided.outcome, {})],
    )  # fmt: skip


def events_of(
    join: Join[Subject], scores: tuple[float, ...], persons: tuple[float, ...] = ()
) -> frozenset[Arrival]:
    arrivals = [Arrival("s:0", BEFORE, subject=b'{"id":7}')]
    for number, score in enumerate(scores):
        verdict = Verdict(f"c{number}", f"v:{number}", "1", Score(7, score), BEFORE)
        arrivals.append(Arrival(f"v:{number}", BEFORE, verdict=verdict, slot=f"c{number}"))
    for number, score in enumerate(persons):
        verdict = Verdict("person", f"p:{number}", "ann", Score(7, score), AFTER + number)
        arrivals.append(Arrival(f"p:{number}", BEFORE, verdict=verdict, slot=f"person#p:{number}"))
    return frozenset(arrivals)


def checked(join: Join[Subject], events: frozenset[Arrival]) -> Any:
    """Return the check of an end: what is decided, once for each revision, by what counted, and told."""
    given = {one.slot: one.verdict for one in events if one.verdict is not None}

    def check(world: World) -> None:
        state = world.item
        assert state is not None
        assert not world.waiting
        assert {slot: one.id for slot, one in state.verdicts.items()} == {
            slot: one.id for slot, one in given.items()
        }
        assert list(state.decisions) == list(range(1, state.revision + 1))
        for decided in state.decisions.values():
            counted = {one.source: state.verdicts[_slot(join, one)] for one in decided.verdicts}
            expired = decided.expired or decided.revision > 1
            again = decide(counted, state.expected, expired)
            assert again is not None
            assert (again.outcome, again.facts) == (decided.outcome, decided.facts)
            assert decided.missing == tuple(sorted(state.expected - counted.keys()))
        last = state.decisions[state.revision]
        newest = {
            one.source: one for one in sorted(state.verdicts.values(), key=lambda one: (one.at, one.id))
        }
        right = decide(newest, state.expected, True)
        if join.late == "revise":
            assert right is not None
            assert last.outcome == right.outcome
        else:
            assert state.revision == 1 or join.persons
        assert {revision for revision, _ in world.told} == set(state.decisions)
        assert len({told for _, told in world.told}) == len(world.told) == state.revision
        assert (state.outbox, world.due_at) == (None, None)

    return check


def _slot(join: Join[Any], one: Any) -> str:
    return f"{one.source}#{one.id}" if one.source in join.persons else one.source


LATE = ("revise", "ignore")
LOST = ("nothing", "queue", "stream")


@pytest.fixture
def explored(record_property: Callable[[str, object], None]) -> Iterator[Callable[..., None]]:
    """Give what explores all that can happen to a key with these verdicts, and checks each end."""

    def explore(
        scores: Scores, late: Any, lost: str = "nothing", persons: Scores = (), limits: Limits = LIMITS
    ) -> None:
        join = join_of(len(scores), late, frozenset({"person"} if persons else ()))
        events = events_of(join, scores, persons)
        check = checked(join, events)
        explorer = Explorer(join, check, limits.most, queue=lost != "queue", stream=lost != "stream")
        schedules = explorer.schedules(World(waiting=events, again=limits.again, crashes=limits.deaths))
        record_property("joined", (schedules, len(explorer.known)))
        assert explorer.ends
        assert not explorer.stuck()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # a schedule has as many steps
    try:
        yield explore
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("scores", [(), (0.1,), (0.95,)], ids=str)
def test_in_every_order_with_a_redelivery_and_a_death_there_is_one_decision(
    explored: Explored, scores: Scores, late: Any, lost: str
) -> None:
    explored(scores, late, lost)


@pytest.mark.parametrize("late", LATE)
def test_of_two_handlers_that_interleave_call_by_call_one_decides(explored: Explored, late: Any) -> None:
    explored((), late, limits=Limits(most=2))
    explored((0.1,), late, limits=Limits(2, 0, 0))


@pytest.mark.parametrize("late", LATE)
def test_a_person_overrules_whenever_the_verdict_comes(explored: Explored, late: Any) -> None:
    explored((0.1,), late, persons=(0.9,), limits=Limits(deaths=0))


@pytest.mark.exhaustive
@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("scores", [(0.1, 0.2), (0.1, 0.95), (0.1, 0.2, 0.95)], ids=str)
def test_with_two_and_three_verdicts_in_every_order_there_is_one_decision(
    explored: Explored, scores: Scores, late: Any, lost: str
) -> None:
    explored(scores, late, lost)


@pytest.mark.exhaustive
@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("scores", [(0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.95)], ids=str)
def test_with_four_verdicts_in_every_order_there_is_one_decision(
    explored: Explored, scores: Scores, late: Any
) -> None:
    explored(scores, late)


@pytest.mark.exhaustive
@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize(
    ("scores", "persons", "limits"),
    [
        ((0.1,), (), Limits(most=2, again=1, deaths=0)),
        ((0.1,), (), Limits(most=2, again=0, deaths=1)),
        ((0.1, 0.95), (), Limits(most=2, again=0, deaths=0)),
        ((), (0.1, 0.9), Limits(most=2, again=0, deaths=0)),
    ],
    ids=str,
)
def test_more_of_them_that_interleave_make_one_decision(
    explored: Explored, scores: Scores, persons: Scores, limits: Limits, late: Any
) -> None:
    explored(scores, late, persons=persons, limits=limits)


class Unconditional(MemoryTable):
    """Commits whatever the key's state has become since."""

    def commit(self, state: Any, step: Any, deadline: Any) -> Any:
        return super().commit(replace(state, version=self.items[state.key].version), step, deadline)


class ReopensTheKey(MemoryTable):
    """Puts a decided key into the index again when a verdict comes late."""

    def add(self, key: Any, arrivals: Any, deadline: Any) -> Any:
        state = super().add(key, arrivals, deadline)
        self.due_at.setdefault(key, state.due)
        return state


class ForgetsTheOutbox(MemoryTable):
    """Takes the effects for put when the decision is written."""

    def commit(self, state: Any, step: Any, deadline: Any) -> Any:
        committed, after = super().commit(state, step, deadline)
        self.due_at.clear()
        self.items[after.key] = replace(after, outbox=None)
        return committed, self.items[after.key]


@pytest.mark.parametrize(
    ("table", "lost", "late"),
    [
        (Unconditional, "nothing", "ignore"),
        (ReopensTheKey, "nothing", "ignore"),
        (ForgetsTheOutbox, "stream", "revise"),
    ],
)
def test_a_table_that_keeps_less_than_it_promises_is_found(
    explored: Explored, table: Any, lost: str, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_explorer, "MemoryTable", table)
    with pytest.raises((AssertionError, KeyError)):
        explored((0.1,), late, lost, limits=Limits(2, 0, 0))
