"""Read the input example of an artifact: the first row of what its training was shown."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactIncomplete

_MAX_BYTES = 10 * 2**20


def example_rows(info: MLmodel, folder: Path, names: Sequence[str]) -> tuple[dict[str, Any] | None, bool]:
    """Return the example's first row by name, and whether there is one.

    names: of the columns; an example without names has them in this order. A NaN is None.
    mlflow.org/docs/latest/ml/model/signatures (model input example)
    """
    read = _first(info, folder, names)
    if read is None:
        return None, False
    return {name: _plain(value) for name, value in read.items()}, True


def _first(info: MLmodel, folder: Path, names: Sequence[str]) -> dict[str, Any] | None:
    told = info.saved_input_example_info
    path = told and (told.serving_input_path or told.artifact_path)
    if not path:
        return None
    file = folder / path
    try:
        if file.stat().st_size > _MAX_BYTES:
            return None
        content = json.loads(file.read_bytes())  # MLflow writes NaN, which is no JSON
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactIncomplete(f"{file} is no input example: {error}; upload the artifact again") from error
    return _row(content, names)


def _row(content: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the first row of MLflow's forms of an example: a split DataFrame, records, or inputs."""
    if isinstance(content, dict):
        for key in ("dataframe_split", "dataframe_records", "inputs", "instances"):
            if key in content:
                return _row(content[key], names)
        if "data" in content and isinstance(content["data"], list) and content["data"]:
            first = content["data"][0]
            columns = [str(one) for one in content.get("columns", names)]
            return _named(columns, first if isinstance(first, list) else [first])
        first = {
            str(name): values[0] if isinstance(values, list) and values else values
            for name, values in content.items()
        }
        return first or None
    if isinstance(content, list) and content:
        first = content[0]
        if isinstance(first, dict):
            return {str(name): value for name, value in first.items()}
        if len(names) == 1:
            return {names[0]: first}
        return _named(names, first) if isinstance(first, list) else None
    return None


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any] | None:
    return dict(zip(names, row, strict=True)) if len(names) == len(row) else None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
