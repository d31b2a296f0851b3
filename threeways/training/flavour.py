"""Log a model with MLflow's scikit-learn flavour and an ONNX flavour in one artifact.

This module implements MLflow's flavour interface, as `mlflow.sklearn` does: `Model.log` calls its
`save_model`. The ONNX flavour has the layout of `mlflow.onnx`, so that `mlflow.onnx.load_model` loads it:
mlflow.org/docs/latest/ml/model
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import msgspec

from threeways.artifact.input_types import InputTypes
from threeways.artifact.inputs import Rows, Table
from threeways.artifact.mlmodel import NAME, Gate
from threeways.artifact.reference import FILE as REFERENCE
from threeways.artifact.tables import TableTypes
from threeways.atomic_files import replacing
from threeways.errors import ArtifactError
from threeways.training.export import PLAIN, GateFailed, NotExportable, exported, passed, table_passed

if TYPE_CHECKING:
    from mlflow.models import Model

    from threeways.training.golden_set import GoldenMaker

logger = logging.getLogger(__name__)

FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Onnx:
    """A graph that passed the exactness gate."""

    content: bytes
    gate: Gate


def onnx_of(
    estimator: Any,
    rows: Rows,
    types: InputTypes = PLAIN,
    table_types: TableTypes | None = None,
    method: str = "predict",
) -> Onnx | str:
    """Return the estimator's graph, or the reason why there is none; scikit-learn serves the model then.

    rows: the rows to compare the two on, the validation set: an (n, width) block, or a table for a model that
    takes a DataFrame. types, table_types: the column types of the model's input. method: what is asked.
    """
    try:
        if isinstance(rows, Table):
            declared = table_types or TableTypes((), "frame")
            content = exported(estimator, declared.columns, method)
            return Onnx(content, table_passed(content, estimator, rows, declared, method))
        content = exported(estimator, method=method)
        return Onnx(content, passed(content, estimator, rows, types, method))
    except (NotExportable, GateFailed, ArtifactError) as error:
        return str(error)


def lacking(reason: str) -> str:
    """Say in a line that there is no graph, without the names of the classes that could be written."""
    why, listed, _ = reason.partition(" that are written: ")
    kind = " that are written as graphs" if listed else ""
    return f"no ONNX flavour: {why}{kind}. It is served by scikit-learn"


def describe(gate: Gate) -> str:
    """Describe the gate's result in words."""
    most = gate.max_difference
    how = f"within {most:.1e} of scikit-learn's predictions" if most else "equal to scikit-learn bit for bit"
    return f"{how}, on {gate.rows:,} rows and thresholds"


def save_model(
    path: str,
    mlflow_model: Model,
    onnx: Onnx | None = None,
    reference: bytes | None = None,
    golden: GoldenMaker | None = None,
    **given: Any,
) -> None:
    """Save as `mlflow.sklearn.save_model` does, and add the ONNX flavour, the reference and the golden set.

    A graph that is not exact on the golden set is left out.
    """
    import mlflow.sklearn

    mlflow.sklearn.save_model(path=path, mlflow_model=mlflow_model, **given)
    if given.get("serialization_format") == "skops":
        write_compact(Path(path) / "model.skops")
    if reference is not None:
        (Path(path) / REFERENCE).write_bytes(reference)
    if onnx is not None:
        add(Path(path), mlflow_model, onnx)
    if golden is not None:
        why = golden.add(Path(path), mlflow_model)
        if why is not None:
            logger.warning("the ONNX flavour is left out: %s", why)


def write_compact(file: Path) -> None:
    """Write a skops file's schema without its white space: most of what a vocabulary takes is indentation."""
    with replacing(file) as part, ZipFile(file) as members, ZipFile(part, "w") as made:
        for member in members.infolist():
            content = members.read(member)
            if member.filename == "schema.json":
                content = msgspec.json.format(content, indent=-1)
            made.writestr(member, content)


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
