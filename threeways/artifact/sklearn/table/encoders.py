"""Rows of the encoders: they make a sparse matrix's indices, which compiled code does not check."""

from __future__ import annotations

import numpy as np

from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import PLAIN, Plain, Scope
from threeways.artifact.sklearn.rows import (
    DTYPE,
    FLAG,
    IN,
    INTEGER,
    NONE,
    NUMBER,
    RECORD,
    Row,
    row,
    sequence,
)
from threeways.artifact.sklearn.slots import OneOf
from threeways.artifact.sklearn.table import ordered
from threeways.artifact.sklearn.table.labels import CLASSES


def _check_one_hot(the: Scope) -> None:
    """Check that the number of columns of each feature is what its categories can produce."""
    for feature, count in enumerate(the["_n_features_outs"]):
        the.require(count == _columns(the, feature), "columns are not as many as its categories")


def _columns(the: Scope, feature: int) -> int:
    """Count the columns of a feature: its categories, rare ones grouped, less one if one is dropped."""
    count = len(the["categories_"][feature])
    if the["_infrequent_enabled"]:
        codes = the["_default_to_infrequent_mappings"][feature]
        count = count if codes is None else int(codes.max()) + 1
    drops = the["_drop_idx_after_grouping"]
    dropped = None if drops is None else drops[feature]
    if dropped is None:
        return count
    sound = isinstance(dropped, int | np.integer) and bool(0 <= dropped < count)
    the.require(sound, "dropped category is not there")
    return count - 1


def _check_groups(the: Scope) -> None:
    """Check that grouping rare categories gives each category a code, and names rare ones that exist."""
    if not the["_infrequent_enabled"]:
        return
    groups = (the["_infrequent_indices"], the["_default_to_infrequent_mappings"])
    whole = all(isinstance(group, list) and len(group) == the["n_features_in_"] for group in groups)
    the.require(whole, "rare categories are not told for each feature")
    for values, rare, codes in zip(the["categories_"], *groups, strict=True):
        the.require((rare is None) == (codes is None), "rare categories have no codes")
        if rare is None:
            continue
        count = len(values)
        sound = len(rare) and rare.min() >= 0 and rare.max() < count
        the.require(bool(sound), "rare categories are not among its categories")
        coded = {count, count - (the.name == "OrdinalEncoder")}  # which leaves a missing value without a code
        sound = len(codes) in coded and codes.min() >= 0 and codes.max() < count
        the.require(bool(sound), "mapping of rare categories is not one")


def _check_target(the: Scope) -> None:
    """Check that each feature, and each class of several, has an encoding for each category."""
    kind, values, encodings = the["target_type_"], the["categories_"], the["encodings_"]
    classes = the.dims.get("classes", (1,))
    the.require((kind == "continuous") == (the["classes_"] is None), "classes are not those of its target")
    each = classes[0] if kind == "multiclass" else 1
    the.require(len(encodings) == len(values) * each, "encodings are not as many as its features")
    the.require(np.size(the["target_mean_"]) == each, "means are not as many as its classes")
    for index, encoding in enumerate(encodings):
        sound = encoding.shape == values[index // each].shape
        the.require(sound, "encodings are not as many as its categories")


_CATEGORIES = sequence(Array("biufUO", "*", PLAIN, ordered.categories), "in")
_CODES = OneOf(NONE, sequence(OneOf(NONE, Array("iu", "*"))))
_DROPPED = OneOf(NONE, Array("O", "in", OneOf(NONE, INTEGER)))
_UNKNOWN = Plain("str", among=("error", "ignore", "infrequent_if_exist", "use_encoded_value", "warn"))
_GROUPED = {
    "_infrequent_indices": _CODES,
    "_default_to_infrequent_mappings": _CODES,
    "handle_unknown": _UNKNOWN,
}

ROWS: list[Row] = [
    *row(
        "sklearn.preprocessing._encoders",
        "OneHotEncoder",
        "transformer",
        "categories drop dtype feature_name_combiner handle_unknown max_categories "
        "min_frequency sparse_output",
        rules=(_check_groups, _check_one_hot),
        maybe={**_GROUPED, "drop": RECORD, "drop_idx_": _DROPPED, "sparse_output": FLAG, "dtype": DTYPE},
        **IN,
        categories_=_CATEGORIES,
        _infrequent_enabled=FLAG,
        _drop_idx_after_grouping=_DROPPED,
        _n_features_outs=sequence(INTEGER, "in"),
    ),
    *row(
        "sklearn.preprocessing._encoders",
        "OrdinalEncoder",
        "transformer",
        "categories dtype encoded_missing_value handle_unknown max_categories min_frequency unknown_value",
        rules=(_check_groups,),
        maybe={**_GROUPED, "dtype": DTYPE},
        **IN,
        categories_=_CATEGORIES,
        _infrequent_enabled=FLAG,
        _missing_indices=Mapped(INTEGER, "int"),
    ),
    *row(
        "sklearn.preprocessing._target_encoder",
        "TargetEncoder",
        "transformer",
        "categories cv random_state shuffle smooth target_type",
        rules=(_check_groups, _check_target),
        maybe={**_GROUPED},
        **IN,
        categories_=_CATEGORIES,
        _infrequent_enabled=FLAG,
        target_type_=Plain("str", among=("binary", "continuous", "multiclass")),
        classes_=OneOf(NONE, CLASSES),
        target_mean_=OneOf(NUMBER, Array("f", "*")),
        encodings_=sequence(Array("f", "*")),
    ),
]
