"""Join a batch of Kinesis records: store each key's events with one write, and decide what can be decided.

A record is done when its key holds it and what the key called for is committed, or when it is quarantined.
The lowest that is not done goes into `batchItemFailures`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from threeways.aws.calls import Begun, Context, Deadline, begin, overlapped
from threeways.errors import (
    DeadlineNear,
    JoinFailed,
    KeyFull,
    PermanentError,
    RepeatedVerdict,
    TransientError,
    UndecidableEvent,
    without_frames,
)
from threeways.join.events import Events, received
from threeways.join.join import Join, Key
from threeways.join.settling import Arrival, Table, settle
from threeways.join.state import KeyState, Step, marks_of
from threeways.join.telemetry import NoTelemetry, Tally, Telemetry, reported
from threeways.join.timers import Timer, Timers
from threeways.stream.answers import batch_item_failures, require_progress
from threeways.stream.quarantine import Quarantine, set_aside
from threeways.stream.records import Batch, Record, batch_of

logger = logging.getLogger(__name__)

THREADS = 16
"""Calls to the table at once."""
KEPT_SHARE = 0.2
"""The share of an invocation's time that is reserved for timers and quarantine."""
AHEAD_SECONDS = 60.0
"""How far in the future a record may be until that is told."""


@dataclass(slots=True)
class Group:
    """A batch's events of one key. places: their positions in the batch."""

    key: Key
    places: list[int] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a group. faults: of its arrivals, by position in it. failed: `decide` raised."""

    state: KeyState | None
    steps: Sequence[Step] = ()
    faults: dict[int, PermanentError] = field(default_factory=dict)
    failed: JoinFailed | None = None


class Joiner:
    """The handler of a join's streams: of subjects and of verdicts.

    clock: seconds of Unix time. threads: calls to the table at once.
    """

    def __init__(
        self,
        join: Join[Any],
        table: Table,
        timers: Timers,
        quarantine: Quarantine,
        telemetry: Telemetry | None = None,
        *,
        clock: Callable[[], float] = time.time,
        threads: int = THREADS,
    ) -> None:
        self._join = join
        self._events = Events(join)
        self._table = table
        self._timers = timers
        self._quarantine = quarantine
        self._telemetry = telemetry or NoTelemetry()
        self._clock = clock
        self._threads = threads

    def __call__(self, event: object, context: Context | None = None) -> dict[str, Any]:
        """Return the answer to AWS: `{"batchItemFailures": [{"itemIdentifier": sequence number}]}`.

        Raises InvalidInvocation for an event that is not Kinesis's, DeadlineNear where the time did not
        suffice for the first of several records: then AWS sends the batch again, in halves.
        """
        return self.handle(batch_of(event), context)

    def handle(self, batch: Batch, context: Context | None = None) -> dict[str, Any]:
        """Handle records that are already parsed; return and raise as `__call__` does."""
        deadline = Deadline.of(context)
        kept = KEPT_SHARE * deadline.remaining()
        working = Deadline(lambda: deadline.remaining() - kept)
        tally = Tally(Counter(Events=len(batch)))
        groups, faults = self._read(batch, tally)
        tally.counts["Keys"] = len(groups)
        outcomes = overlapped(lambda group: self._settled(group, working), groups, self._threads, working)
        late = any(isinstance(outcome, DeadlineNear) for outcome in outcomes)
        unfinished: list[Record] = list(batch.later)
        timers: list[Timer] = []
        for group, outcome in zip(groups, outcomes, strict=True):
            if isinstance(outcome, Exception):
                _tell(group, outcome)
                unfinished += [batch[place] for place in group.places]
                continue
            faults.update({group.places[place]: fault for place, fault in outcome.faults.items()})
            timers += self._note(group, outcome, tally)
        aside = [(batch[place], fault) for place, fault in sorted(faults.items())]
        setting = begin(lambda: self._timers.set(timers, self._clock(), deadline), deadline)
        stored = set_aside(self._quarantine, aside, deadline)[0] if aside else 0
        unfinished += [record for record, _ in aside[stored:]]
        tally.quarantined = Counter(fault.code for _, fault in aside[:stored])
        tally.counts["Quarantined"] = stored
        tally.counts["Unfinished"] = len(unfinished)
        tally.counts["TimersFailed"] = _answer(setting, len(timers))
        reported(self._telemetry, "join", tally, context)
        if late:
            require_progress(unfinished, next(iter(batch.sequence_numbers), None), batch)
        return batch_item_failures(unfinished)

    def _read(self, batch: Batch, tally: Tally) -> tuple[list[Group], dict[int, PermanentError]]:
        """Return the batch's events by key, in order, and why other records are none."""
        now = self._clock()
        groups: dict[tuple[type, Key], Group] = {}
        faults: dict[int, PermanentError] = {}
        for place, (event_id, payload, at) in enumerate(
            zip(batch.event_ids, batch.payloads, batch.arrived_at, strict=True)
        ):
            try:
                if isinstance(payload, PermanentError):
                    raise payload
                key, arrival = self._events.read(event_id, payload, received(at, now))
            except PermanentError as fault:
                faults[place] = without_frames(fault)
                continue
            tally.counts["ClockAhead"] += at > now + AHEAD_SECONDS
            group = groups.setdefault((type(key), key), Group(key))
            group.places.append(place)
            group.arrivals.append(arrival)
        if tally.counts["ClockAhead"]:
            logger.warning(
                "%d records are from over a minute in the future, by this function's clock: their deadlines "
                "count from now", tally.counts["ClockAhead"],
            )  # fmt: skip
        return list(groups.values()), faults

    def _settled(self, group: Group, deadline: Deadline) -> Settled:
        """Store a group, and commit what its key calls for. Raises TransientError."""
        try:
            state = self._table.add(group.key, group.arrivals, deadline)
        except KeyFull as error:
            return Settled(None, faults=dict.fromkeys(range(len(group.arrivals)), without_frames(error)))
        faults = _not_kept(state, group.arrivals)
        try:
            state, steps = settle(self._join, self._table, state, self._clock, deadline)
        except JoinFailed as error:
            if state.revision:  # nothing else tries again, as the index has undecided keys
                again = UndecidableEvent(f"{error}; replay it once that is mended")
                faults = dict.fromkeys(range(len(group.arrivals)), again) | faults
            return Settled(state, (), faults, without_frames(error))
        return Settled(state, steps, faults)

    def _note(self, group: Group, settled: Settled, tally: Tally) -> list[Timer]:
        """Count what became of a group; return the timer that it calls for, if any."""
        tally.made(settled.steps)
        if settled.failed:
            tally.counts["Failed"] += 1
            logger.error("a key is not decided: %s", settled.failed)
        state = settled.state
        if state is None:
            return []
        if state.revision:
            first = marks_of(self._join, state.decisions[1])
            tally.counts["Late"] += sum(
                one.verdict is not None and (one.slot, one.verdict.id) not in first
                for place, one in enumerate(group.arrivals)
                if place not in settled.faults
            )
            return []
        opened_here = any(one.event_id == state.opened for one in group.arrivals)
        return [Timer(state.key, state.due)] if opened_here else []


