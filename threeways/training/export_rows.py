"""The rows on which an exported model is compared with the original: of a file, or around an example."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.examples import all_rows
from threeways.artifact.inputs import Block, Rows, Table
from threeways.artifact.model import Model
from threeways.artifact.signature import NUMPY_TYPES, Column
from threeways.errors import DataError
from threeways.scoring.task import Task
from threeways.training.examples import Say, training_of

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_000
"""How many rows are made around an example."""
_SPREAD = 0.5
_MISSING = 0.05


def rows_of(task: Task[Any], model: Model, folder: Path, events: str | None, say: Say) -> Rows:
    """Return the rows to compare on: a table for a model that takes a DataFrame, else a block.

    folder: the artifact's. events: what the user names as EVENTS; None: the system's own, or, for a task that
    its signature makes, variations of the artifact's input example. Raises DataError.
    """
    if model.input_kind in {"dicts", "texts"}:
        return np.empty((0, len(task.columns)))  # no graph takes them, which its converter tells
    columns, frame = model.table_types.columns, model.input_kind == "frame"
    if task.training is not None:
        block = training_of(task).sample(task, events, say).block
        return _table_of(block, task.columns, columns) if frame else block
    if events is not None:
        read = _of_file(events, task.columns)
        return table_of(read, columns, f"EVENTS={events}") if frame else numbers_of(read, f"EVENTS={events}")
    examples = [task.example, *_examples(task, model, folder)] if frame else [task.example]
    features = task.features(examples, [datetime.now(UTC)] * len(examples))
    say(f"EVENTS= names no rows: {ROWS:,} variations of the artifact's example are compared")
    if frame and isinstance(features.block, Table):
        return _varied(features.block, columns)
    [row] = _block(features.block)
    factors = np.random.default_rng(0).uniform(1 - _SPREAD, 1 + _SPREAD, (ROWS, len(row)))
    whole = np.isfinite(row) & (row == np.floor(row))
    made: Block = row * factors
    made[:, whole] = np.round(made[:, whole])
    return made


def table_of(frame: pd.DataFrame, columns: Sequence[Column], where: str) -> Table:
    """Return a DataFrame's rows as a model's named columns. Raises DataError for values of another type."""
    try:
        return Table({str(one.name): _column(frame[one.name], one) for one in columns})
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} holds other types than the model's signature: {error}") from error


def _column(values: pd.Series[Any], column: Column) -> NDArray[Any]:
    if column.type in {"double", "float"}:
        return values.to_numpy(np.float64, na_value=np.nan)
    if column.type == "datetime":
        return values.to_numpy("datetime64[us]")
    missing = values.isna().to_numpy()
    if missing.any() and column.required:
        raise ValueError(f"{column.name} is missing in a row, and it is required")
    kind = np.bool_ if column.type == "boolean" else np.int64
    if column.required and column.type != "string":
        return values.to_numpy(kind)
    made = np.empty(len(values), dtype=object)
    told = values[~missing]
    made[~missing] = told.astype(str).tolist() if column.type == "string" else told.to_numpy(kind).tolist()
    return made


def _table_of(block: Block, names: Sequence[str], columns: Sequence[Column]) -> Table:
    """Return a block as named columns of the signature's types."""
    kinds = [np.dtype(NUMPY_TYPES[one.type]) for one in columns]
    made = [np.int64 if kind.kind == "i" else np.bool_ if kind.kind == "b" else np.float64 for kind in kinds]
    return Table({name: block[:, at].astype(made[at]) for at, name in enumerate(names)})


def _examples(task: Task[Any], model: Model, folder: Path) -> list[Any]:
    """Return the rows of the input example that are events."""
    found = []
    for row in all_rows(model.info, folder, task.columns, ROWS):
        told = {name: value for name, value in row.items() if value is not None}
        try:
            found.append(msgspec.convert({task.id_name: 1} | told, type(task.example)))
        except msgspec.ValidationError:
            continue
    return found


def _varied(table: Table, columns: Sequence[Column]) -> Table:
    """Return rows with each value of some row, numbers changed, some missing where they may be."""
    rng = np.random.default_rng(0)
    made = {}
    for (name, values), column in zip(table.columns.items(), columns, strict=True):
        some = values[rng.integers(0, len(values), ROWS)]
        if some.dtype.kind in "fi":
            factors = rng.uniform(1 - _SPREAD, 1 + _SPREAD, ROWS)
            some = np.rint(some * factors).astype(some.dtype) if some.dtype.kind == "i" else some * factors
        if not column.required and some.dtype.kind in "fO":
            some[rng.random(ROWS) < _MISSING] = np.nan if some.dtype.kind == "f" else None
        made[name] = some
    return Table(made)


def _block(features: Block | Table) -> Block:
    if isinstance(features, Table):
        return np.column_stack([values.astype(np.float64) for values in features.columns.values()])
    return features


def numbers_of(frame: pd.DataFrame, where: str) -> Block:
    """Return a DataFrame's rows as a block. Raises DataError where a column holds no numbers."""
    try:
        return np.ascontiguousarray(frame.to_numpy(np.float64))
    except (ValueError, TypeError) as error:
        raise DataError(f"{where} holds other than numbers: {error}") from error


def _of_file(events: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read the columns of a parquet, CSV or JSON lines file. Raises DataError."""
    import pandas as pd

    readers: dict[str, Any] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    read = readers.get(Path(events).suffix.lower(), lambda path: pd.read_json(path, lines=True))
    try:
        found: pd.DataFrame = read(events)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"EVENTS={events} cannot be read: {error}; give parquet, CSV or JSON lines"
        ) from error
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise DataError(
            f"EVENTS={events} lacks columns of the model: {', '.join(map(str, lacking))}; it has "
            f"{', '.join(map(str, found)) or 'none'}"
        )
    return found[list(columns)]
