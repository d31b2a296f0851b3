"""Bring a key to where its state calls for nothing more: the one way in which decisions are made.

Joiner, deadline and sweeper all call `settle`; the table's conditional write lets one of them win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from threeways.aws.calls import Deadline
from threeways.errors import DeadlineNear
from threeways.join.join import Join, Key, Verdict
from threeways.join.state import KeyState, Step, Unmatched, next_step


class Arrival(NamedTuple):
    """One event of a key as it was read. event_id: the stream record's. at: when the stream received it.

    subject: its JSON, or verdict: one of both is None. slot: the verdict's.
    """

    event_id: str
    at: float
    subject: bytes | None = None
    verdict: Verdict[Any] | None = None
    slot: str = ""


class Table(Protocol):
    """Where keys are kept. Each write is conditional and atomic. All raise TransientError."""

    def add(self, key: Key, arrivals: Sequence[Arrival], deadline: Deadline) -> KeyState:
        """Add a batch's events of one key in one write; open the key if it is new. Return the state after it.

        The first of a slot is kept. What is not in the state had no room. Raises KeyFull where nothing is.
        """

    def commit(self, state: KeyState, step: Step, deadline: Deadline) -> tuple[bool, KeyState]:
        """Write a step if the key still is in this state. Return whether it was, and the state after that."""

    def load(self, key: Key, deadline: Deadline) -> KeyState | None:
        """Read a key consistently."""

    def published(self, state: KeyState, deadline: Deadline) -> None:
        """Note that the effects up to the state's revision are put, unless there is a newer revision."""

    def due(self, before: float, deadline: Deadline) -> Iterator[Key]:
        """Yield the keys that are undecided past their deadline, or whose effects wait to be put for long.

        A key may be yielded although it is decided and published since: load it.
        """


def settle(
    join: Join[Any], table: Table, state: KeyState, clock: Callable[[], float], deadline: Deadline
) -> tuple[KeyState, list[Step]]:
    """Commit what the state calls for until it calls for nothing. Return the last state and the steps.

    Raises JoinFailed, TransientError.
    """
    made: list[Step] = []
    while (step := next_step(join, state, clock())) is not None:
        if deadline.remaining() <= 0:
            raise DeadlineNear("no time is left to settle the key")
        committed, state = table.commit(state, step, deadline)
        if committed:
            made.append(step)
            if isinstance(step, Unmatched):
                break
    return state, made
