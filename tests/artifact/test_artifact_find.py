"""Which artifact: what the settings and the bucket say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from artifact_lab import copy_of, edit_mlmodel, logged, upload

from threeways.artifact import fetch, find, load
from threeways.errors import ArtifactAmbiguous, ArtifactMissing, ArtifactUnsupported, SettingsError
from threeways.settings import Settings

RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def client(new_bucket: Callable[[str], Any]) -> Any:
    return new_bucket("runs")


def settings(**given: Any) -> Settings:
    return Settings(**{"model_bucket": "runs", "mlflow_experiment_id": "7", "run_id": RUN, **given})


def of_run(tmp_path: Path, name: str, run: str) -> Path:
    folder = copy_of(name, tmp_path)
    edit_mlmodel(folder, f"run_id: {load(folder).version}", f"run_id: {run}")
    return folder


def refuse_client() -> Any:
    pytest.fail("no client is needed")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("/opt/model", "/opt/model"),
        ("file:///opt/model", "/opt/model"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ],
)
def test_an_explicit_location_goes_first_and_asks_nobody(given: str, found: str) -> None:
    assert find(settings(model_location=given), refuse_client) == found


def test_what_needs_a_tracking_server_is_refused_with_the_mend() -> None:
    with pytest.raises(ArtifactUnsupported, match="resolve it when deploying"):
        find(settings(model_location="models:/rides@live"), refuse_client)


@pytest.mark.parametrize("missing", ["model_bucket", "run_id"])
def test_no_model_named_tells_which_variables_name_one(missing: str) -> None:
    with pytest.raises(SettingsError, match=r"MODEL_LOCATION.*MODEL_BUCKET.*RUN_ID"):
        find(settings(**{missing: None}), refuse_client)


def test_mlflow_2s_layout_is_found_by_the_run(client: Any) -> None:
    upload(client, logged("linear"), "runs", f"7/{RUN}/artifacts/model")
    upload(client, logged("linear"), "runs", "7/another/artifacts/model")
    assert find(settings(), lambda: client) == f"s3://runs/7/{RUN}/artifacts/model"


def test_mlflow_3s_layout_is_found_by_the_run_that_the_model_names(client: Any, tmp_path: Path) -> None:
    upload(client, of_run(tmp_path, "linear", RUN), "runs", "deep/7/models/m-1/artifacts")
    upload(client, of_run(tmp_path, "ridge", "f" * 32), "runs", "deep/7/models/m-2/artifacts")
    client.put_object(Bucket="runs", Key="deep/7/models/m-3/artifacts/MLmodel", Body=b"{[ garbage of another")
    client.put_object(Bucket="runs", Key="deep/7/models/m-4/artifacts/model.skops", Body=b"no MLmodel yet")
    location = find(settings(model_bucket="runs/deep"), lambda: client)
    assert location == "s3://runs/deep/7/models/m-1/artifacts"
    assert load(fetch(location, lambda: client, tmp_path / "cache")).version == RUN


def test_several_models_of_one_run_are_refused_and_listed(client: Any, tmp_path: Path) -> None:
    for number, name in enumerate(("linear", "ridge")):
        upload(client, of_run(tmp_path, name, RUN), "runs", f"7/models/m-{number}/artifacts")
    listed = "s3://runs/7/models/m-0/artifacts, s3://runs/7/models/m-1/artifacts"
    with pytest.raises(ArtifactAmbiguous, match=f"2 models; set MODEL_LOCATION to one of: {listed}"):
        find(settings(), lambda: client)


def test_no_model_of_the_run_tells_where_was_looked(client: Any) -> None:
    with pytest.raises(ArtifactMissing, match=f"no model of run {RUN} under s3://runs/7"):
        find(settings(), lambda: client)
    with pytest.raises(ArtifactMissing, match=r"s3://nowhere/7.*: its bucket does not exist"):
        find(settings(model_bucket="nowhere"), lambda: client)
