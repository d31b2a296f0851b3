"""What no fitting makes is refused, before it can read at an address, write past a buffer, or never end."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from inspect import getattr_static
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import X, Y, dump, edit_schema, load_skops
from fuzz import zoo
from invariants_lab import kd_tree, put, served_file, tampered
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder
from sklearn.tree import DecisionTreeRegressor
from sklearn.tree._tree import Tree
from sklearn.utils import Bunch

from threeways.artifact.sklearn.allowed import FAMILIES, row_of
from threeways.errors import ArtifactUntrusted

ADDRESS = {"data": (4096, True), "shape": (10,), "typestr": "<f8", "version": 3}
"""What NumPy reads of an object that says where its numbers are: at an address of the file's choice."""


def constant_at_an_address() -> Any:
    holder = LinearRegression()
    vars(holder)["__array_interface__"] = ADDRESS
    model = DummyRegressor().fit(X, Y)
    model.constant_ = holder
    return model


def bunch_at_an_address() -> Any:
    model = VotingRegressor([("a", LinearRegression())]).fit(X, Y)
    model.named_estimators_ = Bunch(__array_interface__=ADDRESS)
    return model


def grid_at_an_address() -> Any:
    model = GradientBoostingRegressor(n_estimators=1).fit(X, Y)
    vars(model.estimators_[0, 0])["__array_interface__"] = ADDRESS
    return model


def categories_out_of_order() -> Any:
    model = make_pipeline(FunctionTransformer(np.log), OneHotEncoder(handle_unknown="ignore")).fit(X + 1)
    model[1].categories_ = [np.array([np.nan, 1.0])] * 3
    model[1]._n_features_outs = [2] * 3
    return model


def tree_outside_of_its_estimator() -> Any:
    model = VotingRegressor([("a", LinearRegression())]).fit(X, Y)
    tree = Tree(2**30, np.array([1]), 1)
    tree.__setstate__(DecisionTreeRegressor().fit(X, Y).tree_.__getstate__())
    model.estimators_ = [tree]
    return model


def without_encodings() -> Any:
    model = TargetEncoder(target_type="continuous").fit(X, Y)
    model.encodings_ = []
    return model


