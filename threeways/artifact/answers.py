"""What a model answers: which of its methods is called, and what the numbers or labels mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threeways.artifact import signature
from threeways.artifact.mlmodel import METHODS, MLmodel
from threeways.errors import ArtifactUnsupported

type Label = str | int | float | bool

_LABELLED = frozenset({"classifier", "clusterer", "outlier_detector", "density_estimator"})
"""scikit-learn's estimator types whose `predict` returns labels: scikit-learn.org/stable/developers"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What `Model.predict` returns for n rows.

    method: what is called. labels: whether `predict` returns labels, numbers though they may be. classes: the
    labels in the order of the answer's columns; None where the model has none. names: the outputs' names in
    the signature, () where it has none.
    """

    method: str = "predict"
    labels: bool = False
    classes: tuple[Label, ...] | None = None
    names: tuple[str, ...] = ()

    @property
    def numbers(self) -> bool:
        """Whether the answers are numbers that stand for themselves."""
        return self.method == "predict" and not self.labels


def of_estimator(estimator: Any, info: MLmodel) -> Answers:
    """Return what a scikit-learn estimator answers. Raises ArtifactUnsupported where it lacks the method."""
    method = info.method
    if not callable(getattr(estimator, method, None)):
        raise ArtifactUnsupported(
            f"the model is a {type(estimator).__name__}, which has no {method}; log one that has, or another "
            f"pyfunc_predict_fn (one of {', '.join(METHODS)})"
        )
    classes = _classes(estimator)
    labels = (
        classes is not None
        or _type_of(estimator) in _LABELLED
        or callable(getattr(estimator, "predict_proba", None))
        or signature.labels(info) is not None
    )
    return Answers(method, labels, classes, signature.output_names(info))


def _classes(estimator: Any) -> tuple[Label, ...] | None:
    """Return the fitted labels as Python values; None where there are none, or several outputs' lists."""
    found = getattr(estimator, "classes_", None)
    if found is None or isinstance(found, list):
        return None
    values = found.tolist() if hasattr(found, "tolist") else list(found)
    return tuple(values) if all(isinstance(one, str | int | float) for one in values) else None


def _type_of(estimator: Any) -> str | None:
    """Return scikit-learn's type of the estimator or its last step; None where neither has one."""
    from sklearn.utils import get_tags

    try:
        found = get_tags(estimator).estimator_type
    except Exception:  # noqa: BLE001  (a class of another library may lack tags, or raise anything)
        found = getattr(estimator, "_estimator_type", None)
    steps = getattr(estimator, "steps", None)
    if found is None and isinstance(steps, list) and steps:
        return _type_of(steps[-1][1])
    return found if isinstance(found, str) else None