def _not_kept(state: KeyState, arrivals: Sequence[Arrival]) -> dict[int, PermanentError]:
    """Return which events the key did not take, and why. One that it has already is a redelivery."""
    faults: dict[int, PermanentError] = {}
    for place, one in enumerate(arrivals):
        if one.verdict is None:
            if state.subject is None:
                faults[place] = KeyFull("its key has no room for it")
            elif state.subject != one.subject:
                faults[place] = RepeatedVerdict("its key has another subject, which counts")
            continue
        kept = state.verdicts.get(one.slot)
        if kept is None:
            faults[place] = KeyFull(f"its key has no room for another verdict of {one.verdict.source}")
        elif kept.id != one.verdict.id:
            faults[place] = RepeatedVerdict(
                f"its key has another verdict of {kept.source}, {kept.id[:64]!r}, which counts"
            )
    return faults


def _tell(group: Group, error: Exception) -> None:
    if isinstance(error, TransientError):
        level = logging.INFO if isinstance(error, DeadlineNear) else logging.ERROR
        logger.log(level, "the events of %r come again: %s", group.key, error)
    else:
        logger.error("the events of %r come again", group.key, exc_info=error)


def _answer(setting: Begun[Sequence[Timer]], timers: int) -> int:
    """Return how many timers are not set."""
    try:
        return len(setting.answer())
    except DeadlineNear:
        logger.error("%d timers may not be set: no time was left", timers)  # noqa: TRY400 - no traceback
    except Exception:
        logger.exception("%d timers are not set", timers)
    return timers
