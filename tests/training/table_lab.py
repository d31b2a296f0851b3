"""What the tests of exported tables share: a DataFrame of mixed types, and its graph in an artifact."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mlflow.sklearn
import msgspec
import numpy as np
import pandas as pd
import skops.io
from mlflow.models import Model, infer_signature
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from threeways import artifact, bootstrap
from threeways.artifact.inputs import Table
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.training import flavour
from threeways.training.export_rows import table_of
from threeways.training.flavour import Onnx

RNG = np.random.default_rng(7)
N = 240
FRAME = pd.DataFrame(
    {
        "amount": RNG.gamma(2, 20, N).round(2),
        "hour": RNG.integers(0, 24, N),
        "new": RNG.random(N) < 0.3,
        "country": RNG.choice(["DE", "FR", "US", "ZM"], N, p=[0.5, 0.3, 0.17, 0.03]),
        "shop": RNG.choice(list("abcdef"), N),
        "age": np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(18, 80, N)),
        "city": pd.Series(RNG.choice(["Ulm", "Rom", "Łódź"], N)).where(RNG.random(N) > 0.1),
    }
)
NUMBERS, TEXTS = ["amount", "hour", "age"], ["country", "shop", "city"]
TARGET = FRAME["amount"] + 9 * (FRAME["country"] == "DE") + FRAME["age"].fillna(0) + RNG.normal(size=N)
CLASS = np.where(TARGET > 80, "high", np.where(TARGET > 45, "mid", "low"))
BINARY = np.where(TARGET > 60, "fraud", "ok")


def columns(encoder: Any = None, imputer: Any = None) -> Any:
    """Impute and scale the numbers, impute and encode the texts, pass the boolean on."""
    encoder = OneHotEncoder(handle_unknown="ignore") if encoder is None else encoder
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (make_pipeline(imputer or SimpleImputer(strategy="most_frequent"), encoder), TEXTS),
        ("passthrough", ["new"]),
    )


def saved(fitted: Any, folder: Path, method: str = "predict", rows: pd.DataFrame = FRAME) -> Path:
    """The artifact as skops, with the DataFrame's signature."""
    trusted = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            fitted, str(folder), serialization_format="skops", skops_trusted_types=trusted,
            signature=infer_signature(rows, getattr(fitted, method)(rows.dropna())),
            input_example=rows.head(9), pyfunc_predict_fn=method, pip_requirements=["scikit-learn"],
        )  # fmt: skip
    return folder


def onnx_of(folder: Path, rows: pd.DataFrame = FRAME) -> Onnx | str:
    """The graph of an artifact's model, as `export` writes it."""
    model = artifact.load(folder, artifact.digest(folder), "sklearn")
    table = table_of(rows, model.table_types.columns, "the test")
    return flavour.onnx_of(model.estimator, table, model.input_types, model.table_types, model.info.method)


def services(fitted: Any, folder: Path, method: str = "predict", rows: pd.DataFrame = FRAME) -> list[Any]:
    """The services of an artifact with both flavours: by onnxruntime, and by scikit-learn."""
    saved(fitted, folder, method, rows)
    onnx = onnx_of(folder, rows)
    assert isinstance(onnx, Onnx), onnx
    flavour.add(folder, Model.load(str(folder)), onnx)
    made = [bootstrap.service_of(folder, Settings(model_runtime=name)) for name in ("onnx", "sklearn")]
    assert [one.runtime for one in made] == ["onnx", "sklearn"]
    return made


def payloads(rows: pd.DataFrame, **changed: Any) -> list[bytes]:
    """Events of rows, those with a missing value without it."""
    return [
        msgspec.json.encode({"id": at} | {k: v for k, v in row.items() if v == v} | changed)
        for at, row in enumerate(rows.to_dict("records"))
    ]


def table(rows: pd.DataFrame, service: ModelService[Any]) -> Table:
    """Rows as a service's model takes them."""
    return table_of(rows, service.model.table_types.columns, "the test")  # type: ignore[attr-defined]
