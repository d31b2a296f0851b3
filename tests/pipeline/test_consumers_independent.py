"""One consumer of a stream has no part in what becomes of another: its output is what it is alone.

Each test breaks the consumer of tips in another way while the one of durations reads the same records, and
compares the latter with itself alone, in the same session (`benchmarks.consumers_faults`; `make
bench-consumers` prints the figures):

- Its output, of a stream that holds all rides: the same bytes, in the same order per key, in as many batches,
  none tried again, no read refused.
- Its iterator age, by its mapping's own figure at each invocation, while rides arrive. The mapping polls once
  a second, so that alone a ride's age is anything from nothing to a second, as it comes just before a read or
  just after one. That is the noise. The median beside the failing consumer may be a second more than alone,
  and no more. A consumer that waited for the other one would wait for its backoff, up to ten seconds.

A busy machine delays both, at times one of them only. So a round that is not within noise is followed by
another one, alone and beside in turn, and the medians are of all of them: load makes the test slow. A
consumer that is really held up stays older in every round, until the test's time is over.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from statistics import median

import pytest
from consumers_lab import tip_model
from rich.console import Console
from small_training import Training

from benchmarks import consumers_faults
from benchmarks.consumers_faults import RIDES, Fault, Pair, output_of
from threeways.emulator.mapping import MappingCounts, ReadLimits
from threeways.emulator.mapping.read_limits import POLLED_SECONDS

pytestmark = pytest.mark.exhaustive

AGE_SECONDS = 180.0
"""How long rounds are repeated whose ages are not within noise."""


@pytest.fixture(scope="module")
def pair(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder, duration = tmp_path_factory.mktemp("pair"), training.report.model
    tip = tip_model(duration, folder / "tip")
    with consumers_faults.pair(duration, tip, folder, Console(file=io.StringIO())) as made:
        assert sum(map(len, made.alone.values())) == RIDES
        yield made


def harmless(pair: Pair, fault: Fault) -> MappingCounts:
    """Assert that the fault changes nothing for the other one; return the failing one's counts."""
    with fault(pair) as tip:
        output, counts = pair.beside(tip)
        assert output == pair.alone
        alone, beside = list[float](), list[float]()
        end = time.monotonic() + AGE_SECONDS
        while not beside or median(beside) > median(alone) + POLLED_SECONDS:
            assert time.monotonic() < end, f"{median(beside):.2f} s old, alone {median(alone):.2f}"
            alone += pair.ages()
            beside += pair.ages(tip)
    assert counts.sent
    return counts


def test_one_that_is_poisoned_harms_no_other(pair: Pair) -> None:
    assert harmless(pair, consumers_faults.poisoned).failed


def test_one_that_always_raises_harms_no_other(pair: Pair) -> None:
    counts = harmless(pair, consumers_faults.raising)
    assert (counts.records, counts.failed) == (0, counts.invocations)


def test_one_that_is_throttled_to_nothing_harms_no_other(pair: Pair) -> None:
    counts = harmless(pair, consumers_faults.throttled)
    assert (counts.records, counts.invocations) == (0, 0)
    assert counts.throttled


def test_one_that_is_killed_in_the_middle_harms_no_other_and_loses_nothing_itself(pair: Pair) -> None:
    assert harmless(pair, consumers_faults.killed).failed
    mine = pair.mapping(pair.tip, pair.tip.function.invoke, ReadLimits())
    assert sum(map(len, output_of(pair.tip, mine).values())) == RIDES


def test_one_that_gets_another_model_while_it_runs_harms_no_other(pair: Pair) -> None:
    counts = harmless(pair, consumers_faults.redeployed)
    assert (counts.failed, counts.throttled) == (0, 0)
