"""A loaded model: the input it takes, its predictions, and whether a task's features fit it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import signature
from threeways.artifact.answers import Answers
from threeways.artifact.digests import Hashes
from threeways.artifact.input_types import InputTypes
from threeways.artifact.inputs import Table
from threeways.artifact.mlmodel import MLmodel
from threeways.artifact.sklearn.input_kind import InputKind
from threeways.artifact.sklearn.jobs import sequential_jobs
from threeways.artifact.tables import TableTypes
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, ModelFailed, UnpredictableEvent
from threeways.settings import Runtime

if TYPE_CHECKING:
    from threeways.artifact.sklearn.terms import LinearTerms

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A verified estimator and its metadata.

    version: the id of the run that made it. input_kind: what `predict` takes. columns: the names of the
    block's columns in order; None where the artifact has none. width: the number of columns, if known.
    vocabulary: where it takes dicts, the keys that it was fitted on and whether their values were texts or
    numbers. info: its MLmodel. runtime: the library that runs it. input_types: the column types that a block
    is converted to. table_types: the same for a `Table`. answers: what `predict` returns. categories: a
    column's name -> the values that its encoder was fitted on. hashes: of the artifact's files, where its
    digest was verified.
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
    table_types: TableTypes = field(default_factory=lambda: TableTypes((), "block"))
    answers: Answers = field(default_factory=Answers)
    categories: Mapping[str, Collection[Any]] = field(default_factory=dict)
    hashes: Hashes | None = None

    @property
    def needs_pandas(self) -> bool:
        """Whether it takes a DataFrame."""
        return self.input_kind == "frame" and not self.table_types.by_position

    def predict(self, features: Any, columns: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the answers for n rows: an (n, width) float64 block, a `Table` or n dicts.

        Of a regressor they are (n,) numbers; `answers` says what they are of any model.

        columns: the names of the block's columns, where the model takes a DataFrame; they may be more than
        the model's and in another order. None: the model's own columns. For no rows the estimator is not
        called. The estimator's exceptions propagate; raises ModelFailed where the result is no array of n
        answers, and UnpredictableEvent for a row that `refused` returns.
        """
        rows = len(features)
        if not rows:
            return np.empty(0)
        if columns is not None and self.columns is not None and self.input_kind in {"columns", "frame"}:
            features = features[:, [list(columns).index(name) for name in self.columns]]
        for fault in self.refused(features).values():
            raise fault
        features = self.converted(features)
        with sequential_jobs() if self.runtime == "sklearn" else nullcontext():
            return _array(getattr(self.estimator, self.answers.method)(features), rows)

    def converted(self, features: Any) -> Any:
        """Return rows, none of which `refused` returns, in the form that the estimator takes."""
        if self.input_kind == "columns" and not isinstance(features, Table):
            features = Table(dict(zip(self.columns or (), features.T, strict=True)))
        if isinstance(features, Table):
            return self.table_types.convert(features)
        return features if self.input_kind == "dicts" else self.input_types.convert(features)

    def terms(self, columns: Sequence[str]) -> LinearTerms:
        """Return what tells the terms of its predictions. columns: their names, in order.

        Raises ArtifactUnsupported where it is no linear model of scikit-learn's flavour.
        """
        if self.runtime != "sklearn":
            raise ArtifactUnsupported(
                f"because: the flavour {self.runtime} tells no terms; set MODEL_RUNTIME=sklearn, in an image "
                "with scikit-learn, or leave `because` out"
            )
        from threeways.artifact.sklearn.terms import LinearTerms

        return LinearTerms(self.estimator, self.answers, columns)

    def refused(self, features: Any) -> dict[int, UnpredictableEvent]:
        """Return the rows with a value that the signature's type cannot hold: index -> error."""
        if isinstance(features, Table):
            return self.table_types.invalid_rows(features)
        if not self.input_types.typed or self.input_kind == "dicts":
            return {}
        return {row: UnpredictableEvent(why) for row, why in self.input_types.invalid_rows(features).items()}

    def unseen(self, features: Any) -> NDArray[np.bool_] | None:
        """Return the (n,) rows with a category that no encoder was fitted on; None where there is none."""
        if not self.categories or not isinstance(features, Table):
            return None
        found = np.zeros(len(features), dtype=np.bool_)
        for name, known in self.categories.items():
            told = (one == one and one not in known for one in features.columns[name].tolist())
            found |= np.fromiter(told, np.bool_, len(found))
        return found if found.any() else None


def check_task(info: MLmodel, task: str) -> None:
    """Raise ArtifactMismatch where the artifact's metadata names another task."""
    if info.task is not None and info.task != task:
        raise ArtifactMismatch(
            f"the artifact says that it was trained for the task {info.task!r}, and TASK is {task!r}; set "
            f"TASK={info.task}, or name a model of {task} (MODEL_LOCATION)"
        )


def check(
    model: Model, columns: tuple[str, ...], dict_features: Mapping[str, type], *, mixed: bool = False
) -> None:
    """Check that a task's features fit the model: its columns, or the keys and types of its dicts.

    mixed: the features are a `Table`, with columns of any type.

    Raises ArtifactMismatch naming both sides, or ArtifactUnsupported where pandas is needed but not
    installed.
    """
    if model.input_kind == "dicts":
        _check_dicts(model, _declared(model.info) if mixed else dict_features)
        return
    if model.input_kind == "texts" and mixed:
        return
    if model.needs_pandas:
        _require_pandas()
    texts = signature.not_numbers(model.info)
    if texts and not mixed:
        raise ArtifactMismatch(
            f"the model takes {', '.join(texts)}, and a task's block holds numbers; "
            f"train it on the task's columns, or on dicts with a DictVectorizer"
        )
    _check_columns(model, columns)
    _warn(model, columns)


def _declared(info: MLmodel) -> dict[str, type]:
    """Return the signature's columns as the keys of dicts: texts, or numbers."""
    return {str(one.name): str if one.type == "string" else float for one in signature.inputs(info)}


def _check_dicts(model: Model, made: Mapping[str, type]) -> None:
    """Raise ArtifactMismatch for a key that the model was fitted on and would pass over."""
    taken = model.vocabulary or {}
    unknown = sorted(set(taken) - set(made))
    if unknown:
        raise ArtifactMismatch(
            f"the model takes dicts with {', '.join(unknown)}, which its task does not make (it makes "
            f"{', '.join(made) or 'none'}); name the task it was trained for in TASK, or log it with a "
            "signature that has them"
        )
    for name, kinds in taken.items():
        if made[name] not in kinds:  # a DictVectorizer silently ignores unknown features
            given, trained = ("text", "numbers") if made[name] is str else ("a number", "texts")
            raise ArtifactMismatch(
                f"the task makes {given} of {name}, and the model was trained on {trained} of it, so that "
                f"it would pass {name} over; name the task it was trained for in TASK, or train it on "
                f"{given}"
            )


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
            "the model takes a DataFrame, which needs pandas, and pandas is not installed here; use the "
            "image's target `frame`, which has it, or train the model so that arrays will do, as "
            "docs/runtimes.md says"
        ) from error


def _array(answer: Any, rows: int) -> NDArray[Any]:
    """Return the answers as an array of so many rows. Raises ModelFailed."""
    try:
        found = np.asarray(answer)
    except ValueError as error:  # a list of arrays: several outputs' probabilities
        raise ModelFailed(f"the model answers no array: {error}") from error
    if found.shape[:1] != (rows,) or found.ndim > 2:
        raise ModelFailed(
            f"the model answers shape {found.shape} for {rows} rows; one answer a row is served"
        )
    return found
