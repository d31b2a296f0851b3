"""A model that needs more than the function's image has is refused before anything is built."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from deploy_lab import Lab
from rich.console import Console
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from threeways import artifact
from threeways.artifact import proof
from threeways.artifact.prepared import Prepared
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, ArtifactUntrusted, UsageError
from threeways.ops.deploy import in_image
from threeways.ops.deploy import model as chosen
from threeways.ops.deploy.model import Chosen, tell
from threeways.settings import Settings
from threeways.systems.taxi.rides import COLUMNS

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]

BLOCK = np.random.default_rng(0).random((60, len(COLUMNS))) * 100
FRAME = pd.DataFrame(BLOCK, columns=list(COLUMNS))


def saved(folder: Path, model: Any, rides: Any = BLOCK, **options: Any) -> Path:
    model.fit(rides, BLOCK[:, 3])
    if not options:
        options = {"skops_trusted_types": skops.io.get_untrusted_types(data=skops.io.dumps(model))}
    mlflow.sklearn.save_model(
        model, str(folder), signature=mlflow.models.infer_signature(rides), pip_requirements=["scikit-learn"],
        **options,
    )  # fmt: skip
    return folder


def by_name() -> Any:
    return make_pipeline(ColumnTransformer([("miles", StandardScaler(), ["trip_distance"])]), Ridge())


def checked(folder: Path, **options: Any) -> Chosen:
    given = Chosen(str(folder), folder, artifact.digest(folder), "")
    return chosen.check(given, Settings(task="ride_duration"), **options)


def test_a_pipeline_by_column_names_goes_into_the_image_without_pandas(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(model=str(saved(tmp_path / "model", by_name(), FRAME)))
    assert lab.tools.targets == ["function"]


@pytest.mark.exhaustive
def test_one_that_makes_frames_within_itself_goes_into_the_image_with_pandas(
    lab: Lab, tmp_path: Path
) -> None:
    pipeline = make_pipeline(StandardScaler(), Ridge()).set_output(transform="pandas")
    folder = saved(tmp_path / "model", pipeline)
    lab.deploy(model=str(folder), parameters="Task=ride_duration")
    assert lab.tools.targets == ["frame"]
    assert "image  target frame, built now" in lab.said.getvalue()
    assert checked(folder, image="mine").target == "function", "an image of theirs is asked itself"


@pytest.mark.exhaustive
def test_a_pickle_is_tried_in_the_image_and_again_in_the_one_with_pandas(lab: Lab, tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), Ridge()).set_output(transform="pandas")
    folder = saved(tmp_path / "model", pipeline, serialization_format="cloudpickle")
    lab.tools.faults["prove"] = UsageError("the function would not start with it: it requires pandas")
    lab.deploy(model=str(folder), sha256=artifact.digest(folder), parameters="Task=ride_duration")
    assert lab.tools.targets == ["function", "frame"]
    said = told(str(folder), tmp_path, model_sha256=artifact.digest(folder), task="ride_duration")
    assert "in the image's target frame" in said


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the user's that any process started here finds, as those in the folder of a command."""
    file = tmp_path / "own" / "their_own_features.py"
    file.parent.mkdir()
    file.write_text("print('hello')\ndef change(x):\n    return x + 1\n")
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setenv("PYTHONPATH", str(file.parent))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    return file


