"""`python -m threeways export`: an artifact logged without ONNX gets a copy that has it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import table_lab
import yaml
from artifact_lab import logged
from mlflow.models import infer_signature
from rich.console import Console
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR
from small_training import Training
from types_lab import saved

from threeways import artifact, bootstrap
from threeways.errors import ArtifactMissing, ArtifactUnsupported, ArtifactUntrusted, DataError, UsageError
from threeways.settings import Settings
from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import COLUMNS
from threeways.training.export_command import export

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plain(training: Training, tmp_path: Path) -> Path:
    """The trained model as MLflow alone would have logged it: no ONNX."""
    folder = Path(shutil.copytree(training.report.model.folder, tmp_path / "model"))
    (folder / "model.onnx").unlink()
    content = yaml.safe_load((folder / "MLmodel").read_text())
    del content["flavors"]["onnx"]
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    return folder


def told(
    folder: Path, rides: str | None, to: Path | None = None, sha256: str | None = None
) -> tuple[bool, str]:
    out = io.StringIO()
    return export(folder, rides, to, sha256, Console(file=out, width=110), "ride_duration"), out.getvalue()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_by_its_signature_is_compared_on_a_file_s_rows_or_around_its_example(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
    fitted = HistGradientBoostingRegressor(max_iter=3).fit(frame, frame["a"])
    signature = infer_signature(frame, fitted.predict(frame))
    saved(tmp_path / "model", fitted, file_format="skops", signature=signature, input_example=frame[:1])
    frame.to_parquet(tmp_path / "rows.parquet")
    for rows, count in ((None, "1,000 rows"), (str(tmp_path / "rows.parquet"), "300 rows")):
        out, copy = io.StringIO(), tmp_path / f"copy-{count[0]}"
        assert export(tmp_path / "model", rows, copy, None, Console(file=out, width=110), None)
        assert count in out.getvalue()
        served = bootstrap.service_of(copy, Settings())
        assert served.runtime == "onnx"
        assert served.model.predict(frame.to_numpy()).tolist() == fitted.predict(frame).tolist()
    frame[["a"]].to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="lacks columns of the model"):
        export(tmp_path / "model", str(tmp_path / "rows.parquet"), tmp_path / "no", None, Console(), None)


def test_a_model_of_mixed_columns_is_compared_on_a_file_s_rows_or_around_its_example(tmp_path: Path) -> None:
    folder = table_lab.saved(
        make_pipeline(table_lab.columns(), LinearRegression()).fit(table_lab.FRAME, table_lab.TARGET),
        tmp_path / "model",
    )
    table_lab.FRAME.to_parquet(tmp_path / "rows.parquet")
    for rows, count in ((None, "1,000 rows"), (str(tmp_path / "rows.parquet"), "240 rows")):
        out, copy = io.StringIO(), tmp_path / f"copy-{count[0]}"
        assert export(folder, rows, copy, None, Console(file=out, width=110), None)
        assert count in out.getvalue()
        assert bootstrap.service_of(copy, Settings()).runtime == "onnx"
    table_lab.FRAME.assign(amount="much").to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="other types than the model's signature"):
        export(folder, str(tmp_path / "rows.parquet"), tmp_path / "no", None, Console(), None)


def test_a_model_that_takes_texts_themselves_has_no_graph(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["one two", "two three"] * 5})
    fitted = make_pipeline(CountVectorizer(), LinearRegression()).fit(frame["a"], np.arange(10.0))
    folder, out = saved(tmp_path / "model", fitted, frame), io.StringIO()
    console = Console(file=out, width=200)
    assert not export(folder, None, tmp_path / "no", artifact.digest(folder), console, None)
    assert "takes texts themselves" in out.getvalue()


def test_the_copy_is_served_by_onnx_and_says_the_same_to_the_bit(plain: Path, training: Training) -> None:
    before = artifact.digest(plain)
    written, said = told(plain, training.validation)
    assert written
    copy = plain.with_name("model-onnx")
    assert names(plain.parent) == ["model", "model-onnx"]  # no scratch is left
    assert artifact.digest(plain) == before
    assert f"MODEL_SHA256={artifact.digest(copy)}" in said
    assert "equal to scikit-learn bit for bit, on " in said
    assert str(copy) in said
    block = np.random.default_rng(0).random((200, len(COLUMNS))) * 300
    models = [artifact.load(copy, artifact.digest(copy)), artifact.load(plain)]
    assert [model.runtime for model in models] == ["onnx", "sklearn"]
    assert models[0].predict(block).tobytes() == models[1].predict(block).tobytes()
    artifact.check(models[0], task.columns, task.dict_keys)
    assert [model.version for model in models] == [training.report.model.run_id] * 2


def test_mlflow_loads_both_flavours_of_the_copy(plain: Path, training: Training, tmp_path: Path) -> None:
    import mlflow.pyfunc
    import onnx

    told(plain, training.validation, tmp_path / "elsewhere")
    block = np.random.default_rng(0).random((20, len(COLUMNS)))
    loaded = mlflow.onnx.load_model(str(tmp_path / "elsewhere"))
    onnx.checker.check_model(loaded, full_check=True)
    assert np.isfinite(mlflow.pyfunc.load_model(str(tmp_path / "elsewhere")).predict(block)).all()


@pytest.mark.parametrize("rides", ["a folder", None])
def test_rides_may_be_a_folder_or_the_synthetic_city(
    plain: Path, training: Training, rides: str | None
) -> None:
    written, said = told(plain, str(Path(training.validation).parent) if rides else None)
    assert written
    assert ("the synthetic city" in said) == (rides is None)


def test_a_pickle_is_read_only_if_it_is_pinned(tmp_path: Path, training: Training) -> None:
    import mlflow.sklearn
    from sklearn.tree import DecisionTreeRegressor

    block = np.random.default_rng(0).random((300, len(COLUMNS))) * 9
    mlflow.sklearn.save_model(
        DecisionTreeRegressor(max_depth=4).fit(block, block[:, 3]),
        str(tmp_path / "model"),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
    with pytest.raises(ArtifactUntrusted, match="MODEL_SHA256="):
        told(tmp_path / "model", training.validation)
    written, _ = told(tmp_path / "model", training.validation, None, artifact.digest(tmp_path / "model"))
    assert written
    assert artifact.load(tmp_path / "model-onnx").runtime == "onnx"  # no pickle is read to serve it


def test_what_cannot_be_exported_says_why_and_writes_nothing(tmp_path: Path, training: Training) -> None:
    import mlflow.sklearn

    block = np.random.default_rng(0).random((60, len(COLUMNS)))
    fitted = SVR().fit(block, block[:, 3])
    folder = tmp_path / "model"
    mlflow.sklearn.save_model(
        fitted, str(folder), serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
    written, said = told(folder, training.validation, None, artifact.digest(folder))
    assert not written
    assert "a SVR is not among the regressors" in " ".join(said.split())
    assert names(tmp_path) == ["model"]


def test_dicts_are_named_as_what_the_model_takes(tmp_path: Path, training: Training) -> None:
    import mlflow.sklearn
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    rides = [{"PU_DO": f"{n}_{n}", "trip_distance": n} for n in range(9)]
    mlflow.sklearn.save_model(
        make_pipeline(DictVectorizer(), Ridge()).fit(rides, range(9)),
        str(tmp_path / "model"),
        pip_requirements=["scikit-learn"],
    )
    written, said = told(tmp_path / "model", training.validation)
    assert not written
    assert "takes dicts, for its DictVectorizer" in " ".join(said.split())


def test_an_existing_folder_one_within_and_one_in_nowhere_are_refused(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "model-onnx").mkdir()
    for to, why in (
        (None, "there already; remove it, or name another"),
        (plain / "onnx", "lies within the artifact"),
        (tmp_path / "no" / "where", "is not there; make it"),
    ):
        with pytest.raises(UsageError, match=why):
            told(plain, None, to)
    assert names(tmp_path / "model-onnx") == []


def test_bad_input_is_refused_before_anything_is_written(
    plain: Path, training: Training, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactMissing, match="nowhere"):
        told(tmp_path / "nowhere", training.validation)
    with pytest.raises(DataError, match=r"--rides: .*none\.parquet"):
        told(plain, str(tmp_path / "none.parquet"))
    with pytest.raises(UsageError, match="columns"):
        told(logged("linear"), training.validation, tmp_path / "to")
    assert names(tmp_path) == ["model"]


def test_a_full_disk_leaves_nothing_half_written(
    plain: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ArtifactUnsupported, match="No space left"):
        told(plain, training.validation)
    assert names(plain.parent) == ["model"]


@pytest.mark.exhaustive
def test_the_command_prints_one_clear_message_and_ends_with_the_right_status(
    plain: Path, training: Training
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "threeways", "export", *arguments],
            cwd=plain.parent,
            env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    good = run(str(plain), "--rides", training.validation, "--to", "out")
    assert (good.returncode, good.stderr) == (0, "")
    assert artifact.digest(plain.parent / "out") in good.stdout
    again = run(str(plain), "--rides", training.validation, "--to", "out")
    assert again.returncode == 2
    assert again.stderr.startswith("error: ")
    assert "Traceback" not in again.stderr
