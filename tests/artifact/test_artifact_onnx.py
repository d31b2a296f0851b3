"""Artifacts with an ONNX flavour: which runtime serves them, their digest, and half an upload."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from artifact_lab import X, edit_mlmodel, fitted, logged
from onnx_lab import both, only_onnx

from threeways.artifact import digest, load, runtime
from threeways.artifact.mlmodel import Flavours, Gate, OnnxFlavour, SklearnFlavour
from threeways.errors import ArtifactIncomplete, ArtifactMismatch, ArtifactUnsupported, ArtifactUntrusted
from threeways.settings import Runtime

ROOT = Path(__file__).parents[2]
SKLEARN = SklearnFlavour("model.skops", "1.9")
GATED, UNGATED = OnnxFlavour("model.onnx", gate=Gate(0.0, 9, sha256="0" * 64)), OnnxFlavour("model.onnx")
HERE = {"onnxruntime": "onnx", "sklearn": "sklearn", "skops": "sklearn"}


@pytest.mark.parametrize("asked", [None, "onnx", "sklearn"])
@pytest.mark.parametrize(
    "missing",
    [set(), {"onnxruntime"}, {"sklearn"}, {"skops"}, {"onnxruntime", "skops"}],
    ids=lambda names: "+".join(sorted(names)) or "nothing",
)
@pytest.mark.parametrize("onnx", [None, GATED, UNGATED], ids=["no onnx", "gated", "ungated"])
@pytest.mark.parametrize("sklearn", [None, SKLEARN], ids=["no sklearn", "sklearn"])
def test_the_runtime_is_what_the_artifact_has_and_what_is_installed(
    sklearn: SklearnFlavour | None, onnx: OnnxFlavour | None, missing: set[str], asked: Runtime | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(runtime, "find_spec", lambda name: None if name in missing else name)
    usable = {
        "onnx": onnx is GATED or (onnx is UNGATED and sklearn is None),
        "sklearn": sklearn is not None,
    }
    able = [
        name for name, there in usable.items() if there and name not in {HERE[package] for package in missing}
    ]
    wanted = [name for name in able if asked in {None, name}]
    flavours = Flavours(sklearn=sklearn, onnx=onnx)
    if wanted:
        assert runtime.choose(flavours, asked, Path("there")) == wanted[0]
        return
    with pytest.raises(ArtifactUnsupported) as refused:
        runtime.choose(flavours, asked, Path("there"))
    told = str(refused.value)
    assert "there" in told
    if asked and not usable[asked]:
        assert f"MODEL_RUNTIME={asked}" in told
        assert ("exactness gate" in told) == (onnx is not None)
    elif usable["onnx"] or usable["sklearn"]:
        assert "is not installed here" in told
        assert any(package in told for package in missing)


def test_both_flavours_say_the_same_to_the_bit(tmp_path: Path) -> None:
    folder = both(tmp_path)
    models = [load(folder), load(folder, runtime="sklearn")]
    assert [model.runtime for model in models] == ["onnx", "sklearn"]
    assert models[0].predict(X).tobytes() == models[1].predict(X).tobytes()
    assert models[0].width == 3
    assert models[0].version == models[1].version


def test_a_second_flavour_that_did_not_pass_the_gate_is_not_used(tmp_path: Path) -> None:
    folder = both(tmp_path)
    edit_mlmodel(folder, "    gate:\n", "    gates:\n")
    assert load(folder).runtime == "sklearn"
    with pytest.raises(ArtifactUnsupported, match="passed the exactness gate"):
        load(folder, runtime="onnx")


def test_what_mlflow_onnx_saves_is_served(tmp_path: Path) -> None:
    model = load(only_onnx(tmp_path))
    assert model.runtime == "onnx"
    assert model.predict(X).tobytes() == fitted("hist_boosting").predict(X).tobytes()


def test_mlflow_onnx_loads_what_is_written_here(tmp_path: Path) -> None:
    import mlflow.onnx

    assert mlflow.onnx.load_model(str(both(tmp_path))).graph.node


def test_the_digest_covers_the_graph(tmp_path: Path) -> None:
    folder = both(tmp_path)
    pinned = digest(folder)
    assert load(folder, pinned).runtime == "onnx"
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(ArtifactMismatch, match="not the artifact that was pinned"):
        load(folder, pinned)


def test_a_graph_that_was_not_uploaded_is_named_whatever_serves_the_artifact(tmp_path: Path) -> None:
    folder = both(tmp_path)
    (folder / "model.onnx").unlink()
    for asked in (None, "onnx", "sklearn"):
        with pytest.raises(ArtifactIncomplete, match=r"half-uploaded.*model\.onnx"):
            load(folder, runtime=asked)


def test_a_graph_outside_of_the_artifact_is_refused(tmp_path: Path) -> None:
    folder = both(tmp_path)
    (folder / "model.onnx").rename(tmp_path / "model.onnx")
    edit_mlmodel(folder, "data: model.onnx", "data: ../model.onnx")
    with pytest.raises(ArtifactUntrusted, match="outside"):
        load(folder)


SERVE = """
import sys
blocked = set(sys.argv[1].split(","))

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import importlib.util
found = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name.partition(".")[0] in blocked else found(name, package)
importlib.util.find_spec = find_spec