ATTACKS: dict[str, Callable[[], Any]] = {
    "an address as a constant": constant_at_an_address,
    "an address as a Bunch's key": bunch_at_an_address,
    "an address in an object array": grid_at_an_address,
    "categories out of order": categories_out_of_order,
    "a tree outside of its estimator": tree_outside_of_its_estimator,
    "no encodings": without_encodings,
    "categories twice": lambda: tampered("OneHotEncoder", put(categories_=[np.array([1.0, 1.0])] * 3)),
    "a method of the file's choice": lambda: tampered("StackingRegressor", put(stack_method_=["fit", "fit"])),
    "attributes of the file's choice": lambda: tampered(
        "SelectFromModel", put(importance_getter="__class__")
    ),
    "files of the event's choice": lambda: tampered("CountVectorizer", put(input="filename")),
    "a pattern that backtracks": lambda: tampered("CountVectorizer", put(token_pattern=r"(\w+\s?)*x")),
    "n-grams of any length": lambda: tampered("CountVectorizer", put(ngram_range=(1, 10**9))),
    "a vocabulary past its columns": lambda: tampered("TfidfVectorizer", put(vocabulary_={"taxi": 10**6})),
    "weights of another vocabulary": lambda: tampered(
        "TfidfVectorizer", lambda model: put(idf_=np.ones(3), n_features_in_=3)(model._tfidf)
    ),
    "20,000 jobs": lambda: tampered("RandomForestRegressor", put(n_jobs=20_000)),
    "outputs without end": lambda: tampered("DummyRegressor", put(n_outputs_=10**8)),
    "a degree without end": lambda: tampered("PolynomialFeatures", put(degree=10**9, _max_degree=10**9)),
    "votes for classes without end": lambda: tampered(
        "VotingClassifier", lambda model: put(classes_=np.array([0, 10**9]))(model.estimators_[1])
    ),
    "labels that are no classes": lambda: tampered("KNeighborsClassifier, brute", put(_y=np.full(61, 10**6))),
    "more neighbours than rows": lambda: tampered("KNeighborsClassifier, brute", put(n_neighbors=10**6)),
    "rows of a search tree that are none": lambda: tampered(
        "KNeighborsRegressor", kd_tree(order=lambda order: order + 10**6)
    ),
    "rows past the end of a search tree": lambda: tampered("KNeighborsRegressor", kd_tree(idx_end=10**6)),
    "a node without children": lambda: tampered("KNeighborsRegressor", kd_tree(is_leaf=0)),
    "bounds of other columns": lambda: tampered(
        "KNeighborsRegressor", kd_tree(bounds=lambda bounds: bounds[:, :, :1].copy())
    ),
    "splines without knots": lambda: tampered(
        "SplineTransformer", lambda model: setattr(model.bsplines_[0]._delegate_to, "t", np.zeros(3))
    ),
    "splines of other bases": lambda: tampered(
        "SplineTransformer", lambda model: setattr(model.bsplines_[1]._delegate_to, "c", np.zeros((7, 3)))
    ),
    "a forest of other outputs": lambda: tampered("RandomForestRegressor", put(n_outputs_=2)),
    "a forest of other classes": lambda: tampered(
        "RandomForestClassifier", put(classes_=np.arange(9), n_classes_=9)
    ),
    "a classifier in a regressor's slot": lambda: tampered(
        "VotingRegressor", put(estimators_=[zoo.sample("DecisionTreeClassifier").estimator])
    ),
    "a layer that takes other columns": lambda: tampered(
        "MLPRegressor", lambda model: model.coefs_.reverse()
    ),
    "a step that takes other columns": lambda: tampered(
        "TfidfTransformer", lambda model: put(n_features_in_=3, idf_=np.ones(3))(model[1])
    ),
    "edges fewer than bins": lambda: tampered("KBinsDiscretizer, onehot", put(n_bins_=np.full(7, 9))),
    "a weight too few": lambda: tampered("AdaBoostRegressor", put(estimator_weights_=np.ones(1))),
    "an attribute of one's own": lambda: tampered("LinearRegression", put(mine=1)),
    "an attribute of another type": lambda: tampered("LinearRegression", put(coef_=[1.0] * 7)),
    "a coefficient too few": lambda: tampered("LogisticRegression", put(coef_=np.ones((1, 6)))),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_no_fitting_makes_is_refused(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ATTACKS[name]()
    path = dump(model, tmp_path / "model.skops")
    before = time.perf_counter()
    with pytest.raises(ArtifactUntrusted, match="if the model was tampered with"):
        served_file(path)
    assert time.perf_counter() - before < 5


def test_a_pattern_that_is_not_on_the_list_is_refused_with_the_list(tmp_path: Path) -> None:
    model = tampered("CountVectorizer", put(token_pattern=r"[^,]+"))
    with pytest.raises(ArtifactUntrusted, match=r"token_pattern is a str .* and none of .*\\w\+"):
        served_file(dump(model, tmp_path / "model.skops"))


@pytest.mark.parametrize(
    "name", ["__array_interface__", "__array_struct__", "__class__", "__dict__", "__len__"]
)
def test_no_attribute_begins_with_two_underscores(name: str, tmp_path: Path) -> None:
    def add(schema: dict[str, Any]) -> None:
        state = schema["content"]
        state["content"][name] = copy.deepcopy(state["content"]["tol"])
        state["key_types"]["content"].append(state["key_types"]["content"][0])

    path = dump(LinearRegression().fit(X, Y), tmp_path / "model.skops")
    with pytest.raises(ArtifactUntrusted, match=f"the attribute '{name}'"):
        load_skops(edit_schema(path, add))


def test_an_attribute_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    def rename(schema: dict[str, Any]) -> None:
        state = schema["content"]
        state["__id__"], state["key_types"]["__id__"] = 1, 2  # they are not the nodes that others are
        state["key_types"]["content"][0] |= {"__class__": "bool", "__id__": 3}

    path = dump(LinearRegression().fit(X, Y), tmp_path / "model.skops")
    with pytest.raises(ArtifactUntrusted, match="not named by a text"):
        load_skops(edit_schema(path, rename))


def test_a_tree_of_outputs_without_end_takes_no_memory(tmp_path: Path) -> None:
    def widen(schema: dict[str, Any]) -> None:
        tree = schema["content"]["content"]["tree_"]
        arguments = tree["__reduce__"]["args"]
        tree["__id__"], arguments["__id__"] = 1, 2  # they are not the nodes that others are
        arguments["content"][2] |= {"content": str(2**40), "__id__": 3}

    path = dump(DecisionTreeRegressor().fit(X, Y), tmp_path / "model.skops")
    with pytest.raises(ArtifactUntrusted, match="makes none there"):
        load_skops(edit_schema(path, widen))


def test_every_class_that_may_be_built_has_its_row_and_no_row_is_without() -> None:
    from importlib import import_module

    for family, modules in FAMILIES.items():
        rows = import_module(f"threeways.artifact.sklearn.table.{family}").ROWS
        listed = {(module, name) for module, names in modules.items() for name in names.split()}
        assert sorted((row.module, row.name) for row in rows) == sorted(listed)


def test_the_table_in_the_docs_is_the_one_that_is_checked() -> None:
    import invariants

    written = Path(__file__).parents[2] / "docs" / "invariants.md"
    assert written.read_text() == invariants.page(), "python tools/invariants.py > docs/invariants.md"


def test_no_row_has_an_attribute_in_the_place_of_a_method_or_property() -> None:
    from importlib import import_module

    for modules in FAMILIES.values():
        for module, names in modules.items():
            for name in names.split():
                kind = getattr(import_module(module), name)
                row = row_of(module, name)
                if row.read is not vars:
                    continue
                for attribute in row.attributes:
                    assert not attribute.startswith("__")
                    held = getattr_static(kind, attribute, None)
                    assert not callable(held), (name, attribute)
                    assert not hasattr(type(held), "__get__"), (name, attribute)
