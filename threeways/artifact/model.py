"""A loaded model: the input it takes, its predictions, and whether a task's features fit it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import signature
from threeways.artifact.input_types import InputTypes
from threeways.artifact.mlmodel import MLmodel
from threeways.artifact.sklearn.input_kind import InputKind
from threeways.artifact.sklearn.jobs import sequential_jobs
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, ModelFailed, UnpredictableEvent
from threeways.settings import Runtime

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A verified estimator and its metadata.

    version: the id of the run that made it. input_kind: what `predict` takes. columns: the names of the
    block's columns in order; None where the artifact has none. width: the number of columns, if known.
    vocabulary: where it takes dicts, the keys that it was fitted on and whether their values were texts or
    numbers. info: its MLmodel. runtime: the library that runs it. input_types: the column types that a block
    is converted to.
    """

    estimator: Any
    version: str
    input_kind: InputKind
    columns: tuple[str, ...] | None
    width: int | None
    vocabulary: Mapping[str, frozenset[type]] | None
    info: MLmodel
    runtime: Runtime = "sklearn"
    input_types: InputTypes = field(default_factory=InputTypes)

    def predict(self, features: Any, columns: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Return the (n,) predictions for n rows: an (n, width) float64 block, or n dicts.

        columns: the names of the block's columns, where the model takes a DataFrame; they may be more than
        the model's and in another order. None: the model's own columns. For no rows the estimator is not
        called. The estimator's exceptions propagate; raises ModelFailed where the result is not one number a
        row, and UnpredictableEvent for a row that `refused` returns.
        """
        rows = len(features)
        if not rows:
            return np.empty(0)
        if columns is not None and self.columns is not None and self.input_kind == "frame":
            features = features[:, [list(columns).index(name) for name in self.columns]]
        for fault in self.refused(features).values():
            raise fault
        if self.input_kind != "dicts":
            features = self.input_types.convert(features)
        with sequential_jobs() if self.runtime == "sklearn" else nullcontext():
            return _one_a_row(self.estimator.predict(features), rows)

    def refused(self, features: Any) -> dict[int, UnpredictableEvent]:
        """Return the rows with a value that the signature's type cannot hold: index -> error."""
        if not self.input_types.typed or self.input_kind == "dicts":
            return {}
        return {row: UnpredictableEvent(why) for row, why in self.input_types.invalid_rows(features).items()}


def check_task(info: MLmodel, task: str) -> None:
    """Raise ArtifactMismatch where the artifact's metadata names another task."""
    if info.task is not None and info.task != task:
        raise ArtifactMismatch(
            f"the artifact says that it was trained for the task {info.task!r}, and TASK is {task!r}; set "
            f"TASK={info.task}, or name a model of {task} (MODEL_LOCATION)"
        )


def check(model: Model, columns: tuple[str, ...], dict_features: Mapping[str, type]) -> None:
    """Check that a task's features fit the model: its block's columns, or the keys and types of its dicts.

    Raises ArtifactMismatch naming both sides, or ArtifactUnsupported where pandas is needed but not
    installed.
    """
    if model.input_kind == "dicts":
        taken = model.vocabulary or {}
        unknown = sorted(set(taken) - set(dict_features))
        if unknown:
            raise ArtifactMismatch(
                f"the model takes dicts with {', '.join(unknown)}, which the task does not make "
                f"(it makes {', '.join(dict_features) or 'none'}); name the task it was trained for in TASK"
            )
        for name, kinds in taken.items():
            if dict_features[name] not in kinds:  # a DictVectorizer silently ignores unknown features
                made, trained = ("text", "numbers") if dict_features[name] is str else ("a number", "texts")
                raise ArtifactMismatch(
                    f"the task makes {made} of {name}, and the model was trained on {trained} of it, so that "
                    f"it would pass {name} over; name the task it was trained for in TASK, or train it on "
                    f"{made}"
                )
        return
    if model.input_kind == "frame":
        _require_pandas()
    texts = signature.not_numbers(model.info)
    if texts:
        raise ArtifactMismatch(
            f"the model takes {', '.join(texts)}, and a task's block holds numbers; "
            f"train it on the task's columns, or on dicts with a DictVectorizer"
        )
    _check_columns(model, columns)
    _warn(model, columns)


def _warn(model: Model, columns: tuple[str, ...]) -> None:
    """Warn once, at the start, where column names or types cannot be checked and predictions may be wrong."""
    if model.columns is None:
        logger.warning(
            "the model names no columns, so that their order cannot be checked: it gets %s. If it was "
            "trained on another order, its predictions are wrong. Log it with a signature inferred from a "
            "DataFrame of these columns, or with metadata={'features': [their names]}",
            ", ".join(columns),
        )
    if not signature.inputs(model.info):
        logger.warning(
            "the model has no signature, so that its columns' types cannot be known: it gets all of them as "
            "float64. If it was trained on others, its predictions may be wrong. Log it with "
            "signature=mlflow.models.infer_signature(what it was trained on)"
        )


def _check_columns(model: Model, columns: tuple[str, ...]) -> None:
    if model.columns is not None and model.columns != columns:
        order = " in another order" if sorted(model.columns) == sorted(columns) else ""
        raise ArtifactMismatch(
            f"the model takes the columns {', '.join(model.columns)}; "
            f"the task makes {', '.join(columns)}{order}; "
            f"name the task it was trained for in TASK, or train it on the task's block"
        )
    fitted = getattr(model.estimator, "n_features_in_", None)
    if model.input_kind == "block" and None not in {fitted, model.width} and fitted != model.width:
        raise ArtifactMismatch(
            f"the model's signature has {model.width} columns, and it was fitted on {fitted}; log it with "
            "the signature of what it was fitted on"
        )
    if model.width is not None and model.width != len(columns):
        raise ArtifactMismatch(
            f"the model takes {model.width} columns; the task makes {len(columns)}: {', '.join(columns)}; "
            f"name the task it was trained for in TASK, or train it on the task's block"
        )


def _require_pandas() -> None:
    try:
        import pandas  # noqa: F401, ICN001  (only whether it is installed)
    except ImportError as error:
        raise ArtifactUnsupported(
            "the model names DataFrame columns, which needs pandas, and pandas is not installed here; "
            "train the pipeline with columns by position, or add pandas to [sklearn] in the Pipfile and run "
            "`make lock`"
        ) from error


def _one_a_row(answer: Any, rows: int) -> NDArray[np.float64]:
    try:
        predictions = np.asarray(answer)
        if predictions.dtype.kind == "O" and not _holds_labels(predictions):
            predictions = predictions.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ModelFailed(f"the model predicts something other than numbers: {error}") from error
    if predictions.dtype.kind not in "iuf":
        raise ModelFailed(
            f"the model predicts something other than numbers ({predictions.dtype}): classes are not served "
            f"yet; train a regressor"
        )
    if predictions.shape not in {(rows,), (rows, 1)}:
        raise ModelFailed(
            f"the model predicts shape {predictions.shape} for {rows} rows; one number a row is served"
        )
    return predictions.reshape(rows).astype(np.float64, copy=False)


def _holds_labels(answers: NDArray[Any]) -> bool:
    return any(isinstance(one, str | bytes | bool | np.bool_ | complex) for one in answers.flat)
