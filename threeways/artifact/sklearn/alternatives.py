"""Suggest what to do instead of a type that a skops file may not hold, by its module and name."""

from __future__ import annotations

import sys

from threeways.artifact.sklearn.allowed import SkopsType

PIN = "log the model with serialization_format='cloudpickle' and pin MODEL_SHA256"
_AT_HAND = sys.stdlib_module_names | {"__main__", "numpy", "scipy", "sklearn"}
"""Modules that are installed wherever a model is loaded, or that cloudpickle pickles by value."""


def suggestion(kind: SkopsType, where: str) -> str:
    """Return what the user may do. where: the object's path from the model, such as `model.steps[0]`."""
    top = kind.module.partition(".")[0]
    if kind.module.startswith("sklearn.model_selection._search") and kind.name.endswith("SearchCV"):
        if where == "model":
            return "log what it has found, its best_estimator_"
        return "put what it has found, its best_estimator_, in its place and log the model again"
    if kind.module.startswith("scipy.sparse"):
        return (
            f"train it on dense rows (sparse_output=False in its encoders, sparse_threshold=0 in its "
            f"ColumnTransformer), or {PIN}"
        )
    if top == "_loss":  # how skops writes scikit-learn's losses before 1.9
        return (
            f"its scikit-learn is too old for skops: train it with the one that is installed here, or {PIN}"
        )
    if top not in _AT_HAND:
        return (
            f"{PIN}; if {top} is your own, log it with code_paths=[its file or folder], too; if it is a "
            f"package, add it to [sklearn] in the Pipfile and run `make lock`"
        )
    return f"use what is on that list, or {PIN}"
