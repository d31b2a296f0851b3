"""Read the input example of an artifact: rows of what its training was shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from threeways.artifact import limits
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactIncomplete


def example_rows(info: MLmodel, folder: Path, names: Sequence[str]) -> tuple[dict[str, Any] | None, bool]:
    """Return the example's first row by name, and whether there is one.

    names: of the columns; an example without names has them in this order. A NaN is None.
    mlflow.org/docs/latest/ml/model/signatures (model input example)
    """
    rows = all_rows(info, folder, names, 1)
    return (rows[0], True) if rows else (None, False)


def all_rows(info: MLmodel, folder: Path, names: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Return the example's first rows, at most so many; [] where it has none. See `example_rows`."""
    told = info.saved_input_example_info
    path = told and (told.serving_input_path or told.artifact_path)
    if not path:
        return []
    file = folder / path
    try:
        if file.stat().st_size > limits.EXAMPLE_BYTES:
            return []
        content = json.loads(file.read_bytes())  # MLflow writes NaN, which is no JSON
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactIncomplete(f"{file} is no input example: {error}; upload the artifact again") from error
    rows = islice(_rows(content, names), most)
    return [{name: _plain(value) for name, value in row.items()} for row in rows if row]


def _rows(content: Any, names: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of an example in any of MLflow's forms; None for what is no row."""
    if isinstance(content, dict):
        yield from _of_object(content, names)
    elif isinstance(content, list):
        for row in content:
            if isinstance(row, dict):
                yield {str(name): value for name, value in row.items()}
            elif len(names) == 1:
                yield {names[0]: row}
            else:
                yield _named(names, row) if isinstance(row, list) else None


def _of_object(content: dict[str, Any], names: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a split DataFrame, or of inputs by name."""
    for key in ("dataframe_split", "dataframe_records", "inputs", "instances"):
        if key in content:
            yield from _rows(content[key], names)
            return
    data = content.get("data")
    if isinstance(data, list) and data:
        columns = [str(one) for one in content.get("columns", names)]
        for row in data:
            yield _named(columns, row if isinstance(row, list) else [row])
        return
    lists = {str(name): one if isinstance(one, list) and one else [one] for name, one in content.items()}
    for at in range(min(map(len, lists.values()), default=0)):
        yield {name: values[at] for name, values in lists.items()}


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any] | None:
    return dict(zip(names, row, strict=True)) if len(names) == len(row) else None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
