"""`make replay FROM=a folder`, as a user calls it: all on this machine, results beside the folder."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from doubles import kinesis_event, ride
from replay_lab import SHARD, entry, failure_document, lines
from small_training import Training
from test_pipeline_cli import alive, finished, started

from threeways.ops.replay.documents import entries_of


def ids(folder: Path) -> list[str]:
    """What is in a quarantine folder."""
    return sorted(
        one.source_event_id.removeprefix(f"{SHARD}:")
        for file in folder.rglob("*.jsonl")
        for one in entries_of(file.read_bytes())
    )


def predicted(run: Path) -> list[str]:
    """What the replays predicted, in their files beside."""
    made = [json.loads(line) for file in run.glob("replayed-*.jsonl") for line in file.open()]
    return sorted(one["source_event_id"].removeprefix(f"{SHARD}:") for one in made)


@pytest.mark.exhaustive
def test_a_run_s_quarantine_and_failures_are_replayed_and_results_lie_beside(
    training: Training, tmp_path: Path
) -> None:
    quarantine, failures = tmp_path / "quarantine", tmp_path / "failures"
    for folder in (quarantine / "2026/03/01/13", failures / "aws"):
        folder.mkdir(parents=True)
    bodies = {1: ride(1), 2: b"junk", 3: ride(3), 4: b"{}"}
    entries = [entry(f"{SHARD}:{n}", data) for n, data in bodies.items()]
    (quarantine / "2026/03/01/13" / "a.jsonl").write_bytes(lines(entries))
    document = failure_document(kinesis_event([ride(5), b"junk too"]))
    (failures / "aws" / "2026-03-01T13.15.00-uuid").write_bytes(document)
    only_named = failure_document(None)
    (failures / "message.json").write_bytes(only_named)
    folder = training.folder.parent
    status, out, err = finished(started(folder, "replay", "--from", str(quarantine)))
    assert (status, err) == (0, "")
    assert (predicted(tmp_path), ids(quarantine)) == (["1", "3"], ["2", "4"])
    assert not (quarantine / "2026").exists()
    ledger = json.loads((folder / ".local" / "last-replay.json").read_text())
    assert (ledger["read"], ledger["predicted"], ledger["quarantined"], ledger["lost"]) == (4, 2, 2, 0)
    assert out.index("no AWS account is touched") < out.index("events done")
    status, out, err = finished(started(folder, "replay", "--from", str(failures)))
    assert (status, err) == (1, ""), "a document that holds no records cannot be replayed here"
    assert "FUNCTION=name" in out
    assert (predicted(tmp_path), ids(quarantine)) == (["1", "1001", "3"], ["1002", "2", "4"])
    [left] = failures.iterdir()
    assert left.read_bytes() == only_named


@pytest.mark.exhaustive
def test_ctrl_c_keeps_everything_in_one_place_or_the_other(training: Training, tmp_path: Path) -> None:
    quarantine = tmp_path / "quarantine"
    quarantine.mkdir()
    for part in range(40):
        entries = [entry(f"{SHARD}:{part * 500 + n}", ride(n), str(n)) for n in range(500)]
        (quarantine / f"{part:02}.jsonl").write_bytes(lines(entries))
    process = started(training.folder.parent, "replay", "--from", str(quarantine))
    assert process.stdout is not None
    for line in process.stdout:
        if "events done" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    status, out, err = finished(process)
    assert (status, err) == (130, "")
    assert "replayed again" in out
    made, left = predicted(tmp_path), ids(quarantine)
    assert made
    assert left
    assert sorted(made + left) == sorted(str(n) for n in range(20_000))
    assert alive(str(training.folder.parent)) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["replay"], "--from"),
        (["replay", "--from", "nowhere"], "nowhere"),
        (["replay", "--from", "gs://bucket/prefix"], "s3://bucket/prefix"),
        (["replay", "--from", "s3://bucket/quarantine"], "--function name"),
        (["quarantine", "nowhere"], "nowhere"),
        (["quarantine", "s3://"], "s3://bucket/prefix"),
        (["quarantine"], "location"),
    ],
)
def test_bad_input_is_one_clear_message_and_status_2(
    tmp_path: Path, arguments: list[str], reason: str
) -> None:
    status, _, err = finished(started(tmp_path, *arguments))
    assert status == 2
    assert reason in err
    assert "Traceback" not in err
