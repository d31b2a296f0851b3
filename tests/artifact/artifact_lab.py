"""What the artifact's tests share: models logged by MLflow itself, files put into S3, crafted files."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3
import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from threeways.artifact.sklearn import skops_format, structure

RNG = np.random.default_rng(7)
X: NDArray[np.float64] = np.column_stack(
    [RNG.integers(1, 9, 300), RNG.integers(1, 9, 300), RNG.random(300) * 9]
)
Y: NDArray[np.float64] = X[:, 2] * 3 + np.isin(X[:, 0], [2, 5]) * 9 + RNG.random(300)
DICTS: list[dict[str, Any]] = [{"PU_DO": f"{a:.0f}_{b:.0f}", "trip_distance": c} for a, b, c in X]
NAMES = ("pickup", "dropoff", "distance")

_TRUSTED = [
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "functools.partial",
    "sklearn.utils.validation.check_array",
]


def by_position() -> Any:
    """A ColumnTransformer that takes its columns by position, before a boosting."""
    return make_pipeline(
        ColumnTransformer(
            [("zones", OneHotEncoder(sparse_output=False), [0, 1]), ("rest", "passthrough", [2])]
        ),
        HistGradientBoostingRegressor(max_iter=5),
    )


def encoded_union() -> Any:
    """Target encodings beside the plain columns, before a boosting: what our own training makes."""
    zones = ColumnTransformer([("zones", TargetEncoder(target_type="continuous"), [0, 1])])
    plain = ColumnTransformer([("plain", "passthrough", [2])])
    return Pipeline(
        [
            ("features", FeatureUnion([("zones", zones), ("plain", plain)])),
            ("model", HistGradientBoostingRegressor()),
        ]
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "linear": LinearRegression,
    "ridge": lambda: make_pipeline(StandardScaler(), Ridge()),
    "forest": lambda: RandomForestRegressor(5, random_state=0),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=5),
    "hist_boosting": lambda: HistGradientBoostingRegressor(max_iter=5),
    "categorical_boosting": lambda: HistGradientBoostingRegressor(max_iter=5, categorical_features=[0, 1]),
    "by_position": by_position,
    "encoded_union": encoded_union,
    "dicts": lambda: make_pipeline(DictVectorizer(), LinearRegression()),
}


def inputs(name: str) -> Any:
    """What the model of that name takes."""
    return DICTS if name == "dicts" else X


@cache
def fitted(name: str) -> Any:
    """The fitted model of that name."""
    return MAKERS[name]().fit(inputs(name), Y)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="artifact-tests-")  # gone when the process is


@cache
def logged(name: str, **options: Any) -> Path:
    """The folder of the model as `mlflow.sklearn.log_model` leaves it, logged once; not to be changed."""
    import mlflow

    root = Path(_kept().name)
    mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
    try:
        experiment = mlflow.get_experiment_by_name("artifact")
        found = (
            experiment.experiment_id
            if experiment
            else mlflow.create_experiment("artifact", f"{root}/artifacts")
        )
        with mlflow.start_run(experiment_id=found):
            signature = None if name == "dicts" else mlflow.models.infer_signature(X, Y)
            given = {"skops_trusted_types": _TRUSTED} if options.get("serialization_format") is None else {}
            info = mlflow.sklearn.log_model(
                fitted(name),
                name=name,
                signature=signature,
                pip_requirements=["scikit-learn"],
                **given,
                **options,
            )
    finally:
        nothing: Any = None  # takes the choice back, MLFLOW_TRACKING_URI too, where a URI would pin it
        mlflow.set_tracking_uri(nothing)
    return Path(info.artifact_path.removeprefix("file://"))


def copy_of(name: str, folder: Path, **options: Any) -> Path:
    """A copy of the logged model, to be damaged."""
    return Path(shutil.copytree(logged(name, **options), folder / name))


def edit_mlmodel(folder: Path, old: str, new: str) -> None:
    """Change the text of an artifact's MLmodel."""
    path = folder / "MLmodel"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def dump(model: Any, path: Path) -> Path:
    """A skops file."""
    skops.io.dump(model, path)
    return path


def load_skops(path: Path) -> Any:
    """What is in a skops file, if it may be made."""
    return skops_format.load(path.read_bytes(), path)


def served(model: Any, folder: Path) -> Any:
    """The model through a file and through all checks."""
    loaded = load_skops(dump(model, folder / "model.skops"))
    structure.check(loaded)
    return loaded


def edit_schema(path: Path, change: Callable[[dict[str, Any]], Any], **members: bytes) -> Path:
    """Rewrite a skops file with a changed schema and further members."""
    with ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    change(schema)
    content |= {"schema.json": json.dumps(schema).encode(), **members}
    with ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def npy(array: NDArray[Any]) -> bytes:
    """An array as NumPy's file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def s3_client(endpoint: str) -> Any:
    """A client of an S3 of our own."""
    return boto3.client("s3", endpoint_url=endpoint)


def upload(client: Any, folder: Path, bucket: str, prefix: str) -> None:
    """Put a folder's files under the prefix."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            client.put_object(
                Bucket=bucket, Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes()
            )
