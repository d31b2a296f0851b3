"""No schedule of up to two faults loses a record, or has one told as done that is not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from exhaustive import explore_all
from world import replay


@pytest.mark.slow
def test_no_fault_and_no_pair_of_faults_loses_a_record(
    pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> None:
    given = pytestconfig.getoption("--torture-replay")
    if given:
        points = replay(given).network.points
        tell("torture: sound; " + ", ".join(f"{point.where} {point.number}" for point in points))
        return
    full = pytestconfig.getoption("--torture-full")
    began = time.monotonic()
    counts = explore_all(longest=4, longest_with_pairs=4 if full else 2)
    seconds = time.monotonic() - began
    assert counts.pairs > (250_000 if full else 10_000), (
        "the runs have fewer points to strike at than they had"
    )
    tell(
        f"torture: {counts.all:,} schedules in {seconds:.0f} s, none lost a record: {counts.none:,} without a"
        f" fault, {counts.single:,} with one, {counts.pairs:,} with two; batches of 1 to 4 records over two"
        " keys (equal up to swapping them: once) and aggregated ones of two user records"
        + ("" if full else "; pairs for up to 2 records: --torture-full runs those for 3 and 4")
    )
