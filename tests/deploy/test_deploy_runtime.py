"""`make deploy` chooses what serves the model, and the image with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from deploy_lab import Lab
from small_training import Training

from threeways.errors import ArtifactUnsupported, UsageError

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]


def without_onnx(model: Path, folder: Path, *, only_the_gate: bool = False) -> str:
    """The model as it was before it had an ONNX flavour, or with one that passed no gate."""
    copy = folder / f"sklearn-{only_the_gate}"
    shutil.copytree(model, copy)
    said = yaml.safe_load((copy / "MLmodel").read_text())
    if only_the_gate:
        del said["flavors"]["onnx"]["gate"]
    else:
        del said["flavors"]["onnx"]
    (copy / "MLmodel").write_text(yaml.safe_dump(said))
    return str(copy)


def test_a_model_with_a_gated_onnx_flavour_goes_into_the_fast_image(lab: Lab) -> None:
    lab.deploy()
    assert lab.tools.targets == ["fast"]
    assert lab.variables()["MODEL_RUNTIME"] == "onnx"
    made = lab.tools.templates[-1]
    variables = made["Resources"]["Predictor"]["Properties"]["Environment"]["Variables"]
    assert variables["MODEL_RUNTIME"] == "onnx", "a literal: a parameter alone would make no new version"
    assert "served by onnx, for it has that flavour" in lab.said.getvalue()
    assert "image  target fast, built now" in lab.said.getvalue()


@pytest.mark.parametrize("only_the_gate", [pytest.param(False, marks=pytest.mark.exhaustive), True])
def test_any_other_model_goes_into_the_image_with_scikit_learn(
    lab: Lab, training: Training, only_the_gate: bool
) -> None:
    folder = training.report.model.folder
    lab.deploy(model=without_onnx(folder, lab.folder, only_the_gate=only_the_gate))
    assert lab.tools.targets == ["function"]
    assert lab.variables()["MODEL_RUNTIME"] == ""
    assert "served by sklearn, for it has no ONNX flavour that passed" in lab.said.getvalue()


@pytest.mark.exhaustive
def test_another_model_decides_anew(lab: Lab, training: Training) -> None:
    lab.deploy()
    lab.deploy(model=without_onnx(training.report.model.folder, lab.folder))
    assert lab.tools.targets == ["fast", "function"]
    assert "change ModelRuntime: onnx -> none" in lab.said.getvalue()
    lab.rollback()
    assert lab.variables()["MODEL_RUNTIME"] == "onnx"


@pytest.mark.exhaustive
def test_what_is_asked_for_is_kept(lab: Lab) -> None:
    lab.deploy(parameters="ModelRuntime=sklearn")
    lab.deploy(parameters="BatchSize=50")
    assert lab.tools.targets == ["function", "function"]
    assert lab.variables()["MODEL_RUNTIME"] == "sklearn"
    assert "served by sklearn, as ModelRuntime=sklearn says" in lab.said.getvalue()
    lab.deploy(parameters="ModelRuntime=")
    assert lab.variables()["MODEL_RUNTIME"] == ""
    assert "served by onnx, for ModelRuntime leaves it to image and model" in lab.said.getvalue()


def test_a_runtime_that_the_model_has_no_flavour_for_is_refused_before_anything(
    lab: Lab, training: Training
) -> None:
    plain = without_onnx(training.report.model.folder, lab.folder)
    with pytest.raises(ArtifactUnsupported, match="has no onnx flavour"):
        lab.deploy(model=plain, parameters="ModelRuntime=onnx")
    with pytest.raises(UsageError, match="give one of nothing, onnx, sklearn"):
        lab.deploy(parameters="ModelRuntime=fast")
    assert lab.tools.done == ["require", "require"]
