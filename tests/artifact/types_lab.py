"""Models as MLflow saves them with a signature, and what pyfunc answers for rows in its types."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from numpy.typing import NDArray

from threeways.artifact import Model, digest, load
from threeways.scoring import tasks

FORMATS = ("skops", "cloudpickle")
_TRUSTED = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
]
logging.getLogger("mlflow").setLevel(logging.ERROR)  # of a signature left out
NAMES = tasks.find("ride_duration").columns
RNG = np.random.default_rng(3)
BLOCK = np.column_stack(
    [
        *(RNG.integers(1, 40, 400) for _ in range(2)),
        RNG.integers(1_001, 40_040, 400),
        RNG.random(400) * 20,
        RNG.integers(0, 1_440, 400),
        RNG.integers(0, 7, 400),
    ]
).astype(np.float64)
MINUTES = BLOCK[:, 3] * 3 + BLOCK[:, 0] % 7 + RNG.random(400)
INTEGERS = dict.fromkeys(NAMES, "int64") | {"trip_distance": "float64"}
"""As pandas has the rides: whole numbers, and the miles."""


def saved(
    folder: Path, estimator: Any, example: Any = None, file_format: str = "cloudpickle", **given: Any
) -> Path:
    """The artifact of a fitted estimator. example: what its signature is inferred from; None: it has none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer column")
        given.setdefault("signature", None if example is None else infer_signature(example, np.zeros(1)))
    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        serialization_format=file_format,
        skops_trusted_types=_TRUSTED if file_format == "skops" else None,
        pip_requirements=["scikit-learn"],
        **given,
    )
    return folder


def served(folder: Path) -> Model:
    """The artifact as it is served, pinned."""
    return load(folder, digest(folder))


def by_pyfunc(folder: Path, rows: Any) -> NDArray[np.float64]:
    """What `mlflow.pyfunc` answers for rows in the types of the signature."""
    return np.asarray(mlflow.pyfunc.load_model(str(folder)).predict(rows), dtype=np.float64).reshape(-1)


def typed(block: NDArray[np.float64], dtypes: dict[str, str]) -> pd.DataFrame:
    """A block's rows as a DataFrame. dtypes: the columns' names and types in order."""
    return pd.DataFrame({name: block[:, at].astype(of) for at, (name, of) in enumerate(dtypes.items())})
