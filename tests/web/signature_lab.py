"""Models that are served by their signature alone, as a notebook logs them, for the web service's tests."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from threeways import artifact, bootstrap
from threeways.scoring.service import ModelService
from threeways.settings import Settings

logging.getLogger("mlflow").setLevel(logging.ERROR)
RANDOM = np.random.default_rng(0)
ROWS = 60
PEOPLE = pd.DataFrame(
    {
        "capital gain, %": RANDOM.normal(size=ROWS).round(3),
        "visits": RANDOM.integers(0, 9, ROWS),
        "new?": RANDOM.random(ROWS) < 0.5,
        "joined": pd.Timestamp("2021-03-01") + pd.to_timedelta(RANDOM.integers(0, 99, ROWS), unit="D"),
        "home-town": RANDOM.choice(["Köln", "Bonn", "Ulm"], ROWS),
        "height": np.where(RANDOM.random(ROWS) < 0.3, np.nan, RANDOM.normal(size=ROWS).round(3)),
    }
)
"""Columns of each type; `height` may be missing."""
KINDS = np.where(PEOPLE["capital gain, %"] + PEOPLE["visits"] > 4, "gold & more", "none")
COLUMNS = make_column_transformer(
    (SimpleImputer(), ["capital gain, %", "visits", "height"]),
    (OneHotEncoder(handle_unknown="ignore"), ["home-town"]),
    ("passthrough", ["new?"]),
)
NUMBERS = PEOPLE[["capital gain, %", "visits"]].to_numpy(np.float64)


def logged(folder: Path, fitted: Any, data: Any, method: str = "predict", **given: Any) -> Path:
    """Save a model with a signature of what it was fitted on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given.setdefault("signature", infer_signature(data, getattr(fitted, method)(data)))
        mlflow.sklearn.save_model(
            fitted, str(folder), serialization_format="cloudpickle", pyfunc_predict_fn=method,
            pip_requirements=["scikit-learn"], **given,
        )  # fmt: skip
    return folder


def classes(folder: Path) -> Path:
    """A classifier on columns of each type that answers probabilities; the event's id is no column."""
    fitted = make_pipeline(COLUMNS, LogisticRegression()).fit(PEOPLE, KINDS)
    told = {"id": "person", "name": "status"}
    return logged(folder, fitted, PEOPLE, "predict_proba", metadata=told, input_example=PEOPLE[:1])


def labels(folder: Path) -> Path:
    """A classifier on the same columns that answers the label alone."""
    fitted = make_pipeline(COLUMNS, DecisionTreeClassifier(random_state=0)).fit(PEOPLE, KINDS)
    return logged(folder, fitted, PEOPLE, metadata={"name": "label_alone"})


def outputs(folder: Path) -> Path:
    """A regressor with two named outputs."""
    wanted = pd.DataFrame({"spend": PEOPLE["visits"] * 1.5, "risk": PEOPLE["capital gain, %"]})
    fitted = make_pipeline(COLUMNS, LinearRegression()).fit(PEOPLE, wanted)
    signature = infer_signature(PEOPLE, pd.DataFrame(fitted.predict(PEOPLE), columns=["spend", "risk"]))
    return logged(folder, fitted, PEOPLE, signature=signature, metadata={"name": "two_outputs"})


def tensor(folder: Path) -> Path:
    """A regressor on an array, whose answers are whole numbers' sums of floats."""
    fitted = LinearRegression().fit(NUMBERS, NUMBERS.sum(axis=1))
    return logged(folder, fitted, NUMBERS, metadata={"name": "of_array"})


def texts(folder: Path) -> Path:
    """A classifier on one column of texts that has no name."""
    data = np.array(["good film", "bad film", "good book", "bad book"], dtype=object)
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(data, [1, 0, 1, 0])
    return logged(folder, fitted, data, "predict_proba", metadata={"name": "of_texts"})


def served(folder: Path) -> ModelService[Any]:
    """The service of such a model."""
    return bootstrap.service_of(folder, Settings(model_sha256=artifact.digest(folder)))


def asked(client: httpx.Client, body: str, kind: str = "application/json") -> httpx.Response:
    return client.post("/invocations", content=body.encode(), headers={"Content-Type": kind})
