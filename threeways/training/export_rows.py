"""The rows on which an exported model is compared with the original: of a file, or around an example."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from threeways.artifact.inputs import Block, Table
from threeways.artifact.model import Model
from threeways.artifact.signature import NUMPY_TYPES, inputs
from threeways.errors import ArtifactUnsupported, DataError
from threeways.scoring.task import Task
from threeways.training.examples import Say, training_of

ROWS = 1_000
"""How many rows are made around an example."""
_SPREAD = 0.5


def rows_of(task: Task[Any], model: Model, events: str | None, say: Say) -> Block:
    """Return the (n, len(task.columns)) rows to compare on.

    events: what the user names as EVENTS; None: the system's own, or, for a task that its signature makes,
    variations of the artifact's input example. Raises DataError, or ArtifactUnsupported where a column holds
    no numbers.
    """
    if task.training is not None:
        return training_of(task).sample(task, events, say).block
    other = [
        str(one.name) for one in inputs(model.info) if one.tensor is None and one.type not in NUMPY_TYPES
    ]
    if other:
        raise ArtifactUnsupported(
            f"a graph takes numbers alone, and {', '.join(other)} are none; scikit-learn serves this model"
        )
    if events is not None:
        return _of_file(events, task.columns)
    features = task.features([task.example], [datetime.now(UTC)])
    [row] = _block(features.block)
    say(f"EVENTS= names no rows: {ROWS:,} variations of the artifact's example are compared")
    factors = np.random.default_rng(0).uniform(1 - _SPREAD, 1 + _SPREAD, (ROWS, len(row)))
    whole = np.isfinite(row) & (row == np.floor(row))
    made: Block = row * factors
    made[:, whole] = np.round(made[:, whole])
    return made


def _block(features: Block | Table) -> Block:
    if isinstance(features, Table):
        return np.column_stack([values.astype(np.float64) for values in features.columns.values()])
    return features


def _of_file(events: str, columns: tuple[str, ...]) -> Block:
    """Read the columns of a parquet, CSV or JSON lines file. Raises DataError."""
    import pandas as pd

    readers: dict[str, Any] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    read = readers.get(Path(events).suffix.lower(), lambda path: pd.read_json(path, lines=True))
    try:
        frame = read(events)
        return np.ascontiguousarray(frame[list(columns)].to_numpy(np.float64))
    except KeyError as error:
        raise DataError(f"EVENTS={events} lacks columns of the model: {error.args[0]}") from error
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"EVENTS={events} cannot be read: {error}; give parquet, CSV or JSON lines"
        ) from error
