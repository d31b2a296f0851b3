"""Refuse models that predict labels, until classes are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threeways.artifact import signature
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactUnsupported

_KINDS = {
    "classifier": "a classifier",
    "clusterer": "a clusterer",
    "outlier_detector": "an outlier detector",
    "density_estimator": "a mixture",
}
"""scikit-learn's estimator types whose `predict` returns labels: scikit-learn.org/stable/developers"""


def refuse(estimator: Any, info: MLmodel, folder: Path) -> None:
    """Raise ArtifactUnsupported where the model's `predict` returns labels, even if those are numbers."""
    what = _KINDS.get(_type_of(estimator) or "")
    if what is None and (hasattr(estimator, "classes_") or hasattr(estimator, "predict_proba")):
        what = _KINDS["classifier"]  # from a library without scikit-learn's tags
    if what is None and signature.labels(info):
        what = f"a model that answers {signature.labels(info)}"
    if what is not None:
        raise ArtifactUnsupported(
            f"{folder} holds {what} ({type(estimator).__name__}): its answers are labels, and classes are "
            f"not served yet, only numbers; train a regressor and log that"
        )


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
