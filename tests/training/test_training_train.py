"""A whole training: what it logs, registers, tells and writes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml
from rich.console import Console
from small_training import Training

from threeways.artifact import interval, mlmodel
from threeways.bootstrap import service_of
from threeways.errors import ArtifactMissing, DataError
from threeways.scoring.outcomes import Scored
from threeways.settings import Settings
from threeways.systems.taxi.rides import COLUMNS, features_of
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import read
from threeways.systems.taxi.trips.rides import columns_of
from threeways.training.registry import ALIAS, champion_of, newest_of, resolve
from threeways.training.tracking import connect, store_of
from threeways.training.train import resolve_or_train, train


def test_the_registered_model_repeats_the_printed_rmse_on_the_rides_that_training_kept(
    training: Training,
) -> None:
    connect(store_of(training.folder))
    served = mlflow.pyfunc.load_model(champion_of("ride_duration"))
    frame = read(training.validation).frame
    cleaning = clean(frame)
    predicted = served.predict(features_of(columns_of(frame[cleaning.valid])))
    kept = cleaning.kept[cleaning.valid]
    off = predicted[kept] - cleaning.target[cleaning.kept]
    assert abs(np.sqrt(np.mean(off**2)) - training.report.rmse) < 1e-9
    assert f"{training.report.rmse:.3f}" in training.said
    assert f"{training.report.baseline_rmse:.3f}" in training.said


def test_last_train_json_has_its_figures_and_nothing_else(training: Training) -> None:
    figures = json.loads((training.folder / "last-train.json").read_text())
    assert list(figures) == [
        "rmse",
        "mae",
        "baseline_rmse",
        "coverage_80",
        "mean_width",
        "rows_train",
        "rows_validation",
        "seconds",
        "model_uri",
    ]
    assert figures["rmse"] == training.report.rmse
    assert figures["model_uri"] == training.report.model.uri == "models:/ride-duration/1"
    assert not list(training.folder.glob("*.new"))
    assert 0.7 < figures["coverage_80"] < 0.9
    assert 0 < figures["mean_width"] < 30


def test_the_artifact_has_the_table_of_intervals_and_both_runtimes_serve_the_same(training: Training) -> None:
    folder = training.report.model.folder
    table = interval.of(mlmodel.read(folder))
    assert table is not None
    assert (table.coverage, table.least) == (0.8, 0.0)
    payload = b'{"ride_id": 1, "ride": {"PULocationID": 130, "DOLocationID": 205, "trip_distance": 3.66}}'
    made = []
    for runtime in ("onnx", "sklearn"):
        service = service_of(folder, Settings(model_runtime=runtime))
        [scored] = service.score([payload], [datetime(2021, 2, 1, tzinfo=UTC)])
        assert isinstance(scored, Scored)
        made.append(service.prediction(scored).prediction)
    low, high = made[0]["interval"]
    assert 0 <= low <= made[0]["ride_duration"] <= high
    assert made[0] == made[1]


def test_the_run_has_parameters_digests_metrics_on_both_sets_and_plots(training: Training) -> None:
    client = connect(store_of(training.folder))
    run = client.get_run(training.report.model.run_id)
    (source,) = read(training.data).sources
    assert run.info.status == "FINISHED"
    assert run.data.params["train_sha256"] == source.sha256
    assert run.data.params["max_iter"] == "300"
    assert run.data.metrics["validation_rmse"] == training.report.rmse
    assert run.data.metrics["baseline_validation_rmse"] == training.report.baseline_rmse
    assert {"train_rmse", "train_mae", "validation_mae", "baseline_train_rmse"} <= set(run.data.metrics)
    assert run.inputs is not None
    digests = {entry.dataset.digest for entry in run.inputs.dataset_inputs}
    assert source.sha256[:36] in digests
    plots = [file.path for file in client.list_artifacts(run.info.run_id, "plots")]
    assert plots == [
        f"plots/{name}.png" for name in ("error_by_distance", "error_by_hour", "predicted_against_actual")
    ]
    for plot in plots:
        file = training.folder / "mlartifacts" / run.info.run_id / "artifacts" / plot
        assert file.read_bytes().startswith(b"\x89PNG")


def test_the_model_is_skops_with_signature_example_and_metadata(training: Training) -> None:
    folder = training.report.model.folder
    about: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text())
    assert about["flavors"]["sklearn"]["serialization_format"] == "skops"
    assert json.loads(about["signature"]["inputs"])[0]["tensor-spec"] == {
        "dtype": "float64",
        "shape": [-1, 6],
    }
    told = about["metadata"]
    assert (told["task"], told["features"]) == ("ride_duration", list(COLUMNS))
    assert told["metrics"]["validation_rmse"] == training.report.rmse
    used = {which: (data["name"], data["rows"]) for which, data in told["trained_on"].items()}
    assert used == {
        "training": (Path(training.data).name, training.report.rows_train),
        "validation": (Path(training.validation).name, training.report.rows_validation),
    }, "without the folders of this machine"
    assert about["run_id"] == training.report.model.run_id
    assert about["model_id"] == training.report.model.model_id
    example = json.loads((folder / about["saved_input_example_info"]["artifact_path"]).read_text())
    assert np.shape(example) == (5, 6)


def test_it_says_what_cleaning_dropped_and_nothing_of_mlflows_own(training: Training) -> None:
    assert "dropped: under 1 minute" in training.said
    assert "linear baseline" in training.said
    assert "INFO" not in training.said


def test_bad_data_leaves_no_store_behind(training: Training, tmp_path: Any) -> None:
    with pytest.raises(DataError):
        train(str(tmp_path / "none.parquet"), console=Console(file=io.StringIO()), folder=tmp_path / ".local")
    assert resolve(champion_of("ride_duration"), folder=tmp_path / ".local") is None
    assert not (tmp_path / ".local" / "mlflow.db").exists()


def test_a_registered_model_is_used_and_not_trained_again(training: Training) -> None:
    console = Console(file=io.StringIO())
    assert resolve_or_train(console=console, folder=training.folder) == training.report.model


def test_a_model_whose_files_are_gone_is_refused_and_not_replaced(training: Training) -> None:
    said = io.StringIO()
    artifacts = training.folder / "mlartifacts"
    gone = artifacts.rename(training.folder / "gone")
    try:
        with pytest.raises(ArtifactMissing) as refused:
            resolve_or_train(console=Console(file=said), folder=training.folder)
    finally:
        gone.rename(artifacts)
    assert str(refused.value) == (
        "models:/ride-duration/1 is registered, and its files are gone: no model is in "
        f"{training.report.model.folder}; restore them there, or train a new one: "
        "make train TASK=ride_duration registers it as champion"
    )
    assert said.getvalue() == ""
    assert newest_of("ride-duration", training.folder) == "1"


def test_a_registered_model_without_the_alias_is_refused_and_not_replaced(training: Training) -> None:
    client = connect(store_of(training.folder))
    client.delete_registered_model_alias("ride-duration", ALIAS)
    try:
        with pytest.raises(ArtifactMissing, match="none has the alias champion; name one") as refused:
            resolve_or_train(console=Console(file=io.StringIO()), folder=training.folder)
    finally:
        client.set_registered_model_alias("ride-duration", ALIAS, "1")
    assert "(MODEL_LOCATION=models:/ride-duration/1)" in str(refused.value)
    assert newest_of("ride-duration", training.folder) == "1"


def test_a_model_that_was_never_registered_has_no_newest_version(training: Training, tmp_path: Path) -> None:
    assert newest_of("none", training.folder) is None
    assert newest_of("none", tmp_path / ".local") is None
    assert not (tmp_path / ".local").exists()
