"""Determine the kind of input of a fitted estimator: a block, dicts, or a DataFrame with named columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from threeways.artifact.sklearn import objects

type InputKind = Literal["block", "columns", "dicts", "frame", "texts"]
"""A float64 block, columns by name, one dict a row, a DataFrame with named columns, or one text a row."""

_DELEGATES = ("best_estimator_", "regressor_", "estimator_")
"""The attributes to which searches, target transformers and wrapped estimators pass their input unchanged."""


def input_kind(
    estimator: Any, *, of_frame: bool = False, mixed: bool = False, numbers: bool = True
) -> InputKind:
    """Return "dicts" or "texts" if the first steps take them, "frame" if a DataFrame differs, else "block".

    of_frame: whether the signature is a DataFrame's. mixed: whether that has columns of several types.
    numbers: whether all of its columns are numbers.
    """
    if _dict_takers(estimator):
        return "dicts"
    if _takes_texts(estimator):
        return "texts"
    if not numbers or _names_columns(estimator):
        return "frame"
    if not of_frame and not hasattr(estimator, "feature_names_in_"):
        return "block"
    return (
        "frame" if any(distinguishes_frames(part, mixed=mixed) for part in _receivers(estimator)) else "block"
    )


def vocabulary(estimator: Any) -> dict[str, frozenset[type]] | None:
    """Return the dict keys that the model was fitted on, each with its values' types: `str`, `float` or both.

    None where they are unknown (hashing, or no dicts).
    """
    keys: dict[str, frozenset[type]] = {}
    for taker in _dict_takers(estimator):
        names = getattr(taker, "vocabulary_", None)
        if names is None:
            return None
        for name in names:
            key, separator, _ = name.partition(taker.separator)
            keys[key] = keys.get(key, frozenset()) | {str if separator else float}
    return keys or None


def drop_feature_names(estimator: Any) -> None:
    """Delete the fitted feature names: the estimator then takes a block without warning at each prediction.

    For an estimator that was fitted on a DataFrame but selects columns by position.
    """
    parts = list(objects.walk(estimator))
    if not any(makes_frames(part) for part in parts):
        for part in parts:
            objects.attributes(part).pop("feature_names_in_", None)


def _dict_takers(estimator: Any) -> list[Any]:
    from sklearn.feature_extraction import DictVectorizer, FeatureHasher

    if isinstance(estimator, DictVectorizer) or (
        isinstance(estimator, FeatureHasher) and estimator.input_type == "dict"
    ):
        return [estimator]
    return [taker for part in first_parts(estimator) for taker in _dict_takers(part)]


def _takes_texts(estimator: Any) -> bool:
    """Return whether the first steps take one text a row, as scikit-learn's vectorizers do."""
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

    if isinstance(estimator, CountVectorizer | HashingVectorizer):
        return True
    return any(_takes_texts(part) for part in first_parts(estimator))


def first_parts(estimator: Any) -> list[Any]:
    """Return the estimators to which this one passes its input unchanged."""
    from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
    from sklearn.pipeline import FeatureUnion, Pipeline

    if isinstance(estimator, Pipeline):
        return [step for _, step in estimator.steps if step not in (None, "passthrough")][:1]
    if isinstance(estimator, FeatureUnion):
        return [part for _, part in estimator.transformer_list if not isinstance(part, str)]
    if isinstance(estimator, VotingRegressor | StackingRegressor | VotingClassifier | StackingClassifier):
        return list(estimator.estimators_)
    return [getattr(estimator, name) for name in _DELEGATES if hasattr(estimator, name)]


def _receivers(estimator: Any) -> Iterator[Any]:
    """Yield the parts that get the model's input unchanged, or some of its columns."""
    from sklearn.compose import ColumnTransformer

    yield estimator
    parts = first_parts(estimator)
    if isinstance(estimator, ColumnTransformer):
        parts = [part for _, part, _ in estimator.transformers_ if not isinstance(part, str)]
    for part in parts:
        yield from _receivers(part)


def distinguishes_frames(part: Any, *, mixed: bool) -> bool:
    """Return whether the part may treat a DataFrame and an array of the same numbers differently.

    Any function or class that is not scikit-learn's may; a ColumnTransformer by position and a NumPy function
    may where the columns have several types.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer

    if isinstance(part, FunctionTransformer):
        plain = part.func is None or (isinstance(part.func, np.ufunc) and not mixed)
        return not part.validate and not plain
    foreign = not type(part).__module__.startswith("sklearn.")
    return foreign or (mixed and isinstance(part, ColumnTransformer))


def _names_columns(estimator: Any) -> bool:
    if not hasattr(estimator, "feature_names_in_"):
        return False
    return any(selects_by_name(part) or makes_frames(part) for part in objects.walk(estimator))


def selects_by_name(part: Any) -> bool:
    """Return whether the part is a fitted ColumnTransformer that selects columns by name."""
    from sklearn.compose import ColumnTransformer

    return isinstance(part, ColumnTransformer) and any(
        _is_name(columns)
        for *_, columns in getattr(part, "transformers_", ())  # a template has none
    )


def _is_name(columns: Any) -> bool:
    """Return whether a ColumnTransformer selects columns by name: one, several, or a slice between names."""
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    if isinstance(columns, str):
        return True
    return any(isinstance(column, str) for column in columns) if hasattr(columns, "__iter__") else False


def makes_frames(part: Any) -> bool:
    """Return whether `set_output` configured the part to output DataFrames."""
    config = objects.attributes(part).get("_sklearn_output_config", {})
    return isinstance(config, dict) and config.get("transform", "default") != "default"
