"""Models as notebooks leave them, with a signature and without a task, and the tables to score."""

from __future__ import annotations

import io
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from batch_lab import kept
from mlflow.models import infer_signature
from rich.console import Console
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from threeways import artifact
from threeways.batch import command, layout
from threeways.batch.job import Asked, Done, run
from threeways.batch.layout import Naming
from threeways.batch.model import service_of
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.settings import Settings

logging.getLogger("mlflow").setLevel(logging.ERROR)
RANDOM = np.random.default_rng(0)
ROWS = 60
PAYMENTS = pd.DataFrame(
    {
        "payment_id": [f"p{row}" for row in range(ROWS)],
        "amount": RANDOM.lognormal(size=ROWS),
        "hour": RANDOM.integers(0, 24, ROWS),
        "country": RANDOM.choice(["de", "fr", "Österreich"], ROWS),
        "new": RANDOM.random(ROWS) < 0.5,
        "truth": RANDOM.choice(["fraud", "ok"], ROWS),
    }
)
INPUTS = ["amount", "hour", "country", "new"]
COLUMNS = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["country"]), remainder="passthrough"
)
NAMED = Naming(id="payment_id", actual="truth")
PLACES = ["sqlite", "parquet", pytest.param("postgresql", marks=pytest.mark.exhaustive)]


def saved(folder: Path, fitted: Any, frame: Any, method: str = "predict", **given: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given.setdefault("signature", infer_signature(frame, getattr(fitted, method)(frame)))
        mlflow.sklearn.save_model(
            fitted,
            str(folder),
            serialization_format="cloudpickle",
            pyfunc_predict_fn=method,
            pip_requirements=["scikit-learn"],
            **given,
        )
    return folder


def classifier(
    folder: Path, labels: Any = PAYMENTS["truth"], method: str = "predict_proba", **given: Any
) -> Path:
    fitted = make_pipeline(COLUMNS, LogisticRegression(max_iter=500)).fit(PAYMENTS[INPUTS], labels)
    return saved(folder, fitted, PAYMENTS[INPUTS], method, **given)


def regressor(folder: Path) -> Path:
    """A model whose numbers may be missing, and whose integers may too."""
    frame = PAYMENTS[["amount", "hour"]].astype({"hour": "float64"})
    gaps = frame.mask(RANDOM.random(frame.shape) < 0.2)
    target = frame["amount"] * 3 + frame["hour"]
    fitted = make_pipeline(SimpleImputer(), LinearRegression()).fit(gaps, target)
    inputs = mlflow.types.Schema(
        [
            mlflow.types.ColSpec("double", "amount", required=False),
            mlflow.types.ColSpec("double", "hour", required=False),
        ]
    )
    outputs = mlflow.types.Schema([mlflow.types.ColSpec("double", "total")])
    return saved(folder, fitted, gaps, signature=mlflow.models.ModelSignature(inputs, outputs))


def served(folder: Path, naming: Naming | None = None, **given: Any) -> ModelService[Any]:
    return service_of(folder, Settings(model_sha256=artifact.digest(folder), **given), naming)


def batch(
    service: ModelService[Any], events: str, place: str, naming: Naming | None = None, **asked: Any
) -> Done:
    """One run of a model, from and into a database or files."""
    ours, console = layout.of(service.declared, naming), Console(file=io.StringIO())
    with (
        command.opened_source(events, asked.pop("table", None), ours, console) as source,
        command.opened_sink(place, ours) as sink,
    ):
        return run(Asked(**asked), source, sink, lambda: service, console)


def stored(frame: pd.DataFrame, place: Path | str, key: str) -> str:
    """The frame as a parquet file, or as a table `payments` of a database."""
    if isinstance(place, Path):
        frame.to_parquet(place, index=False)
        return str(place)
    engine = sa.create_engine(place.replace("postgresql:", "postgresql+psycopg:"))
    frame.to_sql("payments", engine, index=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX one ON payments ({key})")
    engine.dispose()
    return place


def streamed(service: ModelService[Any], events: list[dict[str, Any]]) -> dict[Any, Any]:
    """What the stream answers for the same events: id -> value or reason."""
    payloads = [msgspec.json.encode(one) for one in events]
    outcomes = service.score(payloads, [datetime.now(UTC)] * len(events))
    ids = [one[service.task.id_name] for one in events]
    return {
        name: one.value if isinstance(one, Scored) else str(one)
        for name, one in zip(ids, outcomes, strict=True)
    }


def database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'a.db'}" if kind == "sqlite" else str(tmp_path / "out")


def found(place: str, model: str) -> list[dict[str, Any]]:
    """The predictions of a place, in the order of their ids."""
    if "://" not in place:
        return sorted(kept(Path(place)), key=lambda row: str(row["payment_id"]))
    engine = sa.create_engine(place.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        made = connection.exec_driver_sql(f"SELECT * FROM {model}_predictions ORDER BY 1")  # noqa: S608
        return [dict(row) for row in made.mappings()]


def first(frame: Any) -> Any:
    return np.arange(len(frame), dtype=float).reshape(-1, 1)
