"""Each command honours TASK, MODEL_LOCATION, MODEL_SHA256, MODEL_RUNTIME and RUN_ID, or refuses them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from batch_lab import RIDE, rides, rows
from doubles import ride
from second_task import checkout, orders_model, tip_model
from small_training import Training
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from threeways import artifact, systems
from threeways.batch import scheduled
from threeways.cli.app import app
from threeways.errors import ArtifactMismatch, ArtifactUntrusted, ThreewaysError, UsageError
from threeways.ops.deploy import model as chosen
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import deploy
from threeways.systems import taxi as taxi_system

TIP = {"TASK": "tip_amount"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("second task"))


@pytest.fixture(scope="module")
def tip(folder: Path) -> Path:
    return tip_model(folder / "tip")


@pytest.fixture
def tip_here(folder: Path, training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The further tasks in this process, in a folder with a registered model."""
    taxi = folder / "threeways" / "systems" / "taxi"
    monkeypatch.setattr(systems, "__path__", [str(taxi.parent)])
    monkeypatch.setattr(taxi_system, "__path__", [str(taxi)])
    monkeypatch.chdir(training.folder.parent)


def invoked(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, arguments, env=environment)


def refused(*arguments: str, **environment: str) -> str:
    done = invoked(*arguments, **environment)
    assert isinstance(done.exception, ThreewaysError), done.output
    return str(done.exception)


def process(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_run_serves_the_task_and_model_that_are_named_and_says_so(folder: Path, tip: Path) -> None:
    running = process(folder, "run", "--n", "200", MODEL_LOCATION=str(tip), RUN_ID="tips-1", **TIP)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert f"Model: {tip} (run tips-1), task tip_amount, served by sklearn" in said
    assert "A few of the predictions, in USD" in said
    assert re.search(r"RMSE 100\d\.\d+ USD over the 199 events that training keeps", said)
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["predicted"], ledger["quarantined"], ledger["lost"]) == (199, 1, 0)
    assert (ledger["model_version"], ledger["rmse_rides"]) == ("tips-1", 199)


def test_run_sends_events_of_a_task_that_knows_no_ride_from_a_file_and_judges_them_by_a_column(
    folder: Path,
) -> None:
    file = folder / "orders.csv"
    rows = "\n".join(f"A{n:03},{n / 10},{n / 5}" for n in range(300))
    file.write_text(f"number,weight,took\n{rows}\nA300,heavy,1\n")
    given = {"TASK": "orders", "MODEL_LOCATION": str(orders_model(folder / "orders model"))}
    asked = ("--events", str(file), "--actual", "took", "--id", "number", "--n", "0", "--poison", "0.1")
    running = process(folder, "run", *asked, **given)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert "Events: 300 of" in said
    assert (
        "1 of its rows stay out, for they are no valid event (the first: Expected `float`, got `str`" in said
    )
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["sent"], ledger["predicted"], ledger["quarantined"]) == (300, 270, 30)
    assert ledger["rmse"] < 1e-9
    assert "over the 270 events whose truth is known" in said
    assert "weight" in said
    assert not re.search("ride|zone|minute", said.lower())


def test_web_serves_the_task_and_model_that_are_named(folder: Path, tip: Path) -> None:
    running = process(folder, "web", "--port", "0", MODEL_LOCATION=str(tip), **TIP)
    assert running.stdout is not None
    try:
        said, found = "", None
        for line in running.stdout:
            said += line
            if found := re.search(r"serving on (http://127\.0\.0\.1:\d+)", line):
                break
        assert f"Model: {tip}" in said
        assert "task tip_amount" in said
        assert found
        with httpx.Client(base_url=found[1], trust_env=False, timeout=30) as client:
            answer = client.post(
                "/predict", content=ride(), headers={"Content-Type": "application/json"}
            ).json()
            assert answer["prediction"]["tip_amount"] > 1000
            assert client.get("/model").json()["task"] == "tip_amount"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(
    "arguments",
    [("run", "--n", "9"), ("torture", "--n", "9"), ("web",), ("digest",), ("export",)],
    ids=lambda arguments: str(arguments[0]),
)
@pytest.mark.usefixtures("tip_here")
def test_an_artifact_of_another_task_is_refused_by_each_command(
    tip: Path, arguments: tuple[str, ...]
) -> None:
    said = refused(*arguments, MODEL_LOCATION=str(tip))
    assert "trained for the task 'tip_amount', and TASK is 'ride_duration'; set TASK=tip_amount" in said


