"""No schedule of up to two faults loses a record, or has one told as done that is not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from exhaustive import Counts, all_batches, explore, length
from simulated import threads_run_at_once
from world import replay


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each batch, which workers share; with --torture-replay one, for the schedule named."""
    if "batch" in metafunc.fixturenames:
        given = metafunc.config.getoption("--torture-replay")
        metafunc.parametrize("batch", ["given"] if given else all_batches())


@pytest.fixture
def longest_with_pairs(pytestconfig: pytest.Config) -> int:
    return 4 if pytestconfig.getoption("--torture-full") else 2


@pytest.mark.slow
def test_there_are_as_many_points_to_strike_at_as_there_were(longest_with_pairs: int) -> None:
    batches = all_batches(longest_with_pairs)
    with threads_run_at_once():
        counts = sum((explore(batch, run_pair=lambda schedule: None) for batch in batches), Counts())
    assert counts.pairs > {2: 10_000, 4: 250_000}[longest_with_pairs]


@pytest.mark.slow
def test_no_fault_and_no_pair_of_faults_loses_a_record(
    batch: str,
    longest_with_pairs: int,
    pytestconfig: pytest.Config,
    tell: Callable[[str], None],
    record_property: Callable[[str, object], None],
) -> None:
    given = pytestconfig.getoption("--torture-replay")
    if given:
        points = replay(given).network.points
        tell("torture: sound; " + ", ".join(f"{point.where} {point.number}" for point in points))
        return
    began = time.process_time()
    with threads_run_at_once():
        counts = explore(batch, pairs=length(batch) <= longest_with_pairs)
    record_property("torture", [counts.none, counts.single, counts.pairs, time.process_time() - began])
