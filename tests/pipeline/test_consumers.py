"""`make run CONSUMERS=`: consumers of one input stream, each with a function and an account of its own."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import typer
from consumers_lab import tip_model
from rich.console import Console
from small_training import Training
from test_pipeline_console import VIEW, result

from threeways.cli.event_options import end_all
from threeways.errors import ArtifactMismatch, SettingsError, UsageError
from threeways.local_run import consumers, consumers_console
from threeways.local_run.pauses import Pause
from threeways.local_run.pipeline import Options
from threeways.local_run.result import ledger_of
from threeways.settings import Settings
from threeways.training.registry import RegisteredModel

type Find = Callable[[Settings], RegisteredModel]


@pytest.fixture
def find(training: Training, tmp_path: Path) -> Find:
    """The registered model of each task."""
    duration = training.report.model
    models = {"ride_duration": duration, "ride_tip": tip_model(duration, tmp_path / "tip")}
    return lambda settings: models[settings.task or ""]


def test_each_consumer_accounts_for_every_event_by_itself(find: Find, tmp_path: Path) -> None:
    said = io.StringIO()
    named = consumers.named("ride_duration ride_tip", Settings(), "ride_tip")
    options = Options(n=600, poison=0.05, shards=2)
    console, pauses = Console(file=said, width=120), [Pause("ride_tip", 0, 1)]
    ledgers, refused = consumers.run(options, named, find, console, tmp_path, pauses)
    assert refused == {}
    assert said.getvalue().index("ride_tip is paused") < said.getvalue().index("ride_tip goes on")
    for name, ledger in ledgers.items():
        assert (ledger.task, ledger.sent, ledger.predicted, ledger.quarantined) == (name, 600, 570, 30)
        assert (ledger.lost, ledger.pending, ledger.abandoned, ledger.duplicates) == (0, 0, 0, 0)
        [folder] = (tmp_path / "runs").glob(f"*/{name}")
        lines = [line for file in (folder / "quarantine").rglob("*.jsonl") for line in file.open()]
        assert len(lines) == 30
        assert (folder / "function.log").stat().st_size
    duration, tip = ledgers.values()
    assert duration.rmse_rides > tip.rmse_rides > 0  # each is judged by its own truth: card rides alone
    written = json.loads((tmp_path / "last-run.json").read_text())
    assert written["task"] == "ride_duration"
    assert written["consumers"] == {name: msgspec.to_builtins(one) for name, one in ledgers.items()}
    end_all(ledgers, refused, 0.05)
    assert "consumer ride_tip ─" in said.getvalue()
    up = [line for line in said.getvalue().splitlines() if line.startswith("Up: ")]
    assert [line.endswith("enhanced fan-out") for line in up] == [False, True]


@pytest.mark.exhaustive
def test_a_consumer_whose_model_is_refused_leaves_the_others_running_and_the_status_says_so(
    find: Find, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    model = find(Settings(task="ride_duration"))
    shutil.copytree(model.folder, broken)
    (broken / "model.onnx").write_bytes(b"no model")

    def found(settings: Settings) -> RegisteredModel:
        return replace(model, folder=broken) if settings.task == "ride_duration" else find(settings)

    said = io.StringIO()
    named = consumers.named("ride_duration,ride_tip", Settings())
    ledgers, refused = consumers.run(Options(n=100), named, found, Console(file=said, width=200), tmp_path)
    assert (set(ledgers), set(refused)) == ({"ride_tip"}, {"ride_duration"})
    assert (ledgers["ride_tip"].sent, ledgers["ride_tip"].lost) == (100, 0)
    assert (
        "consumer ride_duration cannot start, the others can: the function does not start" in said.getvalue()
    )
    written = json.loads((tmp_path / "last-run.json").read_text())
    assert (written["task"], written["sent"]) == ("ride_tip", 100)
    assert "model.onnx" in written["consumers"]["ride_duration"]["refused"]
    with pytest.raises(typer.Exit) as ended:
        end_all(ledgers, refused, 0.05)
    assert ended.value.exit_code == 2


def test_where_every_model_is_refused_nothing_runs(tmp_path: Path) -> None:
    def none(settings: Settings) -> RegisteredModel:
        raise ArtifactMismatch(f"no model of {settings.task}")

    named = consumers.named("ride_duration ride_tip", Settings())
    with pytest.raises(ArtifactMismatch, match="no model of ride_duration"):
        consumers.run(Options(n=10), named, none, Console(file=io.StringIO()), tmp_path)
    assert not (tmp_path / "last-run.json").exists()


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "ride_duration ride_tips",
            Settings(),
            r"CONSUMERS='ride_duration ride_tips': .* not a",
        ),
        ("ride_tip, ride_tip", Settings(), "names ride_tip twice: a consumer's name is its task's"),
        ("ride_tip threeways.systems.taxi.tip", Settings(), "names ride_tip twice"),
        ("ride_tip", Settings(task="ride_duration"), "TASK= and CONSUMERS= both name tasks"),
        ("ride_tip ride_duration", Settings(model_location="x"), "MODEL_LOCATION is of one model"),
        ("ride_tip ride_duration", Settings(run_id="r", event_id="e"), "RUN_ID, EVENT_ID is of one model"),
    ],
)
def test_consumers_that_cannot_be_are_refused_in_one_line(
    text: str, settings: Settings, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        consumers.named(text, settings)
    assert "\n" not in str(refused.value)


def test_fan_out_names_some_of_the_consumers_and_twenty_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    both = "ride_duration ride_tip"
    found = consumers.named(both, Settings(), "ride_tip")
    assert {one.name: one.fan_out for one in found} == {"ride_duration": False, "ride_tip": True}
    with pytest.raises(UsageError, match="FAN_OUT='ride' names ride, which is not among CONSUMERS: ride_dur"):
        consumers.named(both, Settings(), "ride")
    with pytest.raises(UsageError, match="FAN_OUT='ride_tip ride_tip' names ride_tip twice"):
        consumers.named(both, Settings(), "ride_tip ride_tip")
    with pytest.raises(UsageError, match="CONSUMERS: there are none"):
        consumers.named("", Settings(task="ride_tip"), "ride_tip")
    monkeypatch.setattr(consumers, "MOST_CONSUMERS", 1)
    with pytest.raises(UsageError, match="FAN_OUT names 2 consumers; a stream has 1 with enhanced fan-out"):
        consumers.named(both, Settings(), both)


def test_one_consumer_may_have_a_model_of_its_own() -> None:
    [one] = consumers.named(" ride_tip ", Settings(model_location="x"))
    assert (one.name, one.settings) == ("ride_tip", Settings(model_location="x", task="ride_tip"))


def test_the_worst_of_the_consumers_is_the_exit_status(tmp_path: Path) -> None:
    good = ledger_of(result(tmp_path))
    lost = msgspec.structs.replace(good, lost=1)
    stopped = msgspec.structs.replace(good, interrupted=True)
    refused = {"c": SettingsError("no")}
    for ledgers, more, status in (
        ([good, lost], refused, 1),
        ([stopped, good], refused, 130),
        ([good, good], refused, 2),
        ([msgspec.structs.replace(good, rides_given_up=0), good], {}, 3),
    ):
        with pytest.raises(typer.Exit) as ended:
            end_all(dict(zip("ab", ledgers, strict=True)), more, 0.05)
        assert ended.value.exit_code == status


def test_the_live_view_has_a_row_a_consumer_and_cuts_no_number() -> None:
    views = {"ride_duration": VIEW, "ride_tip": replace(VIEW, back=12_345)}
    for width in (50, 100):
        out = io.StringIO()
        Console(file=out, width=width).print(consumers_console.rows(views, width))
        said = out.getvalue()
        assert "…" not in said
        assert "18,765" in said
        assert "12,345" in said
    out = io.StringIO()
    with consumers_console.consumers_screen(Console(file=out, width=200)) as show:
        show(views)
    assert [re.findall(r"  (ride_\w+): ", line)[0] for line in out.getvalue().splitlines()] == list(views)