@pytest.mark.usefixtures("tip_here")
def test_batch_refuses_an_artifact_of_another_task_until_that_is_named(tip: Path, tmp_path: Path) -> None:
    url, out = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(3)]), tmp_path / "p.db"
    given = ("batch", "--rides", url, "--predictions", f"sqlite:///{out}")
    assert "trained for the task 'tip_amount'" in refused(*given, MODEL_LOCATION=str(tip))
    with pytest.raises(OperationalError, match="no such table: ride_predictions"):
        rows(f"sqlite:///{out}")
    done = invoked(*given, MODEL_LOCATION=str(tip), **TIP)
    assert done.exit_code == 0, done.output
    assert [round(row[2]) for row in rows(f"sqlite:///{out}", "tip_amount_predictions")] == [1004] * 3


@pytest.mark.usefixtures("tip_here")
def test_the_scheduled_job_and_a_deployment_refuse_an_artifact_of_another_task(
    tip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_RIDES", rides(tmp_path / "rides.db", [(1, *RIDE)]))
    monkeypatch.setenv("BATCH_PREDICTIONS", f"sqlite:///{tmp_path / 'p.db'}")
    monkeypatch.setenv("MODEL_LOCATION", str(tip))
    with pytest.raises(ArtifactMismatch, match="trained for the task 'tip_amount'"):
        scheduled.lambda_handler({}, None)
    with pytest.raises(ArtifactMismatch, match="trained for the task 'tip_amount'"):
        chosen.check(chosen.find(str(tip), tmp_path, "ride_duration"), "ride_duration")
    assert chosen.check(chosen.find(str(tip), tmp_path, "ride_duration"), "tip_amount").runtime == "sklearn"
    monkeypatch.setenv("TASK", "tip_amount")
    assert scheduled.lambda_handler({}, None)["task"] == "tip_amount"
    nothing: Any = None
    with pytest.raises(UsageError, match=r"TASK, MODEL_LOCATION cannot be honoured: MODEL= and PARAMETERS="):
        deploy(Options(), nothing, nothing, tmp_path, None, nothing)


@pytest.mark.usefixtures("tip_here")
def test_replay_refuses_an_artifact_of_another_task(tip: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text("{}")
    said = refused("replay", "--from", str(tmp_path), MODEL_LOCATION=str(tip))
    assert "trained for the task 'tip_amount'" in said


def test_batch_scores_with_the_model_that_is_named_under_the_run_that_is_named(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url, out = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(3)]), f"sqlite:///{tmp_path / 'p.db'}"
    model = str(training.report.model.folder)
    done = invoked(
        "batch",
        "--rides",
        url,
        "--predictions",
        out,
        "--to",
        "2022-01-01",
        MODEL_LOCATION=model,
        RUN_ID="r-7",
    )
    assert done.exit_code == 0, done.output
    assert "task ride_duration" in done.output
    assert {row[4] for row in rows(out)} == {"r-7"}


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (("run",), {"TASK": "orders", "MODEL_LOCATION": "tip"}, "the artifact says that it was trained for"),
        (
            ("torture",),
            {"TASK": "astray"},
            "takes none of the events of threeways.systems.taxi.trips.producer",
        ),
        (("web",), {"TASK": "orders"}, "TASK=orders has no training and no registered model"),
        (("digest",), {"TASK": "orders"}, "has no training and no registered model"),
        (("run",), {"TASK": "nonsense"}, "is not a task here"),
        (("train",), {"TASK": "orders"}, "has no training"),
        (("plan", "--rate", "9"), {"MODEL_LOCATION": "tip"}, "MODEL_LOCATION cannot be honoured"),
        (("replay", "--from", ".", "--function", "f"), TIP, "a model and a task of its own"),
        (("run",), {"MODEL_SHA256": "0" * 64}, "is not the artifact that was pinned"),
        (("digest",), {"MODEL_SHA256": "0" * 64}, "is not the artifact that was pinned"),
        (("run",), {**TIP, "MODEL_LOCATION": "tip", "MODEL_RUNTIME": "onnx"}, "has no onnx flavour"),
        (("run",), {"RUN_ID": "another"}, "was made by the run"),
        (("digest", "tip"), {**TIP, "RUN_ID": "another"}, "was made by the run"),
        (("digest", "tip"), {**TIP, "MODEL_LOCATION": "elsewhere"}, "the same to both"),
        (("export", "tip"), {**TIP, "MODEL_RUNTIME": "sklearn"}, "unset MODEL_RUNTIME"),
        (("run",), {"MODEL_LOCATION": "models:/nobody@champion"}, "no model is registered as"),
        (("run",), {"MODEL_BUCKET": "b"}, "no model was named"),
    ],
)
@pytest.mark.usefixtures("tip_here")
def test_a_setting_that_a_command_cannot_honour_is_refused(
    tip: Path, arguments: tuple[str, ...], environment: dict[str, str], reason: str
) -> None:
    arguments = tuple(str(tip) if one == "tip" else one for one in arguments)
    given = {name: str(tip) if value == "tip" else value for name, value in environment.items()}
    assert reason in refused(*arguments, **given)


