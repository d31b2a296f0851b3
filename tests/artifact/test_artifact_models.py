"""What users log with MLflow loads without it, and predicts the same to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from artifact_lab import DICTS, MAKERS, X, Y, fitted, inputs, logged

from threeways.artifact import digest, load


@pytest.mark.parametrize("name", MAKERS)
def test_a_logged_model_predicts_what_pyfunc_predicts(name: str) -> None:
    import mlflow.pyfunc

    expected = mlflow.pyfunc.load_model(str(logged(name))).predict(inputs(name))
    model = load(logged(name))
    assert np.array_equal(model.predict(inputs(name)), expected)
    assert model.predict(inputs(name)).dtype == np.float64


@pytest.mark.parametrize("name", ["linear", "dicts", "encoded_union"])
def test_a_cloudpickle_that_is_pinned_predicts_what_was_fitted(name: str) -> None:
    folder = logged(name, serialization_format="cloudpickle")
    model = load(folder, digest(folder))
    assert np.array_equal(model.predict(inputs(name)), fitted(name).predict(inputs(name)))


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_tells_what_it_takes_and_which_run_made_it(name: str) -> None:
    model = load(logged(name))
    assert model.input_kind == ("dicts" if name == "dicts" else "block")
    assert model.width == (None if name == "dicts" else 3)
    assert model.vocabulary == ({"PU_DO": {str}, "trip_distance": {float}} if name == "dicts" else None)
    assert model.version == model.info.run_id
    assert len(model.version) == 32


def test_no_rows_are_no_call_and_no_error() -> None:
    assert load(logged("linear")).predict(X[:0]).shape == (0,)
    assert load(logged("dicts")).predict([]).shape == (0,)


PROBE = """
import json, sys
for absent in ("mlflow", "pandas", "pyarrow", "polars", "matplotlib"):
    sys.modules[absent] = None  # importing it fails, as in the image
import threeways.artifact
light = sorted(set(sys.modules) & {"sklearn", "boto3", "skops", "yaml", "scipy"})
from pathlib import Path
model = threeways.artifact.load(Path(sys.argv[1]))
print(json.dumps([light, model.predict(json.loads(sys.argv[2])).tolist()]))
"""


@pytest.mark.parametrize("name", ["dicts", "linear"])
def test_importing_is_light_and_loading_needs_neither_mlflow_nor_pandas(name: str) -> None:
    rows = DICTS[:3] if name == "dicts" else X[:3].tolist()
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, str(logged(name)), json.dumps(rows)],
        capture_output=True, text=True, check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    light, predicted = json.loads(answer.stdout)
    assert light == []
    assert predicted == fitted(name).predict(rows).tolist()
    assert len(Y) == len(X)
