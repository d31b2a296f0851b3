"""A model whose numbers would lead compiled code out of its memory is refused, not evaluated."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import DICTS, MAKERS, X, Y, dump, edit_schema, fitted, load_skops, served
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from threeways.artifact.sklearn import structure
from threeways.errors import ArtifactUnsupported, ArtifactUntrusted


@pytest.mark.parametrize("name", MAKERS)
def test_what_scikit_learn_fits_passes(name: str, tmp_path: Path) -> None:
    assert type(served(fitted(name), tmp_path)) is type(fitted(name))


@pytest.mark.parametrize(
    "options",
    [
        {"drop": "first"},
        {"drop": "if_binary"},
        {"handle_unknown": "ignore"},
        {"handle_unknown": "infrequent_if_exist", "min_frequency": 40},
        {"max_categories": 3, "drop": "first"},
        {"categories": [list(range(20)), list(range(20)), sorted(set(X[:, 2]))]},
    ],
)
def test_every_kind_of_one_hot_encoder_passes(options: dict[str, Any], tmp_path: Path) -> None:
    model = make_pipeline(OneHotEncoder(**options), LinearRegression()).fit(X, Y)
    assert np.array_equal(served(model, tmp_path).predict(X), model.predict(X))


def test_a_pruned_tree_and_one_grown_best_first_pass(tmp_path: Path) -> None:
    for options in (
        {"ccp_alpha": 0.1},
        {"max_leaf_nodes": 7},
        {"criterion": "absolute_error", "max_depth": 3},
    ):
        model = DecisionTreeRegressor(**options).fit(X, Y)
        assert np.array_equal(served(model, tmp_path).predict(X), model.predict(X))


def set_nodes(tree: Any, field: str, position: int, value: int) -> None:
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][position] = value
    tree.__setstate__(state)


def set_count(tree: Any, count: int) -> None:
    tree.__setstate__({**tree.__getstate__(), "node_count": count})


TREE_ATTACKS: dict[str, Callable[[Any], None]] = {
    "a child far outside": lambda tree: set_nodes(tree, "left_child", 0, 10**9),
    "a child just outside": lambda tree: set_nodes(tree, "right_child", 0, tree.node_count),
    "a child before the first": lambda tree: set_nodes(tree, "left_child", 0, -7),
    "a cycle": lambda tree: set_nodes(tree, "left_child", 1, 0),
    "a node as its own child": lambda tree: set_nodes(tree, "right_child", 1, 1),
    "one child only": lambda tree: set_nodes(tree, "left_child", 0, -1),
    "a feature too far": lambda tree: set_nodes(tree, "feature", 0, 3),
    "a negative feature": lambda tree: set_nodes(tree, "feature", 0, -5),
    "more nodes than there are": lambda tree: set_count(tree, 10**6),
    "no nodes": lambda tree: set_count(tree, 0),
}


@pytest.mark.parametrize("attack", TREE_ATTACKS.values(), ids=TREE_ATTACKS)
@pytest.mark.parametrize("name", ["forest", "boosting"])
def test_a_tampered_tree_is_refused(name: str, attack: Callable[[Any], None], tmp_path: Path) -> None:
    model = copy.deepcopy(fitted(name))
    loaded = served(model, tmp_path)
    attack(np.ravel(loaded.estimators_)[-1].tree_)
    with pytest.raises(ArtifactUntrusted):
        structure.check(loaded)


def test_a_tampered_tree_in_a_file_is_refused_after_skops_made_it(tmp_path: Path) -> None:
    model = copy.deepcopy(fitted("forest"))
    set_nodes(model.estimators_[0].tree_, "left_child", 1, 0)
    with pytest.raises(ArtifactUntrusted, match=r"later node.*tampered with.*if not, log it"):
        served(model, tmp_path)


def test_trees_of_another_width_than_their_owner_checks_are_refused(tmp_path: Path) -> None:
    wide = DecisionTreeRegressor().fit(np.hstack([X, X]), Y)
    boosting = copy.deepcopy(fitted("boosting"))
    boosting.estimators_[0, 0] = wide
    wide_alone = copy.deepcopy(wide)
    wide_alone.n_features_in_ = 3
    any_width = copy.deepcopy(wide)
    del any_width.n_features_in_
    for model in (boosting, wide_alone, any_width):
        with pytest.raises(ArtifactUntrusted):
            served(model, tmp_path)


def test_a_boosting_that_would_write_other_rows_or_columns_is_refused(tmp_path: Path) -> None:
    two_columns, no_outputs, no_start, uneven = (copy.deepcopy(fitted("boosting")) for _ in range(4))
    two_columns.estimators_ = np.hstack([two_columns.estimators_] * 2)
    no_outputs.init_.n_outputs_ = 0
    no_start.init_ = None
    uneven.init_, uneven.n_trees_per_iteration_ = "zero", 2
    for model in (two_columns, no_outputs, no_start, uneven):
        with pytest.raises(ArtifactUntrusted):
            served(model, tmp_path)


def test_a_boosting_on_top_of_another_model_is_told_what_is_served(tmp_path: Path) -> None:
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=2).fit(X, Y)
    with pytest.raises(ArtifactUnsupported, match=r"LinearRegression.*leave `init` out.*cloudpickle"):
        served(model, tmp_path)


def test_a_boosting_that_starts_from_zero_is_served(tmp_path: Path) -> None:
    model = GradientBoostingRegressor(init="zero", n_estimators=2).fit(X, Y)
    assert np.array_equal(served(model, tmp_path).predict(X), model.predict(X))


def set_hist(field: str, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        for (tree,) in model._predictors:
            for node in tree.nodes:
                if not node["is_leaf"] and bool(node["is_categorical"]) == (field == "bitset_idx"):
                    node[field] = value
                    return
        pytest.fail(f"this model has no node whose {field} matters")

    return change


def as_categorical(model: Any) -> None:
    nodes = model._predictors[-1][0].nodes
    plain = np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0))[0]
    nodes["is_categorical"][plain] = 1


def shorter_categories(model: Any) -> None:
    model._bin_mapper.is_categorical_ = model._bin_mapper.is_categorical_[:1]


def categories_as(value: Any, dtype: Any) -> Callable[[Any], None]:
    """NumPy's functions disagree about the truth of such a value."""
    return lambda model: setattr(model._bin_mapper, "is_categorical_", np.full(3, value, dtype=dtype))


