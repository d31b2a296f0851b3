"""The command line, as the Makefile calls it: Ctrl-C, bad input, exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_training import Training

ROOT = Path(__file__).parents[2]


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`python -m threeways …` in a folder, as a user would start it, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def alive(pattern: str) -> list[str]:
    """The command lines of processes that hold the pattern."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if pattern.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_ctrl_c_stops_everything_and_still_prints_the_ledger(training: Training) -> None:
    folder = training.folder.parent
    process = started(folder, "run", "--n", "100000", "--rate", "400")
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(r"back [1-9]", line):
            break
    os.killpg(process.pid, signal.SIGINT)
    status, out, err = finished(process)
    assert (status, err) == (130, "")
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["lost"], ledger["interrupted"]) == (0, True)
    assert 0 < ledger["sent"] < 100_000
    assert ledger["sent"] == ledger["predicted"] + ledger["quarantined"] + ledger["pending"]
    assert "lost 0" in out
    if Path("/proc").is_dir():
        assert alive(str(folder)) == []


@pytest.mark.exhaustive
def test_two_runs_side_by_side_do_not_meet(training: Training) -> None:
    folder = training.folder.parent
    for process in [started(folder, "run", "--n", "300") for _ in range(2)]:
        status, out, err = finished(process)
        assert (status, err) == (0, "")
        assert "lost 0" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "--rides", "nowhere.parquet"], "nowhere.parquet"),
        (["run", "--events", "nowhere.parquet"], "--events"),
        (["run", "--actual", "x"], "--events"),
        (["torture", "--events", "nowhere.csv"], "nowhere.csv"),
        (["run", "--n", "many"], "--n"),
        (["run", "--poison", "2"], "--poison"),
        (["run", "--rate", "0"], "0.01"),
        (["train", "--data", "nowhere.parquet"], "nowhere.parquet"),
        (["digest", "nowhere"], "nowhere"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_clear_message_and_status_2(
    training: Training, arguments: list[str], reason: str
) -> None:
    status, _, err = finished(started(training.folder.parent, *arguments))
    assert status == 2
    assert reason in err
    assert "Traceback" not in err


def test_digest_prints_what_pins_the_model(training: Training) -> None:
    from threeways.artifact import digest

    status, out, _ = finished(started(training.folder.parent, "digest"))
    assert (status, out.strip()) == (0, digest(training.report.model.folder))
