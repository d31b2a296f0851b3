"""What `make bench-check` lets pass and what it stops, on made-up results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import check


def figure(ratio: float | None, *, name: str = "handler", spread: float = 0.0, at_most: bool = False) -> Any:
    quartiles = [ratio * (1 - spread / 2), ratio * (1 + spread / 2)] if ratio else None
    return {"name": name, "ours": 1, "ratio": ratio, "quartiles": quartiles, "at_most": at_most, "goal": 1}


def status(tmp_path: Path, committed: list[Any], measured: list[Any]) -> int:
    files = []
    for name, content in (("committed", committed), ("measured", measured)):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"measures": content, "machine": {}, "versions": {}}))
        files += [f"--{name}", str(file)]
    return check.main(files)


def test_equal_ratios_pass_whatever_the_seconds_are(tmp_path: Path) -> None:
    slower = figure(10) | {"ours": 1000}
    assert status(tmp_path, [figure(10)], [slower]) == 0


@pytest.mark.parametrize(("at_most", "better", "bad"), [(False, 15, 8), (True, 8, 12)])
def test_worse_is_lower_for_a_speed_and_higher_for_a_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at_most: bool, better: float, bad: float
) -> None:
    committed = [figure(10, at_most=at_most)]
    assert status(tmp_path, committed, [figure(better, at_most=at_most)]) == 0
    assert status(tmp_path, committed, [figure(bad, at_most=at_most)]) == 1
    assert "handler: " in capsys.readouterr().out


def test_a_tenth_is_noise_and_more_is_not(tmp_path: Path) -> None:
    assert status(tmp_path, [figure(10)], [figure(10 / 1.09)]) == 0
    assert status(tmp_path, [figure(10)], [figure(10 / 1.11)]) == 1


def test_what_spreads_may_be_worse_by_its_spread_and_never_by_more_than_half(tmp_path: Path) -> None:
    for before, now in ((0.2, 0.0), (0.0, 0.2), (0.1, 0.1)):
        assert status(tmp_path, [figure(10, spread=before)], [figure(10 / 1.19, spread=now)]) == 0
        assert status(tmp_path, [figure(10, spread=before)], [figure(10 / 1.22, spread=now)]) == 1
    assert status(tmp_path, [figure(10, spread=1.5)], [figure(10 / 1.6, spread=1.5)]) == 1


def test_a_measure_that_is_gone_fails_and_a_new_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, [figure(10)], [figure(10), figure(1, name="new")]) == 0
    assert status(tmp_path, [figure(10), figure(1, name="old")], [figure(10)]) == 1
    assert "old: is no longer measured" in capsys.readouterr().out


def test_a_measure_without_a_ratio_is_no_matter(tmp_path: Path) -> None:
    assert status(tmp_path, [figure(None), figure(2, name="other")], [figure(2, name="other")]) == 0


@pytest.mark.parametrize("content", [None, "{", '{"measures": [{"name": "x", "ratio": -1}]}', "[]"])
def test_what_cannot_be_read_is_told_with_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = tmp_path / "bench.json"
    if content is not None:
        file.write_text(content)
    assert check.main(["--measured", str(file)]) == 2
    said = capsys.readouterr().err
    assert str(file) in said
    assert "make bench" in said


def test_the_committed_file_passes_against_itself() -> None:
    assert check.main(["--measured", str(check.COMMITTED)]) == 0
