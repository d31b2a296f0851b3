"""A model with a signature and no task is deployed: an event of its own goes through the stack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from deploy_lab import STACK, Lab, client
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from threeways.artifact import mlmodel
from threeways.aws.kinesis import read_all
from threeways.errors import ArtifactMismatch, UsageError
from threeways.ops.deploy import history as histories
from threeways.ops.deploy import package, smoke_test
from threeways.ops.doctor.check import examine
from threeways.ops.doctor.deployed import fetch
from threeways.scoring import tasks

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]

RNG = np.random.default_rng(7)
FRAME = pd.DataFrame(
    {"amount": RNG.lognormal(2, 1, 80), "hour": RNG.integers(0, 24, 80), "card": RNG.choice(["a", "b"], 80)}
)
LABELS = np.where(FRAME["amount"] > 8, "fraud", "ok")


def fraud(folder: Path | None, experiment: str | None = None) -> Any:
    """Save a classifier by column names into a folder, or log it in an experiment and register it."""
    columns = make_column_transformer((StandardScaler(), ["amount", "hour"]), (OneHotEncoder(), ["card"]))
    pipeline = make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS)
    options: dict[str, Any] = {
        "serialization_format": "skops",
        "skops_trusted_types": ["numpy.dtype"],
        "signature": mlflow.models.infer_signature(FRAME, pipeline.predict_proba(FRAME)),
        "input_example": FRAME.head(3),
        "pyfunc_predict_fn": "predict_proba",
        "pip_requirements": ["scikit-learn"],
        "metadata": {"id": "payment_id"},
    }
    if folder is None:
        with mlflow.start_run(experiment_id=experiment):
            return mlflow.sklearn.log_model(pipeline, name="model", registered_model_name="fraud", **options)
    mlflow.sklearn.save_model(pipeline, str(folder), **options)
    return str(folder)


@pytest.fixture
def registered(lab: Lab) -> Iterator[str]:
    """The URI of a model in the registry of this checkout."""
    local = lab.folder / "local"
    local.mkdir()
    shutil.copyfile(lab.local / "mlflow.db", local / "mlflow.db")
    lab.local = local
    mlflow.set_tracking_uri(f"sqlite:///{local / 'mlflow.db'}")
    fraud(None, mlflow.create_experiment("fraud", artifact_location=(local / "artifacts").as_uri()))
    yield "models:/fraud/1"
    mlflow.set_tracking_uri("")


def test_the_model_s_own_event_goes_through_and_its_prediction_comes_back(lab: Lab, registered: str) -> None:
    lab.deploy(model=registered)
    told = lab.variables()
    assert (told["TASK"], told["MODEL_NAME"], told["EVENT_ID"]) == ("", "fraud", "")
    assert lab.tools.targets == ["function"]
    said = " ".join(lab.said.getvalue().split())
    assert "task the events of its signature (payment_id: an event's id; amount, hour, card)" in said
    lab.consume()
    lab.deploy(model=registered, event=True)
    assert "It came through: {'label': " in lab.said.getvalue()
    [made] = map(json.loads, read_all(client("kinesis"), "ride_predictions"))
    assert made["model"] == "fraud"
    assert made["prediction"]["payment_id"].startswith("deploy-check-")
    assert made["prediction"]["probabilities"].keys() == {"fraud", "ok"}
    assert examine(fetch(STACK, client), STACK) == []  # as doctor finds it


@pytest.mark.exhaustive
def test_a_rollback_sends_the_event_that_was_recorded(lab: Lab, tmp_path: Path) -> None:
    folder = fraud(tmp_path / "model")
    lab.deploy(model=folder)
    lab.deploy(model=folder, parameters="BatchSize=50")
    lab.consume()
    lab.rollback(event=True)
    [made] = map(json.loads, read_all(client("kinesis"), "ride_predictions"))
    assert made["prediction"]["payment_id"].startswith("deploy-check-")


@pytest.mark.exhaustive
def test_a_stack_s_task_stays_until_another_is_asked_for(lab: Lab, tmp_path: Path) -> None:
    folder = fraud(tmp_path / "model")
    lab.deploy()
    steps = len(lab.tools.done)
    with pytest.raises(ArtifactMismatch, match=r"The stack's Task is ride_duration: PARAMETERS='Task='"):
        lab.deploy(model=folder)
    assert lab.tools.done[steps:] == ["require"]
    lab.deploy(model=folder, parameters="Task=")
    assert lab.variables()["TASK"] == ""
    assert "change Task: ride_duration -> none" in lab.said.getvalue()
    with pytest.raises(UsageError, match=r"no registered model is known for it: name one, MODEL="):
        lab.deploy()
    lab.deploy(parameters="Task=ride_duration")
    assert lab.variables()["TASK"] == "ride_duration"


@pytest.mark.exhaustive
def test_the_field_with_the_id_is_the_one_that_was_asked_for(lab: Lab, tmp_path: Path) -> None:
    stack = lab.deploy(model=fraud(tmp_path / "model"), parameters="EventId=order ModelName=risk")
    assert (lab.variables()["EVENT_ID"], lab.variables()["MODEL_NAME"]) == ("order", "risk")
    recorded = histories.of(stack, client("s3")).get(package.id_of(stack.template) or "")
    assert recorded
    assert recorded.example
    assert recorded.example.id == "order"


def test_an_event_whose_id_is_an_integer_gets_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"number": np.arange(20), "size": np.arange(20.0)})
    mlflow.sklearn.save_model(
        Ridge().fit(frame, frame["size"]), str(tmp_path / "model"), serialization_format="skops",
        signature=mlflow.models.infer_signature(frame, frame["size"]), input_example=frame.head(2),
        pip_requirements=["scikit-learn"], metadata={"id": "number"},
    )  # fmt: skip
    task = tasks.of_model(mlmodel.read(tmp_path / "model"), tmp_path / "model", None)
    example = smoke_test.example_of(task)
    assert example
    own_id, data = smoke_test.example(example)
    assert task.event_id(task.decode(data)) == int(own_id)
