"""`make torture`, for real and small: faults over HTTP, kills, resharding, and what is there afterwards."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from consumers_lab import tip_model
from rich.console import Console
from small_training import Training

from threeways.chaos.function import FaultyFunction
from threeways.chaos.reshard import Resharder
from threeways.chaos.schedule import parse
from threeways.chaos.torture import Options, torture, torture_consumers
from threeways.emulator.server import Emulator
from threeways.emulator.template import load
from threeways.local_run import consumers
from threeways.local_run.provision import TEMPLATE
from threeways.settings import Settings

KEYS = ("order_violations", "kills", "throttles", "partial_failures", "reshards", "duplicates_with_new_id")
# Each kind strikes though its chance is small; a kill costs a cold start.
FAULTS = "none,throttled=0.1,partial=0.2,reset=0.1,kill=0.001"


def test_nothing_is_lost_or_reordered_under_faults_kills_and_resharding(
    training: Training, tmp_path: Path
) -> None:
    said = io.StringIO()
    options = Options(plan=parse(FAULTS), n=2_000, seed=3)
    ledger = torture(options, lambda: training.report.model, Console(file=said, width=120), tmp_path)
    assert ledger.sound
    assert (ledger.sent, ledger.predicted + ledger.quarantined) == (2_000, 2_000)
    assert (ledger.lost, ledger.pending, ledger.order_violations, ledger.duplicates_with_new_id) == (0,) * 4
    assert min(ledger.kills, ledger.partial_failures, ledger.throttles, ledger.duplicates) > 0
    assert ledger.reshards >= 4
    written = json.loads((tmp_path / "torture.json").read_text())
    for key in (*KEYS, "sent", "predicted", "latency_p50_s", "rmse", "seed", "faults", "struck"):
        assert written[key] == getattr(ledger, key)
    assert "lost 0" in said.getvalue()
    assert f"make torture N=2000 SEED=3 FAULTS={FAULTS}" in said.getvalue().replace("\n", "")


@pytest.mark.exhaustive
def test_faults_of_one_consumer_strike_it_alone_and_cost_neither_an_event(
    training: Training, tmp_path: Path
) -> None:
    named = consumers.named("ride_duration ride_tip", Settings())
    faults = "none,ride_tip:throttled=0.2,ride_tip:kill=0.02"
    plan = parse(faults, [one.name for one in named])
    options = Options(plan=plan, n=1_500, seed=3, consumers="ride_duration ride_tip")
    said = io.StringIO()
    duration_model = training.report.model
    models = {"ride_duration": duration_model, "ride_tip": tip_model(duration_model, tmp_path / "tip")}
    console = Console(file=said, width=120)
    ledgers, refused = torture_consumers(
        options, named, lambda settings: models[settings.task or ""], console, tmp_path
    )
    assert refused == {}
    duration, tip = ledgers["ride_duration"], ledgers["ride_tip"]
    for ledger in (duration, tip):
        assert ledger.sound
        assert (ledger.sent, ledger.predicted + ledger.quarantined) == (1_500, 1_500)
        assert (ledger.order_violations, ledger.duplicates_with_new_id) == (0, 0)
    assert (duration.kills, duration.throttles, duration.duplicates) == (0, 0, 0)
    assert min(tip.kills, tip.throttles) > 0
    written = json.loads((tmp_path / "torture.json").read_text())
    assert written["kills"] == 0
    assert written["consumers"]["ride_tip"]["kills"] == tip.kills
    again = f"make torture N=1500 SEED=3 FAULTS={faults} CONSUMERS='ride_duration ride_tip'"
    assert said.getvalue().replace("\n", "").count(again) == 2


def shards(emulator: Emulator, stream: str) -> list[Any]:
    return list(emulator.client("kinesis").list_shards(StreamName=stream)["Shards"])


@pytest.mark.parametrize("seed", [1, 2])
def test_it_reshards_each_stream_in_turn_as_often_as_progress_says_and_never_over_the_most(
    seed: int, emulator: Emulator
) -> None:
    kinesis, streams = emulator.client("kinesis"), [f"resharded-{seed}-{number}" for number in range(2)]
    for name in streams:
        kinesis.create_stream(StreamName=name, ShardCount=2)
    done = [0]
    resharder = Resharder(kinesis, streams, seed, lambda: done[0], every=10, most=3)
    resharder.start()
    for step in range(1, 9):
        done[0] = 10 * step
        while resharder.count < step:
            assert resharder.is_alive()
        for name in streams:
            still = [
                one
                for one in shards(emulator, name)
                if "EndingSequenceNumber" not in one["SequenceNumberRange"]
            ]
            assert 1 <= len(still) <= 3
    resharder.stop()
    assert resharder.count == 8
    assert all(len(shards(emulator, name)) > 2 for name in streams)


def test_a_stream_that_is_not_there_ends_the_resharding_with_its_error(emulator: Emulator) -> None:
    resharder = Resharder(emulator.client("kinesis"), ["nowhere"], 1, lambda: 99, every=10, most=3)
    resharder.start()
    resharder.join(30)
    with pytest.raises(Exception, match="nowhere"):
        resharder.stop()


def test_a_task_that_the_function_cannot_find_is_no_fault_to_try_again(emulator: Emulator) -> None:
    config = replace(load(TEMPLATE).function, environment={"TASK": "nowhere.at_all"})
    told: list[str] = []
    with FaultyFunction(
        config, emulator.environment(), lambda _: None, parse("none").schedule(1), told.append
    ) as function:
        fault = function.warm()
    assert fault is not None
    assert fault.type == "SettingsError"
    assert told == []


@pytest.mark.exhaustive
def test_models_are_promoted_under_faults_and_no_batch_is_of_two_or_by_one_that_was_refused(
    training: Training, tmp_path: Path
) -> None:
    faults = "none,throttled=0.1,kill=0.01,model=0.03,promote=1s"
    options = Options(plan=parse(faults), n=12_000, seed=3)
    said = io.StringIO()
    ledger = torture(options, lambda: training.report.model, Console(file=said, width=120), tmp_path)
    assert ledger.sound
    assert (ledger.lost, ledger.pending, ledger.mixed_batches, ledger.by_refused) == (0,) * 4
    written = json.loads((tmp_path / "torture.json").read_text())
    assert written["swaps"] > 0
    assert written["refused"] > 0
    assert sum(written["versions"].values()) == written["predicted"]
    assert set(written["versions"]) <= {training.report.model.run_id, "first", "second"}
    assert "predictions by a refused model 0" in said.getvalue().replace("\n", " ")
