"""Resolving what the registry names, and naming what is wrong with a store."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from small_training import Training

from threeways.errors import ArtifactMissing, TrackingError, UsageError
from threeways.settings import inherited_environment
from threeways.training.registry import champion_of, resolve
from threeways.training.tracking import Store, connect, experiment_id, named_faults, store_of


def test_alias_and_version_resolve_to_the_same_files(training: Training) -> None:
    by_alias, by_version = (
        resolve(uri, folder=training.folder)
        for uri in (champion_of("ride_duration"), "models:/ride-duration/1")
    )
    assert by_alias == by_version == training.report.model
    assert by_alias is not None
    assert (
        by_alias.folder == training.folder / "mlartifacts" / "models" / str(by_alias.model_id) / "artifacts"
    )
    assert (by_alias.folder / "model.skops").is_file()


@pytest.mark.parametrize(
    "uri", ["models:/none@champion", "models:/ride-duration@none", "models:/ride-duration/99"]
)
def test_what_is_not_registered_is_none(training: Training, uri: str) -> None:
    assert resolve(uri, folder=training.folder) is None


def test_a_folder_without_a_store_has_no_model_and_gets_no_store(tmp_path: Path) -> None:
    assert resolve(champion_of("ride_duration"), folder=tmp_path / ".local") is None
    assert not (tmp_path / ".local").exists()


@pytest.mark.parametrize(
    "uri", ["ride-duration@champion", "models:/ride-duration", "models:/@champion", "runs:/1/model"]
)
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="models:/name@alias"):
        resolve(uri)


def test_the_environments_tracking_uri_is_respected(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{training.folder / 'mlflow.db'}")
    found = resolve(champion_of("ride_duration"), folder=tmp_path)
    assert found == replace(training.report.model, trained_here=False)


def test_mlflow_leaves_no_tracking_uri_in_the_environment_for_the_next_store(
    training: Training, tmp_path: Path
) -> None:
    assert resolve(champion_of("ride_duration"), folder=training.folder) is not None
    assert "MLFLOW_TRACKING_URI" not in inherited_environment()
    assert resolve(champion_of("ride_duration"), folder=tmp_path) is None


def test_files_that_are_gone_are_said(training: Training, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    copied = shutil.copy(training.folder / "mlflow.db", tmp_path / "moved" / "mlflow.db")
    elsewhere = training.folder.rename(training.folder.with_name("elsewhere"))
    try:
        with pytest.raises(ArtifactMissing, match="train a new one"):
            resolve(champion_of("ride_duration"), folder=Path(copied).parent)
    finally:
        elsewhere.rename(training.folder)


def test_a_moved_checkout_has_its_models(training: Training) -> None:
    moved = training.folder.rename(training.folder.with_name("moved"))
    try:
        found = resolve(champion_of("ride_duration"), folder=moved)
    finally:
        moved.rename(training.folder)
    before = training.report.model
    assert found == replace(before, folder=moved / before.folder.relative_to(training.folder))
    assert found.trained_here


def test_a_moved_checkout_trains_into_its_own_folder(training: Training, tmp_path: Path) -> None:
    shutil.copy(training.folder / "mlflow.db", tmp_path / "mlflow.db")
    store = store_of(tmp_path)
    client = connect(store)
    moved = client.get_experiment(experiment_id(client, store, "ride-duration"))
    assert moved.artifact_location == str(tmp_path / "mlartifacts")
    assert experiment_id(client, store, "ride-duration") == moved.experiment_id


def test_a_damaged_store_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(TrackingError, match=r"mlflow.db.*moved aside"):
        resolve(champion_of("ride_duration"), folder=tmp_path)


def test_a_store_that_cannot_be_written_to_is_told_in_one_line_without_its_sql(
    training: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    database = training.folder / "mlflow.db"
    store = Store(f"sqlite:///file:{quote(str(database))}?mode=ro&uri=true", database)
    with pytest.raises(TrackingError, match="readonly database") as told, named_faults(store):
        connect(store).create_experiment("another")
    assert "\n" not in str(told.value)
    said = "".join(capfd.readouterr())
    assert said == ""


@pytest.mark.exhaustive
def test_a_server_that_is_not_there_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening, so that connecting is refused
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(TrackingError, match=f"{uri}.*check MLFLOW_TRACKING_URI"):
            resolve(champion_of("ride_duration"))