def narrower_bitsets(model: Any) -> None:
    tree = model._predictors[0][0]
    tree.raw_left_cat_bitsets = np.ascontiguousarray(tree.raw_left_cat_bitsets[:, :1])


def losing_preprocessor(model: Any) -> None:
    model._preprocessor = ColumnTransformer([("one", "passthrough", [0])]).fit(X)


def losing_weights(model: Any) -> None:
    model._preprocessor.transformer_weights = {"numerical": np.zeros((1, 0))}


def adding_function(model: Any) -> None:
    model._preprocessor.transformers_[1] = (
        "numerical",
        FunctionTransformer(np.sqrt),
        np.array([False, False, True]),
    )


HIST_ATTACKS: dict[str, Callable[[Any], None]] = {
    "a child outside": set_hist("left", 10**6),
    "a cycle": set_hist("right", 0),
    "a feature too far": set_hist("feature_idx", 3),
    "a negative feature": set_hist("feature_idx", -1),
    "a leaf flag of 2": set_hist("is_leaf", 2),
    "a bitset too far": set_hist("bitset_idx", 10**6),
    "a number as a category": as_categorical,
    "categories told for fewer features": shorter_categories,
    "categories told by empty objects": categories_as("", object),
    "categories told by numbers": categories_as(1.0, np.float64),
    "bitsets too narrow": narrower_bitsets,
    "no nodes": lambda model: setattr(model._predictors[0][0], "nodes", model._predictors[0][0].nodes[:0]),
    "in the midst of fit": lambda model: setattr(model, "_in_fit", True),
    "any width": lambda model: delattr(model, "n_features_in_"),
    "a preprocessor that loses columns": losing_preprocessor,
    "weights that lose columns": losing_weights,
    "a preprocessor that computes": adding_function,
}


@pytest.mark.parametrize("attack", HIST_ATTACKS.values(), ids=HIST_ATTACKS)
def test_a_tampered_hist_gradient_boosting_is_refused(attack: Callable[[Any], None], tmp_path: Path) -> None:
    model = copy.deepcopy(fitted("categorical_boosting"))
    attack(model)
    with pytest.raises(ArtifactUntrusted):
        served(model, tmp_path)


def test_a_boosting_tree_outside_of_a_boosting_is_refused(tmp_path: Path) -> None:
    model = LinearRegression().fit(X, Y)
    model.extra_ = fitted("hist_boosting")._predictors[0][0]
    with pytest.raises(ArtifactUntrusted, match="extra_"):
        served(model, tmp_path)


def test_an_attribute_in_a_methods_place_is_refused(tmp_path: Path) -> None:
    model = copy.deepcopy(fitted("forest"))
    model.estimators_[0]._validate_X_predict = np.exp
    with pytest.raises(ArtifactUntrusted, match="_validate_X_predict"):
        served(model, tmp_path)


def test_a_vocabulary_that_points_past_its_columns_is_refused(tmp_path: Path) -> None:
    for change in ({"trip_distance": 10**6}, {"trip_distance": 0}, {"trip_distance": -1}):
        vectorizer = DictVectorizer().fit(DICTS)
        vectorizer.vocabulary_.update(change)
        with pytest.raises(ArtifactUntrusted, match="DictVectorizer"):
            served(vectorizer, tmp_path)


def test_categories_that_reach_past_their_columns_are_refused(tmp_path: Path) -> None:
    fewer, unsorted, mapped, any_width = (
        OneHotEncoder(min_frequency=40, handle_unknown="infrequent_if_exist").fit(X[:, :2]) for _ in range(4)
    )
    fewer._n_features_outs = [1, 1]
    unsorted.categories_[0] = unsorted.categories_[0][::-1]
    mapped._default_to_infrequent_mappings[0] = np.full(len(mapped.categories_[0]), 10**6)
    del any_width.n_features_in_
    for encoder in (fewer, unsorted, mapped, any_width):
        with pytest.raises(ArtifactUntrusted, match="OneHotEncoder"):
            served(encoder, tmp_path)


def test_a_random_state_past_its_words_is_refused(tmp_path: Path) -> None:
    path = dump(Lasso(random_state=np.random.RandomState(1)), tmp_path / "model.skops")
    load_skops(path)

    def move(schema: dict[str, Any]) -> None:
        state = schema["content"]["content"]["random_state"]["content"]["content"]["state"]["content"]
        state["pos"]["content"] = "1000000"

    with pytest.raises(ArtifactUntrusted, match="position"):
        load_skops(edit_schema(path, move))
