"""Rewrite a model that selects a DataFrame's columns by name to positions: it then needs no pandas.

Only where that is exact: each of scikit-learn's parts that gets some of the columns converts a DataFrame to
what `ColumnArrays` gives it. Everything else keeps its DataFrame: functions and classes of one's own,
`set_output`, times, and integers or booleans that may be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from threeways.artifact.signature import NUMPY_TYPES, Column
from threeways.artifact.sklearn import input_kind, objects

_NULLABLE = frozenset({"long", "integer", "boolean"})
_TEXT = "string"

type Selected = list[tuple[str, Any, Any]]
"""A fitted ColumnTransformer's parts: name, transformer, columns."""


def rewrite(estimator: Any, names: Sequence[str], columns: Sequence[Column]) -> bool:
    """Rewrite the names in a loaded estimator to positions where that is exact; tell whether it was done.

    names: of the table's columns, in order. columns: the same as the signature declares them.
    """
    if len(columns) != len(names):
        return False
    types = [_type(one) for one in columns]
    takers = list(_takers(estimator))
    transformers = [one for one in takers if _is_column_transformer(one)]
    others = [one for one in takers if not _is_column_transformer(one)]
    if _needs_names(estimator, transformers) or not all(_takes_arrays(one, types) for one in others):
        return False
    made = [_by_position(one, names, types) for one in transformers]
    if None in made:
        return False
    for transformer, selected in zip(transformers, made, strict=True):
        transformer.transformers_ = selected
    input_kind.drop_feature_names(estimator)
    return True


def _type(column: Column) -> str | None:
    """Return a column's type; None for what only pandas has: a time, an integer that may be missing."""
    if column.type in _NULLABLE and not column.required:
        return None
    return column.type if column.type in {*NUMPY_TYPES, _TEXT} else None


def _takers(estimator: Any) -> Iterator[Any]:
    """Yield the parts that look at the model's input themselves, instead of passing it on unchanged."""
    parts = _passed_to(estimator)
    if parts is None:
        yield estimator
    for part in parts or ():
        yield from _takers(part)


def _passed_to(estimator: Any) -> list[Any] | None:
    """Return the fitted parts that get an estimator's input unchanged; None if it takes that itself."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
    from sklearn.pipeline import FeatureUnion, Pipeline

    if isinstance(estimator, CalibratedClassifierCV):
        return [one.estimator for one in estimator.calibrated_classifiers_]
    if isinstance(estimator, StackingClassifier | StackingRegressor) and estimator.passthrough:
        return None
    if isinstance(estimator, MultiOutputClassifier | MultiOutputRegressor):
        return list(estimator.estimators_)
    plain = Pipeline | FeatureUnion | BaseSearchCV | TransformedTargetRegressor
    ensembles = VotingClassifier | VotingRegressor | StackingClassifier | StackingRegressor
    return input_kind.first_parts(estimator) if isinstance(estimator, plain | ensembles) else None


def _needs_names(estimator: Any, transformers: Sequence[Any]) -> bool:
    """Return whether a part makes DataFrames, or is none of these transformers and selects by name."""
    own = set(map(id, transformers))
    return any(
        input_kind.makes_frames(part) or (id(part) not in own and input_kind.selects_by_name(part))
        for part in objects.walk(estimator)
    )


def _is_column_transformer(part: Any) -> bool:
    from sklearn.compose import ColumnTransformer

    return isinstance(part, ColumnTransformer) and not _is_foreign(part)


def _is_foreign(part: Any) -> bool:
    return not type(part).__module__.startswith("sklearn.")


def _by_position(transformer: Any, names: Sequence[str], types: Sequence[str | None]) -> Selected | None:
    """Return a ColumnTransformer's parts with their columns by position; None where that is not exact."""
    if list(getattr(transformer, "feature_names_in_", ())) != list(names):
        return None
    made: Selected = []
    for name, part, columns in transformer.transformers_:
        places = list(transformer._transformer_to_input_indices[name])  # noqa: SLF001 - as it selects by itself
        is_one = bool(np.isscalar(columns))
        if part != "drop" and places:
            given = [types[place] for place in places]
            if not (
                _passes_numbers(part, given, sparse=transformer.sparse_output_)
                or all(_takes_arrays(one, given, is_one=is_one) for one in _takers(part))
            ):
                return None
        made.append((name, part, places[0] if is_one else places))
    return made


def _passes_numbers(part: Any, types: Collection[str | None], *, sparse: bool) -> bool:
    """Return whether a part hands numbers on as they are, so that they become an array beside the others.

    sparse: in a sparse one, for which scikit-learn converts booleans beside numbers as those of a DataFrame.
    """
    from sklearn.preprocessing import FunctionTransformer

    plain = type(part) is FunctionTransformer and part.func is None
    mixed_booleans = "boolean" in types and len(set(types)) > 1
    numbers = set(types) <= NUMPY_TYPES.keys() and not (sparse and mixed_booleans)
    return (part == "passthrough" or plain) and numbers


def _takes_arrays(part: Any, types: Collection[str | None], *, is_one: bool = False) -> bool:
    """Return whether a part that gets columns of these types answers the same for arrays of them.

    is_one: it gets a single column with one dimension.
    """
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

    given = set(types)
    if None in given or _is_foreign(part):
        return False
    if isinstance(part, CountVectorizer | HashingVectorizer):
        return is_one and given == {_TEXT}
    if is_one:
        return False
    if isinstance(part, OneHotEncoder | OrdinalEncoder | TargetEncoder):
        return True
    if given == {"boolean", "float"}:  # of a DataFrame of these scikit-learn computes in float32
        return False
    if isinstance(part, SimpleImputer):
        return True
    if _TEXT in given or _is_column_transformer(part):
        return False
    if isinstance(part, FunctionTransformer):
        return len(given) == 1 and not input_kind.distinguishes_frames(part, mixed=False)
    return True
