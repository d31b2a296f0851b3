"""What a table tells beside a model's features: the truth within each kind of row, trained on or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from threeways.artifact.reference import Reference
from threeways.artifact.reference.building import LEAST_ROWS, build
from threeways.scoring.task import Task

_KINDS = 8
"""The most kinds of rows that a truth is looked at in."""


def values_of(frame: pd.DataFrame, task: Task[Any]) -> tuple[dict[str, Any], NDArray[np.datetime64]]:
    """Return the truth by the kinds of rows that `Truth.where` tells apart, masked elsewhere; and all times.

    None where the task has no truth of that sort, or the table no such columns.
    """
    truth, names = task.truth, {str(name).lower(): name for name in frame}

    def column(wanted: str) -> pd.Series[Any] | None:
        found = next((names[one.lower()] for one in _names(wanted, task) if one.lower() in names), None)
        return None if found is None else frame[found]

    at = column(task.time.field) if task.time else None
    known = column(truth.column) if truth and not truth.since else None
    if truth is None or at is None or known is None:
        return {}, np.empty(0, "datetime64[us]")
    values = known.to_numpy(np.float64, na_value=np.nan)
    found: dict[str, Any] = {}
    for name in truth.where:
        kinds = column(name)
        if kinds is None:
            continue
        missing = kinds.isna()
        common = kinds[~missing].value_counts().index[:_KINDS].tolist()
        for told, rows in [("missing", missing), *((f"{one:g}", kinds == one) for one in common)]:
            if rows.sum() >= LEAST_ROWS:
                what = f"{truth.column} where {name} is {told}"
                found[what] = np.ma.MaskedArray(values, mask=~rows.to_numpy(bool))
    return found, pd.to_datetime(at).to_numpy("datetime64[us]")


def reference_of(
    values: Mapping[str, Any], times: NDArray[np.datetime64], task: str, source: str
) -> Reference | None:
    """Return the reference of such values; None where there are none."""
    return build(task, source, values, {}, times) if values else None


def _names(field: str, task: Task[Any]) -> list[str]:
    return [field, *(f"{prefix}{field}" for prefix in task.prefixes)]