def test_without_a_task_it_is_the_artifact_s_else_its_signature_s(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", RandomForestRegressor(2), FRAME)
    few = "PULocationID, DOLocationID, zone_pair, trip_distance and 2 more"
    assert f"serves the events of its signature (id: an event's id; {few}), by sklearn" in told(
        str(folder), tmp_path
    )
    named = tmp_path / "named"
    shutil.copytree(folder, named)
    with (named / "MLmodel").open("a") as file:
        file.write("metadata: {task: ride_duration}\n")
    assert "serves ride_duration, by sklearn" in told(str(named), tmp_path)


@pytest.mark.exhaustive
def test_a_module_that_only_this_machine_has_is_told_and_code_paths_bring_it(
    tmp_path: Path, own_module: Path
) -> None:
    pipeline = make_pipeline(
        FunctionTransformer(importlib.import_module("their_own_features").change), Ridge()
    )
    here = saved(tmp_path / "here", pipeline, serialization_format="cloudpickle")
    with pytest.raises(
        ArtifactUnsupported, match=r"image: \S+ needs the module their_own_features, .*code_paths=\["
    ):
        told(str(here), tmp_path, model_sha256=artifact.digest(here))
    along = saved(
        tmp_path / "along", pipeline, serialization_format="cloudpickle", code_paths=[str(own_module)]
    )
    told(str(along), tmp_path, model_sha256=artifact.digest(along))
    sys.modules.pop("their_own_features")


def test_a_skops_file_of_plain_parts_is_in_no_doubt(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", RandomForestRegressor(2))
    assert not in_image.is_in_doubt(artifact.load(folder))


def test_the_image_has_the_locks_packages_and_nothing_of_this_machine_s() -> None:
    there = in_image.names()
    assert {"numpy", "sklearn", "skops", "cloudpickle", "yaml", "json", "threeways"} <= there
    assert not {"pandas", "mlflow", "typer", "pytest", "packaging", "tests"} & there, "packaging is stripped"


def test_a_package_that_is_added_to_the_lock_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = json.loads((in_image.ROOT / "Pipfile.lock").read_text())
    lock["sklearn"]["pandas"] = lock["develop"]["pandas"]
    (tmp_path / "Pipfile.lock").write_text(json.dumps(lock))
    shutil.copytree(in_image.ROOT / "tools", tmp_path / "tools")
    monkeypatch.setattr(in_image, "ROOT", tmp_path)
    assert "pandas" in in_image.names()


def test_what_of_the_package_stays_out_of_the_image_is_known_here() -> None:
    ignored = re.findall(r"^threeways/([\w/*]+)", (in_image.ROOT / ".dockerignore").read_text(), re.MULTILINE)
    removed = re.findall(
        r"/code/threeways/([\w/*]+)", re.findall(r"rm -r (.*)", (in_image.ROOT / "Dockerfile").read_text())[0]
    )
    assert sorted({one.replace("/", ".") for one in (*ignored, *removed)} - {"__main__"}) == sorted(
        in_image.LEFT_OUT
    )


def told(named: str, local: Path, **settings: Any) -> str:
    console = Console(record=True, width=300)
    tell(named, Settings(**settings), console, local)
    return console.export_text()


def test_the_command_says_what_serves_the_model_and_how_to_pin_it(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", RandomForestRegressor(2))
    said = told(str(folder), tmp_path, task="ride_duration")
    assert "serves ride_duration, by sklearn, in the image's target function" in said
    assert f"MODEL_SHA256={artifact.digest(folder)}" in said


def test_the_command_runs_no_pickle_that_is_not_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "model", Ridge(), serialization_format="cloudpickle")
    with pytest.raises(ArtifactUntrusted, match="SHA256="):
        told(str(folder), tmp_path)
    with pytest.raises(ArtifactMismatch, match="not the artifact that was pinned"):
        told(str(folder), tmp_path, model_sha256="0" * 64)


TELLING = """
import json, os, socket
with open({file!r}, "w") as file:
    json.dump([os.getpid(), dict(os.environ), socket.if_nameindex()], file)
"""


@pytest.fixture
def telling(tmp_path: Path) -> tuple[Path, Path]:
    """A pickle whose code writes down where it runs, and the file that it writes."""
    code, file = tmp_path / "own_code.py", tmp_path / "told.json"
    code.write_text(TELLING.format(file=str(file)) + "\ndef change(x):\n    return x\n")
    sys.path.insert(0, str(tmp_path))
    try:
        change = importlib.import_module("own_code").change
        pipeline = make_pipeline(FunctionTransformer(change), Ridge())
        paths = [str(code)]
        folder = saved(tmp_path / "model", pipeline, serialization_format="cloudpickle", code_paths=paths)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("own_code")
    file.unlink()
    return folder, file


def test_make_deploy_pins_no_pickle_with_its_own_digest(lab: Lab, telling: tuple[Path, Path]) -> None:
    folder, file = telling
    with pytest.raises(
        ArtifactUntrusted, match=f"give its digest yourself: SHA256={artifact.digest(folder)}"
    ):
        lab.deploy(model=str(folder))
    with pytest.raises(ArtifactMismatch, match=r"not the artifact that was pinned: .*, SHA256 is 000"):
        lab.deploy(model=str(folder), sha256="0" * 64)
    assert lab.tools.done == ["require", "require"]
    assert not file.exists()


def test_a_pickle_that_a_person_vouched_for_runs_in_the_image_and_never_beside_the_credentials(
    lab: Lab, telling: tuple[Path, Path]
) -> None:
    folder, file = telling
    lab.deploy(model=str(folder), sha256=artifact.digest(folder))
    assert lab.tools.done.index("prove") < lab.tools.done.index("push"), (
        "the image loads it, without a network"
    )
    assert lab.tools.targets == ["function"]
    assert "trust  its digest is the one that you gave" in lab.said.getvalue()
    assert not file.exists(), "this process and its children have not loaded it"


def test_make_check_runs_it_without_credentials_and_where_it_can_without_a_network(
    telling: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file = telling
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_PROFILE": "s3cret",
        "MLFLOW_TRACKING_PASSWORD": "s3cret",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    told(str(folder), tmp_path, model_sha256=artifact.digest(folder))
    pid, environment, interfaces = json.loads(file.read_text())
    assert pid != os.getpid()
    assert "s3cret" not in json.dumps(environment)
    if sys.platform == "linux":
        try:
            subprocess.run(["unshare", "--user", "--net", "true"], check=True, capture_output=True)  # noqa: S607
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("NOT TESTED: without a network, for a user may make no namespace on this machine")
        assert [name for _, name in interfaces if name != "lo"] == []


def test_a_model_of_no_code_that_nobody_vouches_for_is_proven_and_deployed_pinned(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "model", RandomForestRegressor(2))
    proven: list[Path] = []
    require = proof.require

    def recorded(found: Prepared, of: Path) -> None:
        proven.append(of)
        require(found, of)

    monkeypatch.setattr(proof, "require", recorded)
    lab.deploy(model=str(folder))
    assert proven == [folder]  # in a child process, before its digest is taken for a pin
    assert lab.variables()["MODEL_SHA256"] == artifact.digest(folder)
    assert "nobody vouches for it; it can run no code" in lab.said.getvalue()
