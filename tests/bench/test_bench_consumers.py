"""`make bench-consumers`: what is compared is told as it is, and the consumers that it makes run."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from small_training import Training

from benchmarks import consumers, consumers_faults, consumers_many
from benchmarks.consumers_faults import Output, Pair
from threeways.emulator.mapping import MappingCounts

ALONE: Output = {"key-0": [b"a", b"b"], "key-1": [b"c"]}


class Told:
    """A pair of which the output beside a fault is given."""

    alone = ALONE

    def __init__(self, beside: Output) -> None:
        self._beside = beside

    def beside(self, _: Callable[..., Any]) -> tuple[Output, MappingCounts]:
        return self._beside, MappingCounts(invocations=3, failed=2)

    def ages(self, tip: Callable[..., Any] | None = None) -> list[float]:
        return [0.5, 0.1, 0.3] if tip is None else [0.75, 0.25]


@pytest.mark.parametrize(
    ("beside", "same_bytes", "same_order"),
    [
        (ALONE, True, True),
        ({"key-0": [b"b", b"a"], "key-1": [b"c"]}, True, False),
        ({"key-0": [b"a", b"b"], "key-1": [b"C"]}, False, False),
        ({"key-0": [b"a", b"b"]}, False, False),
    ],
)
def test_other_bytes_and_another_order_are_each_told(
    beside: Output, same_bytes: bool, same_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers_faults, "FAULTS", {"raising always": consumers_faults.raising})
    [row] = consumers._faults(cast("Pair", Told(beside)), 2)
    assert (row["bytes"], row["order"]) == (same_bytes, same_order)
    assert (row["alone"], row["beside"]) == ([0.3, 0.3], [0.5, 0.5])
    said = io.StringIO()
    Console(file=said, width=170).print(consumers._faults_table([row], 2))
    assert said.getvalue().count("DIFFERENT") == [same_bytes, same_order].count(False)


@pytest.mark.exhaustive
def test_each_of_a_crowd_predicts_every_ride_by_a_function_of_its_own(
    training: Training, tmp_path: Path
) -> None:
    said = Console(file=io.StringIO(), width=150)
    with consumers_many.crowd(training.report.model, 2, tmp_path) as crowd:
        for fan_out in (False, True):
            ledgers = crowd.run(2, 60, None, said, fan_out=fan_out)
            assert [(one.task, one.predicted, one.lost) for one in ledgers] == [
                ("ride_duration_0", 60, 0),
                ("ride_duration_1", 60, 0),
            ]
        logs = list(tmp_path.glob("*/runs/*/ride_duration_?/function.log"))
        assert len(logs) == 4
        assert all(log.stat().st_size for log in logs)
    assert not list(tmp_path.iterdir())
    speed = consumers_many.speed(ledgers, 1.0)
    assert 0 < speed.slowest <= speed.each <= speed.fastest < speed.together
