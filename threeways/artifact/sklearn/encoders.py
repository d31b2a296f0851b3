"""Check encoders whose fitted state becomes a sparse matrix's indices, which compiled code does not check."""

from __future__ import annotations

from itertools import pairwise
from math import isnan
from typing import Any

import numpy as np

from threeways.artifact.sklearn.trees import refuse, width_of


def check_dict_vectorizer(encoder: Any) -> None:
    """Check that the vocabulary maps its entries to 0, 1, …, each number once."""
    vocabulary = vars(encoder).get("vocabulary_")
    if vocabulary is None:
        return  # an unfitted parameter
    columns: list[Any] = list(vocabulary.values()) if type(vocabulary) is dict else [None]
    if any(type(column) is not int for column in columns) or sorted(columns) != list(range(len(columns))):
        refuse("a DictVectorizer's vocabulary does not number its columns")


def check_one_hot_encoder(encoder: Any) -> None:
    """Check that the number of columns of each feature is what its categories can produce."""
    if "categories_" not in vars(encoder):
        return
    width, made = width_of(encoder), encoder._n_features_outs  # noqa: SLF001  (what `transform` counts by)
    if type(made) is not list or not len(encoder.categories_) == len(made) == width:
        refuse("a OneHotEncoder's features are not as many as it says")
    for feature, count in enumerate(made):
        if type(count) is not int or count != _columns(encoder, feature):
            refuse("a OneHotEncoder's columns are not as many as its categories")


def _columns(encoder: Any, feature: int) -> int:
    """Count the columns of a feature: its categories, rare ones grouped, less one if one is dropped."""
    count = _sorted_count(encoder.categories_[feature])
    if encoder._infrequent_enabled:  # noqa: SLF001  (what `transform` maps by)
        count = _grouped(encoder, feature, count)
    drops = encoder._drop_idx_after_grouping  # noqa: SLF001  (what `transform` drops by)
    if drops is None:
        return count
    if type(drops) is not np.ndarray or drops.shape != (len(encoder.categories_),):
        refuse("a OneHotEncoder does not say what it drops of each feature")
    dropped = drops[feature]
    if dropped is None:
        return count
    if not isinstance(dropped, int | np.integer) or not 0 <= dropped < count:
        refuse("a OneHotEncoder drops a category that is not there")
    return count - 1


def _sorted_count(categories: Any) -> int:
    """Return the number of categories; numeric ones must be sorted, as they are found by bisection."""
    if type(categories) is not np.ndarray or categories.ndim != 1 or not len(categories):
        refuse("a OneHotEncoder's categories are no list")
    if categories.dtype.kind not in "biufOUS":
        refuse("a OneHotEncoder's categories are of no kind that it fits")
    numeric = [each for each in categories.tolist() if isinstance(each, int | float | np.number | np.bool_)]
    numbers = [each for each in numeric if not isnan(each)]
    if any(a >= b for a, b in pairwise(numbers)):
        refuse("a OneHotEncoder's categories are not sorted")
    return len(categories)


def _grouped(encoder: Any, feature: int, count: int) -> int:
    rare = encoder._infrequent_indices[feature]  # noqa: SLF001  (what `transform` maps by)
    codes = encoder._default_to_infrequent_mappings[feature]  # noqa: SLF001  (the same)
    if rare is None and codes is None:
        return count
    if (
        type(codes) is not np.ndarray
        or codes.dtype.kind not in "iu"
        or codes.shape != (count,)
        or codes.min() < 0
    ):
        refuse("a OneHotEncoder's mapping of rare categories is not one")
    if (
        type(rare) is not np.ndarray
        or rare.dtype.kind not in "iu"
        or not len(rare)
        or not 0 <= rare[0] < count
    ):
        refuse("a OneHotEncoder's rare categories are not among its categories")
    return int(codes.max()) + 1
