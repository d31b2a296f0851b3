"""MLflow's scikit-learn flavour with an ONNX one beside it, in one artifact.

To MLflow this module is a flavour, as `mlflow.sklearn` is: `Model.log` calls its `save_model`. What it adds
is laid out as `mlflow.onnx` lays it out, so that `mlflow.onnx.load_model` loads it, too:
mlflow.org/docs/latest/ml/model
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.artifact.feed import Feed
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


def onnx_of(estimator: Any, block: Block, feed: Feed = PLAIN) -> Onnx | str:
    """The estimator's graph, or why there is none: then it is served by scikit-learn.

    block: (n, width) rows on which the two are compared, the validation set. feed: in which types it is
    served them.
    """
    try:
        content = exported(estimator)
        return Onnx(content, passed(content, estimator, block, feed))
    except (NotExportable, GateFailed, ArtifactError) as error:
        return str(error)


def told(gate: Gate) -> str:
    """What the gate found, for people."""
    most = gate.max_difference
    how = f"within {most:.1e} of scikit-learn's predictions" if most else "equal to scikit-learn bit for bit"
    return f"{how}, on {gate.rows:,} rows and thresholds"


def save_model(path: str, mlflow_model: Model, onnx: Onnx | None = None, **given: Any) -> None:
    """Save as `mlflow.sklearn.save_model` does, and the ONNX flavour where there is one."""
    import mlflow.sklearn

    mlflow.sklearn.save_model(path=path, mlflow_model=mlflow_model, **given)
    if onnx is not None:
        add(Path(path), mlflow_model, onnx)


def add(folder: Path, mlflow_model: Model, onnx: Onnx) -> None:
    """Write the flavour into an artifact's folder: the file first, then the MLmodel that names it."""
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
