"""Every order in which a key's events, its deadline, the sweeper and the publisher can strike the table.

A handler runs until its next call to the table, the queue or the output stream; there another one may go on,
or the process may die before or after the call, so that its event comes again. Worlds that were reached
before are not entered twice, and the schedules that lead through them are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from join_memory_table import MemoryTable

from threeways.aws.calls import Deadline
from threeways.join.join import Decided, Join, Key
from threeways.join.settling import Arrival, settle
from threeways.join.state import KeyState

KEY: Key = 7
MINUTES = 120.0
"""The sweeper comes again and again: the index is asked as of some minutes later."""
AMPLE = Deadline(lambda: 60.0)
BEFORE, AFTER = 10.0, 40.0
"""The time before and after the deadline."""


class Suspended(Exception):
    """A handler's next call: what it is, and with what."""

    def __init__(self, call: str, *given: Any) -> None:
        self.call, self.given = call, given


class Handler(NamedTuple):
    """One invocation under way. kind: of its event. event: what it is about. answers: to its calls so far.

    identity: what tells it from others: the same in plain values.
    """

    kind: str
    event: Any
    answers: tuple[Any, ...] = ()
    identity: tuple[Any, ...] = ()

    @classmethod
    def of(cls, kind: str, event: Any) -> Handler:
        return cls(kind, event, (), (kind, _plain(_named(event))))

    def answered(self, answer: Any) -> Handler:
        return self._replace(answers=(*self.answers, answer), identity=(*self.identity, _plain(answer)))


class Calls:
    """A table, a queue and an output that answer what was recorded, and stop a handler at a new call."""

    def __init__(self, answers: tuple[Any, ...], time: float) -> None:
        self._answers = iter(answers)
        self._time = time

    def _called(self, call: str, *given: Any) -> Any:
        for answer in self._answers:
            return answer
        raise Suspended(call, *given)

    def add(self, key: Key, arrivals: Any, deadline: Deadline) -> Any:
        return self._called("add", key, tuple(arrivals))

    def commit(self, state: KeyState, step: Any, deadline: Deadline) -> Any:
        return self._called("commit", state, step)

    def load(self, key: Key, deadline: Deadline) -> Any:
        return self._called("load", key)

    def published(self, state: KeyState, deadline: Deadline) -> Any:
        return self._called("published", state)

    def due(self, before: float, deadline: Deadline) -> Any:
        return self._called("due", before)

    def send(self) -> None:
        self._called("send")

    def put(self, state: KeyState, revisions: range) -> None:
        self._called("put", state, revisions)

    def now(self) -> float:
        return self._time


class World(NamedTuple):
    """Everything that differs between two moments.

    item, due_at: the key in the table and in its index. images: of the table's stream that no publisher is
    done with, each with the revision before it. told: the effects that were put. again, crashes: how many
    events may still come again, and handlers die. done: the events of which each call was answered.
    """

    item: KeyState | None = None
    due_at: float | None = None
    images: tuple[tuple[int, KeyState], ...] = ()
    told: frozenset[tuple[int, str]] = frozenset()
    expired: bool = False
    timer: bool = False
    waiting: frozenset[Any] = frozenset()
    handlers: tuple[Handler, ...] = ()
    again: int = 1
    crashes: int = 1
    done: frozenset[Any] = frozenset()

    def identity(self) -> Any:
        """Return plain values that tell worlds apart that go on differently."""
        return (
            _plain(self.item), self.due_at is None, tuple((was, _plain(one)) for was, one in self.images),
            self.told, self.expired, self.timer, self.again, self.crashes,
            frozenset(map(_named, self.waiting)), frozenset(map(_named, self.done)),
            tuple(sorted((one.identity for one in self.handlers), key=hash)),
        )  # fmt: skip


def _named(event: Any) -> Any:
    return event.event_id if isinstance(event, Arrival) else event


def _plain(value: Any) -> Any:
    if isinstance(value, KeyState):
        known = _PLAIN.get(id(value))
        if known is None:
            known = _PLAIN[id(value)] = (value, _plain_state(value))
        return known[1]
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value


_PLAIN: dict[int, tuple[KeyState, Any]] = {}
"""A state's id -> the state, so that the id stays its own, and what tells it apart."""


def _plain_state(state: KeyState) -> Any:
    decided = tuple((n, one.outcome, one.verdicts) for n, one in sorted(state.decisions.items()))
    verdicts = tuple(sorted((slot, one.id) for slot, one in state.verdicts.items()))
    return (state.version, state.subject, verdicts, decided, state.outbox)


def run(join: Join[Any], handler: Handler, time: float) -> Suspended | None:
    """Run a handler until its next call; None: it is done."""
    calls = Calls(handler.answers, time)
    try:
        HANDLERS[handler.kind](join, calls, handler.event)
    except Suspended as call:
        return call
    return None


def _joiner(join: Join[Any], calls: Any, arrival: Arrival) -> None:
    state = calls.add(KEY, [arrival], AMPLE)
    if state.opened == arrival.event_id:
        calls.send()
    settle(join, calls, state, calls.now, AMPLE)


def _deadline(join: Join[Any], calls: Any, _: Any) -> None:
    state = calls.load(KEY, AMPLE)
    if state is not None:
        settle(join, calls, state, calls.now, AMPLE)


def _sweeper(join: Join[Any], calls: Any, _: Any) -> None:
    for key in calls.due(calls.now() + MINUTES, AMPLE):
        state = calls.load(key, AMPLE)
        if state.outbox is None:
            state, _ = settle(join, calls, state, calls.now, AMPLE)
        if state.outbox is not None:
            _publish(calls, state)


def _publisher(join: Join[Any], calls: Any, state: KeyState) -> None:
    if state.outbox is not None:
        _publish(calls, state)


