"""Every batch ends, however slow its model, however many of its rows `predict` raises on."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from math import ceil, inf, log2

import numpy as np
import pytest
from inputs import ARRIVED, alone
from numpy.typing import NDArray
from simulated import threads_run_at_once
from world import SHARDS, World

from threeways.aws.calls import MARGIN_SECONDS
from threeways.scoring.isolation import Pace, isolate
from threeways.stream.handler import KEPT_SHARE
from threeways.stream.retries import SHORT_SECONDS

TIMEOUT = 3.0
SCORING = (1 - KEPT_SHARE) * (TIMEOUT - MARGIN_SECONDS)
ROWS = 50
STEPS = 1_000
"""More than it takes to be older than `SHORT_SECONDS`, trying once a second."""


def ended(
    batch: str, costs: tuple[float, float], error: type[Exception] = ValueError, put: float = 0.01
) -> World:
    """The world in which a batch was put on a shard, when everything has come to its end."""
    with threads_run_at_once():
        world = World({}, timeout=TIMEOUT, costs=(*costs, error))
        world.network.call_seconds = put
        world.put(SHARDS[0], alone(batch, SHARDS[0]))
        world.drain(STEPS)
    return world


def rides(raising: set[int], count: int = ROWS, between: str = " ") -> str:
    return between.join(f"k{row}{'?' if row in raising else ''}" for row in range(count))


def layouts(count: int) -> list[set[int]]:
    """So many raising rows in front, at the end, and anywhere."""
    anywhere = random.Random(count).sample(range(ROWS), count)
    return [set(range(count)), set(range(ROWS - count, ROWS)), set(anywhere)]


@pytest.mark.parametrize("raising", [0, 1, 2, 5, 15, 35, 50])
@pytest.mark.parametrize(
    "costs",
    [(0, 0.001), (0.05, 0), (0, 0.01), (0.02, 0.02), (0, 0.04), (0, 0.1), (0, 0.3), (0.4, 0.4)],
    ids=str,
)
def test_every_batch_ends_in_a_bounded_number_of_invocations(
    costs: tuple[float, float], raising: int
) -> None:
    call, row = costs
    work = (ROWS + raising * (2 * ceil(log2(ROWS)) + 2)) * (call + row)
    for places in layouts(raising):
        world = ended(rides(places), costs)
        assert not world.watcher.gave_up
        assert world.invocations <= min(ROWS + 2 * ceil(log2(ROWS)), 2 + 3 * ceil(work / SCORING)), places


def test_one_ride_that_raises_costs_a_slow_batch_four_invocations_and_not_its_six_hours() -> None:
    world = ended(rides({25}), (0, 0.04))
    assert (world.invocations, world.watcher.gave_up) == (4, False)


@pytest.mark.parametrize("costs", [(0, 0.04), (0, 0.3), (0.4, 0.4)], ids=str)
@pytest.mark.parametrize("raising", [0, 1, 15, 50])
def test_an_aggregated_record_ends_too_and_what_it_has_no_time_for_is_quarantined(
    costs: tuple[float, float], raising: int
) -> None:
    for places in layouts(raising):
        world = ended(rides(places, between="+") + " k0 k1", costs)
        assert not world.watcher.gave_up
        assert world.invocations <= 8


@pytest.mark.parametrize("error", [MemoryError, OSError])
def test_a_record_that_always_lacks_memory_holds_its_shard_up_for_a_bounded_time(
    error: type[Exception],
) -> None:
    world = ended("a b? c a", (0, 0.001), error)
    assert not world.watcher.gave_up
    assert SHORT_SECONDS < world.clock.now - ARRIVED < SHORT_SECONDS + 60


def calls(count: int, raising: set[int]) -> int:
    """How often `predict` is called until the rows that it raises on are found, with the first call."""
    made = 1

    def call(rows: Sequence[int]) -> NDArray[np.float64]:
        nonlocal made
        made += 1
        if not raising.isdisjoint(rows):
            raise ValueError
        return np.zeros(len(rows))

    rows = range(count)
    found = isolate(call, rows, Pace(), lambda: inf, lambda: None, failed=True) if raising else {}
    assert {row for row, value in found.items() if isinstance(value, ValueError)} == raising
    return made


def most_calls(count: int, raising: int) -> int:
    """As `threeways.scoring.isolation` promises, with the first call."""
    halvings = ceil(log2(count))
    return 1 + min(raising * (2 * halvings + 2) + halvings + 1, 2 * count + halvings)


def test_the_calls_of_predict_are_bounded_for_all_small_batches() -> None:
    for count in range(1, 11):
        for raising in range(count + 1):
            for places in itertools.combinations(range(count), raising):
                assert calls(count, set(places)) <= most_calls(count, raising), places


@pytest.mark.parametrize("count", [100, 500, 1000])
@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.3, 0.5, 1])
def test_the_calls_of_predict_are_bounded_for_large_batches(count: int, share: float) -> None:
    raising = max(1, round(share * count))
    some = random.Random(count).sample(range(count), raising)
    for places in (set(range(raising)), set(range(count - raising, count)), set(some)):
        assert calls(count, places) <= most_calls(count, raising)
    assert calls(count, set(some)) <= 1.35 * count