import json
import model
from threeways.errors import UsageError
from pathlib import Path
try:
    handler = model.build()
except UsageError as error:
    sys.exit(f"refused: {error}")
event = json.loads(Path(sys.argv[2]).read_text())
answer = handler(event, None)
print(handler.service.model.runtime, len(answer["predictions"]), sorted(blocked & sys.modules.keys()))
print(repr([one["prediction"]["ride_duration"] for one in answer["predictions"]]))
"""


def served_without(blocked: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The function's own way from the environment to predictions, in a process that lacks some packages."""
    return subprocess.run(
        [sys.executable, "-c", SERVE, blocked, str(ROOT / "tests/events/kinesis-good.json")],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "MODEL_LOCATION": str(folder), "TEST_RUN": "true", **given},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def rides() -> Path:
    """A boosting on the ride task's block, with both flavours."""
    import tempfile

    import mlflow.sklearn
    import numpy as np
    from artifact_lab import _TRUSTED, _kept
    from mlflow.models import Model
    from sklearn.ensemble import HistGradientBoostingRegressor

    from threeways.systems.taxi.rides import COLUMNS
    from threeways.training.flavour import Onnx, add, onnx_of

    folder = Path(tempfile.mkdtemp(dir=_kept().name)) / "rides"
    block = np.random.default_rng(1).random((300, len(COLUMNS))) * 200
    model = HistGradientBoostingRegressor(max_iter=5).fit(block, block[:, 3] + 1)
    mlflow.sklearn.save_model(
        model,
        str(folder),
        pip_requirements=["scikit-learn"],
        serialization_format="skops",
        skops_trusted_types=_TRUSTED,
    )
    onnx = onnx_of(model, block)
    assert isinstance(onnx, Onnx)
    add(folder, Model.load(str(folder)), onnx)
    return folder


def test_without_scikit_learn_scipy_and_skops_the_function_serves_the_graph(rides: Path) -> None:
    lean = served_without("sklearn,scipy,skops,joblib,pandas,onnx,mlflow", rides)
    assert lean.stdout.splitlines()[-2].startswith("onnx "), lean.stderr
    assert lean.stdout.splitlines()[-2].endswith(" []")
    full = served_without("onnxruntime,onnx", rides)
    assert full.stdout.splitlines()[-2].startswith("sklearn "), full.stderr
    assert lean.stdout.splitlines()[-1] == full.stdout.splitlines()[-1]


def test_without_either_the_function_says_what_to_install(rides: Path) -> None:
    neither = served_without("onnxruntime,sklearn,skops", rides)
    assert neither.returncode == 1
    assert "refused: " in neither.stderr
    assert "sklearn, skops is not installed here" in neither.stderr
    asked = served_without("onnxruntime", rides, MODEL_RUNTIME="onnx")
    assert "onnxruntime is not installed here; install onnxruntime, or unset MODEL_RUNTIME" in asked.stderr
    plain = served_without("sklearn", logged("linear"))
    assert "sklearn is not installed here" in plain.stderr
    assert "python -m threeways export" in plain.stderr