@pytest.mark.usefixtures("tip_here")
def test_plan_is_for_the_events_of_the_task_that_is_named() -> None:
    done = invoked("plan", "--rate", "1000", TASK="orders")
    assert done.exit_code == 0, done.output
    assert "with events as TASK=orders has them" in done.output
    assert "an event has 50 bytes and a prediction" in done.output
    assert "Kinesis" in done.output
    assert not re.search("ride|zone|trip|taxi", done.output.lower())


@pytest.mark.usefixtures("tip_here")
def test_digest_and_export_take_the_model_that_the_environment_names(tip: Path, tmp_path: Path) -> None:
    done = invoked("digest", MODEL_LOCATION=str(tip), **TIP)
    assert (done.exit_code, done.stdout.strip()) == (0, artifact.digest(tip))
    assert f"Model: {tip}" in done.stderr
    assert "task tip_amount" in done.stderr
    to = tmp_path / "copy"
    done = invoked("export", "--to", str(to), MODEL_LOCATION=str(tip), **TIP)
    assert done.exit_code == 0, done.output
    assert artifact.load(to).runtime == "onnx"


def test_a_pickle_that_is_named_is_loaded_only_if_it_is_pinned(
    tmp_path: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artifact_lab import logged

    monkeypatch.chdir(training.folder.parent)
    model = logged("linear", serialization_format="cloudpickle")
    done = invoked("run", "--n", "9", MODEL_LOCATION=str(model))
    assert isinstance(done.exception, ArtifactUntrusted)
    done = invoked("digest", MODEL_LOCATION=str(model))  # which tells what pins it
    assert done.stdout.strip() == artifact.digest(model)


def test_a_task_that_is_no_text_in_the_metadata_is_another_task(tip: Path) -> None:
    from threeways.artifact import mlmodel

    info = mlmodel.read(tip)
    for metadata, fits in (({"task": 5}, False), ({}, True), (None, True), ({"task": "tip_amount"}, True)):
        changed = msgspec.structs.replace(info, metadata=metadata)
        if fits:
            artifact.check_task(changed, "tip_amount")
        else:
            with pytest.raises(ArtifactMismatch, match="'5'"):
                artifact.check_task(changed, "tip_amount")


@pytest.fixture(scope="module")
def long_rides(folder: Path) -> Path:
    return tip_model(folder / "long", "long_rides")


@pytest.mark.exhaustive
def test_a_run_that_quarantines_more_rides_than_tolerated_is_a_failed_one(
    folder: Path, long_rides: Path
) -> None:
    given = {"TASK": "long_rides", "MODEL_LOCATION": str(long_rides)}
    running = process(folder, "run", "--n", "200", "--poison", "0.1", **given)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 3, said
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert ledger["broken"] == 20
    assert ledger["rides_given_up"] == ledger["quarantined"] - 20 > 9
    assert f"Given up: {ledger['rides_given_up']} of 180 events" in said
    assert "more than TOLERATE=0.05" in said
