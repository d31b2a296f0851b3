"""Log a model with MLflow's scikit-learn flavour and an ONNX flavour in one artifact.

This module implements MLflow's flavour interface, as `mlflow.sklearn` does: `Model.log` calls its
`save_model`. The ONNX flavour has the layout of `mlflow.onnx`, so that `mlflow.onnx.load_model` loads it:
mlflow.org/docs/latest/ml/model
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.artifact.input_types import InputTypes
from threeways.artifact.inputs import Block
from threeways.artifact.mlmodel import NAME, Gate
from threeways.errors import ArtifactError
from threeways.training.export import PLAIN, GateFailed, NotExportable, exported, passed

if TYPE_CHECKING:
    from mlflow.models import Model

FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Onnx:
    """A graph that passed the exactness gate."""

    content: bytes
    gate: Gate


def onnx_of(estimator: Any, block: Block, types: InputTypes = PLAIN) -> Onnx | str:
    """Return the estimator's graph, or the reason why there is none; scikit-learn serves the model then.

    block: (n, width) rows to compare the two on, the validation set. types: the column types of the model's
    input.
    """
    try:
        content = exported(estimator)
        return Onnx(content, passed(content, estimator, block, types))
    except (NotExportable, GateFailed, ArtifactError) as error:
        return str(error)


def describe(gate: Gate) -> str:
    """Describe the gate's result in words."""
    most = gate.max_difference
    how = f"within {most:.1e} of scikit-learn's predictions" if most else "equal to scikit-learn bit for bit"
    return f"{how}, on {gate.rows:,} rows and thresholds"


def save_model(path: str, mlflow_model: Model, onnx: Onnx | None = None, **given: Any) -> None:
    """Save as `mlflow.sklearn.save_model` does, and add the ONNX flavour if given."""
    import mlflow.sklearn

    mlflow.sklearn.save_model(path=path, mlflow_model=mlflow_model, **given)
    if onnx is not None:
        add(Path(path), mlflow_model, onnx)


def add(folder: Path, mlflow_model: Model, onnx: Onnx) -> None:
    """Add the flavour to an artifact's folder: first the file, then its entry in the MLmodel."""
    import onnx as library

    (folder / FILE).write_bytes(onnx.content)
    mlflow_model.add_flavor(
        "onnx",
        onnx_version=library.__version__,
        data=FILE,
        providers=["CPUExecutionProvider"],
        onnx_session_options=None,
        code=None,
        gate=msgspec.to_builtins(onnx.gate),
    )
    mlflow_model.save(str(folder / NAME))
