"""Each single doubt about what an encoder or a boosting's preprocessor holds is enough to refuse it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import X, fitted, served
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_array

from threeways.artifact.sklearn import objects
from threeways.errors import ArtifactUntrusted


def rare(encoder: Any) -> Any:
    return encoder._infrequent_indices[0]


def put(holder: Any, position: int, value: Any) -> None:
    holder[position] = value


def drop(value: Any) -> Callable[[Any], None]:
    return lambda encoder: put(encoder._drop_idx_after_grouping, 0, value)


ENCODER_ATTACKS: dict[str, Callable[[Any], None]] = {
    "drops one too far": drop(10**6),
    "drops one before the first": drop(-1),
    "drops a text": drop("0"),
    "a negative code": lambda encoder: put(encoder._default_to_infrequent_mappings[0], 0, -1),
    "a rare one too far": lambda encoder: put(rare(encoder), 0, 10**6),
    "a rare one before the first": lambda encoder: put(rare(encoder), 0, -1),
    "numbers as objects, unsorted": lambda encoder: put(
        encoder.categories_, 0, np.array([np.int64(8 - i) for i in range(8)], dtype=object)
    ),
}


@pytest.mark.parametrize("attack", ENCODER_ATTACKS.values(), ids=ENCODER_ATTACKS)
def test_a_tampered_one_hot_encoder_is_refused(attack: Callable[[Any], None], tmp_path: Path) -> None:
    encoder = OneHotEncoder(drop="first", max_categories=4, handle_unknown="infrequent_if_exist")
    encoder.fit(X[:, :2])
    served(encoder, tmp_path)
    attack(encoder)
    with pytest.raises(ArtifactUntrusted, match="OneHotEncoder"):
        served(encoder, tmp_path)


def step(model: Any, position: int, part: Any) -> None:
    name, _, mask = model._preprocessor.transformers_[position]
    model._preprocessor.transformers_[position] = (name, part, mask)


def third_part(model: Any) -> None:
    model._preprocessor.transformers_.append(("more", StandardScaler().fit(X), slice(0, 3)))


def other_index(model: Any) -> None:
    model._preprocessor._transformer_to_input_indices["numerical"] = [2, 2]


PREPROCESSOR_ATTACKS: dict[str, Callable[[Any], None]] = {
    "another encoder": lambda model: step(model, 0, OneHotEncoder().fit(X[:, :2])),
    "a third part": third_part,
    "other columns of a DataFrame": other_index,
    "keywords": lambda model: step(
        model, 1, FunctionTransformer(partial(check_array), kw_args={"dtype": "float32"})
    ),
    "a check that reshapes": lambda model: step(
        model, 1, FunctionTransformer(partial(check_array, ensure_2d=False))
    ),
}


@pytest.mark.parametrize("attack", PREPROCESSOR_ATTACKS.values(), ids=PREPROCESSOR_ATTACKS)
def test_a_tampered_preprocessor_is_refused(attack: Callable[[Any], None], tmp_path: Path) -> None:
    model = copy.deepcopy(fitted("categorical_boosting"))
    attack(model)
    with pytest.raises(ArtifactUntrusted, match="preprocessor"):
        served(model, tmp_path)


def test_what_a_partial_function_holds_is_walked() -> None:
    inside = np.zeros(3)
    found = list(objects.walk([partial(check_array, inside), partial(check_array, estimator=[inside])]))
    assert sum(thing is inside for thing in found) == 1
    assert any(thing is check_array for thing in found)
    assert any(thing is inside for thing in objects.walk(partial(check_array, estimator=[inside])))


def test_an_attribute_in_a_propertys_place_is_refused(tmp_path: Path) -> None:
    model = copy.deepcopy(fitted("forest"))
    vars(model)["feature_importances_"] = np.zeros(3)
    with pytest.raises(ArtifactUntrusted, match="feature_importances_"):
        served(model, tmp_path)
