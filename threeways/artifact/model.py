"""A loaded model: what it takes, what it answers, and whether a task fits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import signature
from threeways.artifact.kind import Wants
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, ModelFailed
from threeways.settings import Runtime


@dataclass(frozen=True, slots=True)
class Model:
    """An estimator that has been verified, with what there is to know before calling it.

    version: the run that made it. wants: what `predict` takes. columns: the names of the block's columns in
    order, None where the artifact tells none. width: how many columns, where known. vocabulary: the keys of
    the dicts it was fitted on, where it takes dicts. info: its MLmodel. runtime: what calls it.
    """

    estimator: Any
    version: str
    wants: Wants
    columns: tuple[str, ...] | None
    width: int | None
    vocabulary: frozenset[str] | None
    info: MLmodel
    runtime: Runtime = "sklearn"

    def predict(self, features: Any, columns: Sequence[str] | None = None) -> NDArray[np.float64]:
        """The (n,) predictions for n rows: an (n, width) float64 block, or n dicts where it wants those.

        columns: for "frame", the names of the block's columns, which may be more than the model's and in
        another order; left out, they are the model's own. No rows, no call. What the estimator raises is
        passed on; an answer that is not one number a row raises ModelFailed.
        """
        rows = len(features)
        if not rows:
            return np.empty(0)
        taken = self._frame(features, columns) if self.wants == "frame" else features
        return _one_a_row(self.estimator.predict(taken), rows)

    def _frame(self, block: NDArray[np.float64], columns: Sequence[str] | None) -> Any:
        import pandas as pd

        names = list(columns or self.columns or ())
        return pd.DataFrame(block, columns=names)[list(self.columns or names)]


def check(model: Model, columns: tuple[str, ...], dict_features: tuple[str, ...]) -> None:
    """Whether a task's features fit the model: its block's columns, or the keys of its dicts.

    Raises ArtifactMismatch naming both sides, or ArtifactUnsupported where pandas is needed and not there.
    """
    if model.wants == "dicts":
        unknown = sorted((model.vocabulary or frozenset()) - set(dict_features))
        if unknown:
            raise ArtifactMismatch(
                f"the model takes dicts with {', '.join(unknown)}, which the task does not make "
                f"(it makes {', '.join(dict_features) or 'none'}); name the task it was trained for in TASK"
            )
        return
    if model.wants == "frame":
        _require_pandas()
    texts = signature.not_numbers(model.info)
    if texts:
        raise ArtifactMismatch(
            f"the model takes {', '.join(texts)}, and a task's block holds numbers; "
            f"train it on the task's columns, or on dicts with a DictVectorizer"
        )
    _check_columns(model, columns)


def _check_columns(model: Model, columns: tuple[str, ...]) -> None:
    if model.columns is not None and model.columns != columns:
        order = " in another order" if sorted(model.columns) == sorted(columns) else ""
        raise ArtifactMismatch(
            f"the model takes the columns {', '.join(model.columns)}; "
            f"the task makes {', '.join(columns)}{order}; "
            f"name the task it was trained for in TASK, or train it on the task's block"
        )
    if model.width is not None and model.width != len(columns):
        raise ArtifactMismatch(
            f"the model takes {model.width} columns; the task makes {len(columns)}: {', '.join(columns)}; "
            f"name the task it was trained for in TASK, or train it on the task's block"
        )


def _require_pandas() -> None:
    try:
        import pandas  # noqa: F401, ICN001  (only whether it is there)
    except ImportError as error:
        raise ArtifactUnsupported(
            "the model names DataFrame columns, which needs pandas, and pandas is not installed here; "
            "train the pipeline with columns by position, or add pandas to [sklearn] in the Pipfile and run "
            "`make lock`"
        ) from error


def _one_a_row(answer: Any, rows: int) -> NDArray[np.float64]:
    try:
        predictions = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelFailed(f"the model predicts something other than numbers: {error}") from error
    if predictions.shape not in {(rows,), (rows, 1)}:
        raise ModelFailed(
            f"the model predicts shape {predictions.shape} for {rows} rows; one number a row is served"
        )
    return predictions.reshape(rows)