def _publish(calls: Any, state: KeyState) -> None:
    assert state.outbox is not None
    calls.put(state, range(state.outbox, state.revision + 1))
    calls.published(state, AMPLE)


HANDLERS: dict[str, Callable[[Join[Any], Any, Any], None]] = {
    "event": _joiner, "deadline": _deadline, "sweep": _sweeper, "publish": _publisher,
}  # fmt: skip


@dataclass
class Explorer:
    """Enters each world once.

    check: of an end. most: how many handlers run at once. queue, stream: whether the deadline's message and
    the table's stream come. known: a world's identity -> the schedules from it to an end. before: the same ->
    the worlds that lead to it. ends: where nothing is left to happen.
    """

    join: Join[Any]
    check: Callable[[World], None]
    most: int = 2
    queue: bool = True
    stream: bool = True
    known: dict[Any, int] = field(default_factory=dict)
    before: dict[Any, list[Any]] = field(default_factory=dict)
    ends: list[Any] = field(default_factory=list)

    def schedules(self, world: World, before: Any = None) -> int:
        """Explore all that can follow. Return the number of schedules to an end."""
        identity = world.identity()
        self.before.setdefault(identity, []).append(before)
        if identity not in self.known:
            self.known[identity] = 0
            following = [self.schedules(one, identity) for one in self.following(world)]
            if not following:
                self.ends.append(identity)
                self.check(world)
            self.known[identity] = sum(following) or 1
        return self.known[identity]

    def stuck(self) -> int:
        """Return the number of worlds from which no end can be reached."""
        reached, todo = set(), list(self.ends)
        while todo:
            identity = todo.pop()
            if identity is not None and identity not in reached:
                reached.add(identity)
                todo += self.before[identity]
        return len(self.known) - len(reached)

    def following(self, world: World) -> Iterator[World]:
        """Yield each world that one step leads to."""
        for handler in world.handlers:
            yield from self._stepped(world, handler)
        if len(world.handlers) >= self.most:
            return
        for arrival in world.waiting:
            yield self._begun(world._replace(waiting=world.waiting - {arrival}), Handler.of("event", arrival))
        if world.again:
            for arrival in world.done:
                yield self._begun(world._replace(again=world.again - 1), Handler.of("event", arrival))
        if world.expired:
            yield from self._expired(world)
        else:
            yield world._replace(expired=True)

    def _expired(self, world: World) -> Iterator[World]:
        """Yield what can begin after the deadline: its message, the sweeper, and the publisher."""
        if world.timer and self.queue:
            yield self._begun(world._replace(timer=False), Handler.of("deadline", ""))
        if world.due_at is not None and not any(one.kind == "sweep" for one in world.handlers):
            yield self._begun(world, Handler.of("sweep", ""))
        if world.images and self.stream and not any(one.kind == "publish" for one in world.handlers):
            (was, state), *_ = world.images
            if was == state.revision:
                yield world._replace(images=world.images[1:])
            else:
                yield self._begun(world, Handler.of("publish", state))

    def _begun(self, world: World, handler: Handler) -> World:
        return world._replace(handlers=(*world.handlers, handler))

    def _stepped(self, world: World, handler: Handler) -> Iterator[World]:
        """Yield the worlds after a handler's next call, and after its death before or after that."""
        rest = list(world.handlers)
        rest.remove(handler)
        without = world._replace(handlers=tuple(rest))
        call = run(self.join, handler, AFTER if world.expired else BEFORE)
        if call is None:
            yield _finished(without, handler)
            return
        after, answer = _called(self.join, without, call)
        yield after._replace(handlers=(*rest, handler.answered(answer)))
        if world.crashes:
            yield _again(without._replace(crashes=world.crashes - 1), handler)
            yield _again(after._replace(crashes=world.crashes - 1), handler)


def _finished(world: World, handler: Handler) -> World:
    if handler.kind == "event":
        return world._replace(done=world.done | {handler.event})
    if handler.kind == "publish":
        return world._replace(images=world.images[1:])
    return world


def _again(world: World, handler: Handler) -> World:
    """What is not done comes again: a record, a message; the sweeper comes by itself."""
    if handler.kind == "event":
        return world._replace(waiting=world.waiting | {handler.event})
    if handler.kind == "deadline":
        return world._replace(timer=True)
    return world


def _check_commit(join: Join[Any], world: World, step: Any) -> None:
    """Raise AssertionError for a first decision that does not count what the table had."""
    if isinstance(step, Decided) and step.revision == 1:
        assert world.item is not None
        assert {one.id for one in step.verdicts} >= _ids(join, world.item)


def _ids(join: Join[Any], state: KeyState) -> set[str]:
    return {one.id for one in state.verdicts.values() if one.source not in join.persons}


def _called(join: Join[Any], world: World, call: Suspended) -> tuple[World, Any]:
    """Carry out a call; return the world after it, and its answer."""
    if call.call == "send":
        return world._replace(timer=True), None
    if call.call == "put":
        state, revisions = call.given
        return world._replace(told=world.told | {(n, state.decisions[n].id) for n in revisions}), None
    table = MemoryTable(join)
    if world.item is not None:
        table.items[KEY] = world.item
    if world.due_at is not None:
        table.due_at[KEY] = world.due_at
    answer = getattr(table, call.call)(*call.given, AMPLE)
    if call.call == "due":
        answer = tuple(answer)
    if call.call == "commit" and answer[0]:
        _check_commit(join, world, call.given[1])
    images = tuple((before.revision if before else 0, after) for before, after in table.images)
    grown = tuple(one for one in images if one[0] != one[1].revision)
    return (
        world._replace(item=table.items.get(KEY), due_at=table.due_at.get(KEY), images=world.images + grown),
        answer,
    )
