"""What the benchmark makes of its rounds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import tell
from benchmarks.measure import Measure, cost, in_turn, rate, ratio_of, timed


def test_sides_take_turns_and_the_first_round_is_left_out() -> None:
    called: list[str] = []

    def side(name: str) -> float:
        called.append(name)
        return float(len(called))

    found = in_turn({"ours": lambda: side("ours"), "usual": lambda: side("usual")}, 2)
    assert called == ["ours", "usual"] * 3
    assert found == {"ours": [3.0, 5.0], "usual": [4.0, 6.0]}


def test_a_round_that_slows_both_sides_leaves_the_ratio_alone() -> None:
    ratio, quartiles = ratio_of([1, 10, 1, 1], [4, 40, 4, 4])
    assert ratio == pytest.approx(0.25)
    assert quartiles == pytest.approx((0.25, 0.25))


def test_what_takes_less_meets_a_goal_that_is_a_ceiling() -> None:
    found = {"ours": [1.0, 1.0], "usual": [10.0, 10.0], "floor": [0.5, 0.5]}
    one = cost("seconds", found, 0.17)
    assert (one.ours, one.usual, one.floor, one.ratio, one.met) == (1.0, 10.0, 0.5, 0.1, True)
    assert cost("seconds", found, 0.09).met is False
    assert cost("seconds", found, None).met is None


def test_who_does_more_in_the_same_time_is_faster_and_counts_are_by_side() -> None:
    found = {"ours": [2.0], "usual": [1.0], "floor": [1.0]}
    counts = {"ours": 1000, "usual": 10, "floor": 1000}
    one = rate("rides a second", found, counts, 60.0)
    assert (one.ours, one.usual, one.floor, one.ratio, one.met) == (500, 10, 1000, 50, False)
    assert rate("rides a second", found, counts, 0.5, against="floor").met is True


def test_a_timed_side_takes_as_long_as_its_work() -> None:
    import time

    assert timed(lambda: time.sleep(0.02))() >= 0.02


def test_the_table_and_the_file_tell_the_same_and_growth_stays(tmp_path: Path) -> None:
    rows = [
        Measure("start, seconds", 0.5, 4.0, 0.2, 0.125, (0.12, 0.13), 0.17, at_most=True),
        Measure("rides a second", 40_000, None, 50_000, 0.8, (0.7, 0.9), 0.9, against="floor"),
    ]
    file, said = tmp_path / "bench.json", io.StringIO()
    file.write_text('{"growth": [1]}')
    tell.write(file, rows, Console(file=said), stages={})
    written = json.loads(file.read_text())
    assert [(row["name"], row["met"]) for row in written["measures"]] == [
        ("start, seconds", True),
        ("rides a second", False),
    ]
    assert written["growth"] == [1]
    assert written["machine"]["cores"] >= 1
    assert written["versions"]["numpy"]
    Console(file=said, width=150).print(tell.table(rows, "title"))
    for words in ("0.125 (0.12 - 0.13)", "<= 0.17: met", "40,000", "0.8 of floor", ">= 0.9: MISSED"):
        assert words in said.getvalue()
