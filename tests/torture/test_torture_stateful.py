"""Any batches, faults and settings of the mapping: Hypothesis looks for a history that loses a record."""

from __future__ import annotations

import itertools

import pytest
from faults import CALLS, DENIED, Fault, Point, Strikes, faults_at
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from inputs import FIRST_NUMBER, inputs_of
from simulated import threads_run_at_once
from world import World

from threeways.emulator.mapping.settings import UNLIMITED, MappingSettings
from threeways.stream import delivery

SHARDS = ("shard-0", "shard-1")
KEYS = {"shard-0": ("a", "b"), "shard-1": ("c", "d")}
CALL_SIZE = 3
"""Faults of calls, and of predictions, strike their first entries."""

mappings = st.builds(
    MappingSettings,
    batch_size=st.sampled_from([4, 3, 2, 1]),
    report_batch_item_failures=st.just(True),
    bisect=st.booleans(),
    maximum_retry_attempts=st.sampled_from([UNLIMITED, 0, 1, 3]),
    maximum_record_age=st.sampled_from([UNLIMITED, 60]),
    parallelization_factor=st.integers(1, 2),
)


@st.composite
def words(draw: st.DrawFn, keys: tuple[str, ...], *, one_key: bool) -> str:
    """A record: alone, or one in three aggregated of two or three; as `inputs` writes it."""
    users = draw(st.sampled_from([1, 1, 1, 1, 2, 3]))
    first = draw(st.sampled_from(keys))
    given = [first] + [first if one_key else draw(st.sampled_from(keys)) for _ in range(users - 1)]
    return "+".join(key + draw(st.sampled_from(["", "", "!"])) for key in given)


type Attack = tuple[Strikes, int, Fault]
"""A fault that strikes soon: where, how many calls (or invocations) ahead, and what."""


def faults_of(where: Strikes) -> st.SearchStrategy[Attack]:
    faults = faults_at(Point(where, 0, CALL_SIZE))
    fault = st.sampled_from((*faults, DENIED) if where in CALLS else faults)
    return st.tuples(st.just(where), st.sampled_from([0, 0, 0, 1, 2]), fault)


attacks = st.lists(st.sampled_from(Strikes).flatmap(faults_of), max_size=3)


class Torture(RuleBasedStateMachine):
    """A mapping with two shards, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()

    @initialize(mapping=mappings, quarantine_first=st.booleans(), entries_a_call=st.sampled_from([1, 2, 500]))
    def begin(self, mapping: MappingSettings, quarantine_first: bool, entries_a_call: int) -> None:
        self.patch.setattr(delivery, "MAX_ENTRIES", entries_a_call)
        self.schedule: dict[tuple[Strikes, int], Fault] = {}
        self.mapping = mapping
        self.world = World(self.schedule, settings=mapping, shards=SHARDS, quarantine_first=quarantine_first)
        self.ride_ids = itertools.count()
        self.numbers = dict.fromkeys(SHARDS, FIRST_NUMBER)

    @rule(data=st.data(), shard=st.integers(0, 1), count=st.integers(1, 4), faults=attacks)
    def put(self, data: st.DataObject, shard: int, count: int, faults: list[Attack]) -> None:
        """Records come, and each of the shard's lanes goes one step."""
        # AWS keeps the order of Kinesis's keys, not of user records' keys, across a shard's lanes.
        lanes, name = self.mapping.parallelization_factor, SHARDS[shard]
        batch = " ".join(data.draw(words(KEYS[name], one_key=lanes > 1)) for _ in range(count))
        self.world.put(name, inputs_of(batch, name, self.numbers[name], self.ride_ids, self.world.clock.now))
        self.numbers[name] += count
        for lane in range(lanes):
            self.step(shard * lanes + lane, faults, 1)

    @rule(lane=st.integers(0, 3), faults=attacks, steps=st.integers(1, 3))
    def step(self, lane: int, faults: list[Attack], steps: int) -> None:
        for where, ahead, fault in faults:
            self.schedule[where, self.world.network.counts[where] + ahead] = fault
        self.world.step(lane % len(self.world.lanes), steps)

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.sleep(seconds)

    @rule()
    def faults_end_and_everything_drains(self) -> None:
        self.schedule.clear()
        self.world.drain()

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def nothing_is_lost(self) -> None:
        self.world.check()
        if (self.mapping.maximum_retry_attempts, self.mapping.maximum_record_age) == (UNLIMITED, UNLIMITED):
            assert not self.world.watcher.gave_up, "a mapping without a limit gives records up"

    def teardown(self) -> None:
        try:
            if hasattr(self, "world") and not self.world.watcher.violations:
                self.faults_end_and_everything_drains()
        finally:
            self.patch.undo()


@pytest.mark.hypothesis
def test_no_history_of_faults_loses_a_record() -> None:
    with threads_run_at_once():
        run_state_machine_as_test(Torture, settings=settings(max_examples=200, stateful_step_count=25))
