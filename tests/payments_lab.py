"""Payments, models of them as a notebook logs them, and what they are served as."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from threeways import artifact, bootstrap
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.service import ModelService
from threeways.settings import Settings

logging.getLogger("mlflow").setLevel(logging.ERROR)
RANDOM = np.random.default_rng(0)
ROWS = 200
PAYMENTS = pd.DataFrame(
    {
        "amount": RANDOM.lognormal(size=ROWS),
        "hour": RANDOM.integers(0, 24, ROWS),
        "country": RANDOM.choice(["de", "fr", "us"], ROWS),
        "new": RANDOM.random(ROWS) < 0.5,
    }
)
KINDS = np.where(PAYMENTS["amount"] + (PAYMENTS["country"] == "us") > 2, "fraud", "ok")
COLUMNS = make_column_transformer(
    (StandardScaler(), ["amount", "hour"]),
    (OneHotEncoder(handle_unknown="ignore"), ["country"]),
    ("passthrough", ["new"]),
)


def logged(folder: Path, fitted: Any, frame: Any, method: str = "predict", **given: Any) -> Path:
    """Save a model as a notebook would, with a signature from what it was fitted on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "signature" not in given:
            given["signature"] = infer_signature(frame, getattr(fitted, method)(frame))
        mlflow.sklearn.save_model(
            fitted,
            str(folder),
            serialization_format="cloudpickle",
            pyfunc_predict_fn=method,
            pip_requirements=["scikit-learn"],
            **given,
        )
    return folder


def served(folder: Path, **given: Any) -> ModelService[Any]:
    settings = Settings(model_sha256=artifact.digest(folder), **given)
    return bootstrap.service_of(folder, settings)


def scored(service: ModelService[Any], events: Sequence[Any]) -> list[Outcome]:
    return service.score([msgspec.json.encode(one) for one in events], [datetime.now(UTC)] * len(events))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{"id": place, **row} for place, row in enumerate(frame.to_dict("records"))]  # type: ignore[dict-item]


def values(outcomes: Sequence[Outcome]) -> list[Any]:
    assert all(isinstance(one, Scored) for one in outcomes), [
        one for one in outcomes if not isinstance(one, Scored)
    ]
    return [one.value for one in outcomes if isinstance(one, Scored)]


def pyfunc(folder: Path, rows: Any) -> Any:
    return mlflow.pyfunc.load_model(str(folder)).predict(rows)
