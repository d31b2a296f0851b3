"""What a command cannot honour of TASK, MODEL_LOCATION and MODEL_SHA256 is refused by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batch_lab import RIDE, rides, rows
from model_settings_lab import TIP, folder, invoked, refused, tip, tip_here
from small_training import Training
from sqlalchemy.exc import OperationalError

from threeways import artifact
from threeways.batch import scheduled
from threeways.errors import ArtifactMismatch, ArtifactMissing, ArtifactUntrusted, UsageError
from threeways.ops.deploy import model as chosen
from threeways.ops.deploy.changes import Options
from threeways.ops.deploy.deploy import deploy
from threeways.settings import Settings
from threeways.training.registry import newest_of

__all__ = ["folder", "tip", "tip_here"]  # a fixture is found where it is imported


@pytest.mark.parametrize(
    "arguments",
    [("run", "--n", "9"), ("torture", "--n", "9"), ("web",), ("digest",), ("export",)],
    ids=lambda arguments: str(arguments[0]),
)
@pytest.mark.usefixtures("tip_here")
def test_an_artifact_of_another_task_is_refused_by_each_command(
    tip: Path, arguments: tuple[str, ...]
) -> None:
    said = refused(*arguments, MODEL_LOCATION=str(tip), TASK="ride_duration")
    assert "trained for the task 'tip_amount', and TASK is 'ride_duration'; set TASK=tip_amount" in said


@pytest.mark.usefixtures("tip_here")
def test_batch_refuses_an_artifact_of_another_task_until_that_is_named(tip: Path, tmp_path: Path) -> None:
    url, out = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(3)]), tmp_path / "p.db"
    given = ("batch", "--rides", url, "--predictions", f"sqlite:///{out}")
    assert "trained for the task 'tip_amount'" in refused(
        *given, MODEL_LOCATION=str(tip), TASK="ride_duration"
    )
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
    monkeypatch.setenv("TASK", "ride_duration")
    with pytest.raises(ArtifactMismatch, match="trained for the task 'tip_amount'"):
        scheduled.lambda_handler({}, None)
    with pytest.raises(ArtifactMismatch, match="trained for the task 'tip_amount'"):
        chosen.check(chosen.find(str(tip), tmp_path, "ride_duration"), Settings(task="ride_duration"))
    assert (
        chosen.check(chosen.find(str(tip), tmp_path, "ride_duration"), Settings(task="tip_amount")).runtime
        == "sklearn"
    )
    monkeypatch.setenv("TASK", "tip_amount")
    assert scheduled.lambda_handler({}, None)["task"] == "tip_amount"
    nothing: Any = None
    with pytest.raises(UsageError, match=r"MODEL_LOCATION cannot be honoured: MODEL=, SHA256="):
        deploy(Options(), nothing, nothing, tmp_path, None, nothing)


@pytest.mark.usefixtures("tip_here")
def test_replay_refuses_an_artifact_of_another_task(tip: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text("{}")
    said = refused("replay", "--from", str(tmp_path), MODEL_LOCATION=str(tip), TASK="ride_duration")
    assert "trained for the task 'tip_amount'" in said


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
        (("plan", "--rate", "9"), {"MODEL_SHA256": "0" * 64}, "MODEL_SHA256 cannot be honoured"),
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


@pytest.fixture
def files_gone(training: Training, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout whose registered model has no files."""
    monkeypatch.chdir(training.folder.parent)
    artifacts = training.folder / "mlartifacts"
    gone = artifacts.rename(training.folder / "gone")
    yield training.folder
    gone.rename(artifacts)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--n", "9"),
        ("web",),
        ("batch",),
        ("torture", "--n", "9"),
        ("digest",),
        ("export",),
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_registered_model_whose_files_are_gone_stops_a_command_and_is_not_replaced(
    files_gone: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    if arguments == ("batch",):
        url = rides(tmp_path / "rides.db", [(1, *RIDE)])
        arguments = ("batch", "--rides", url, "--predictions", f"sqlite:///{tmp_path / 'p.db'}")
    said = refused(*arguments)
    assert said.startswith("models:/ride-duration/1 is registered, and its files are gone: no model is in ")
    assert "restore them there, or train a new one" in said
    assert said.endswith(": make train TASK=ride_duration registers it as champion")
    assert newest_of("ride-duration", files_gone) == "1"


def test_a_deployment_refuses_a_registered_model_whose_files_are_gone(files_gone: Path) -> None:
    with pytest.raises(ArtifactMissing, match="restore them there, or train a new one"):
        chosen.find(None, files_gone, None)


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
