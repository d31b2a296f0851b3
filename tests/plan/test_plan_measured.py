"""Where a plan's latencies come from, and the command that tells it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from threeways.errors import UsageError
from threeways.ops.capacity import measurements

ROOT = Path(__file__).parents[2]


def result(**changes: Any) -> dict[str, Any]:
    latencies = {"batches": {"1": 0.003, "1000": 0.033}, "start_seconds": 0.5, "peak_mb": 100} | changes
    return {"measures": [], "machine": {"processor": "one", "when": "today"}, "latencies": latencies}


def test_what_was_measured_here_goes_before_what_is_committed(tmp_path: Path) -> None:
    committed = tmp_path / "committed.json"
    committed.write_text(json.dumps(result(peak_mb=200)))
    assert measurements.find(tmp_path, committed).peak_mb == 200
    assert "committed" in measurements.find(tmp_path, committed).source
    (tmp_path / "bench.json").write_text(json.dumps(result()))
    found = measurements.find(tmp_path, committed)
    assert found.peak_mb == 100
    assert "measured here (one, today)" in found.source


def test_the_line_meets_both_ends(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(result()))
    found = measurements.find(tmp_path)
    assert found.cpu_seconds(1) == pytest.approx(0.003)
    assert found.cpu_seconds(1000) == pytest.approx(0.033)


def test_noise_never_makes_per_event_free() -> None:
    fixed, per_event = measurements.line({1: 0.02, 10: 0.03, 1000: 0.01})
    assert fixed > 0
    assert per_event > 0


@pytest.mark.parametrize(
    "text", ["{", "{}", json.dumps(result(batches={"1": 1})), json.dumps(result(peak_mb=0))]
)
def test_a_file_that_is_none_is_refused_with_the_mend(tmp_path: Path, text: str) -> None:
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(UsageError, match="run `make bench` again"):
        measurements.find(tmp_path)


def test_the_committed_figures_can_be_planned_with(tmp_path: Path) -> None:
    assert measurements.find(tmp_path).per_event < 1e-3


def said(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "threeways", "plan", *arguments],
        cwd=cwd, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_plan_shows_its_sums_and_what_breaks_first(tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "bench.json").write_text(json.dumps(result()))
    done = said(tmp_path, "--rate", "1000000")
    assert done.returncode == 0, done.stderr
    for words in (
        "For 1,000,000 events a second: make deploy PARAMETERS='ShardCount=1250 BatchSize=1600",
        "1,000,000 / (1,000 x 0.8) = 1,250",
        "latencies: .local/bench.json, measured here",
        "one key: up to 99 events a second, whose predictions go one a call of 10 ms",
        "an account has 1,000 by default: ask for 1,250",
        "2 x 1,250 shards x 0.000277778 h for a million x $0.015",
        "prices of 20",
        "1,250,000 a second: the shards take 1,000 records a second each",
    ):
        assert words in done.stdout, words


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--rate 10000"),
        (("--rate", "0"), "--rate 0 is no rate"),
        (("--rate", "nan"), "--rate nan is no rate"),
        (("--rate", "many"), "Invalid value for '--rate'"),
        (("--rate", "100", "--shards", "0"), "--shards 0"),
        (("--rate", "100", "--arch", "sparc"), "x86_64 or arm64"),
    ],
)
def test_wrong_input_gets_the_usage_and_no_traceback(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = said(tmp_path, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
