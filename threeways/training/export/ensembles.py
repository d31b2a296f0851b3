"""Convert trees, forests and boostings: sums of trees, one for each output or class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from threeways.artifact.onnx.messages import BOOL, DOUBLE, FLOAT
from threeways.training.export import trees
from threeways.training.export.graph import Graph, NotExportable, Parts
from threeways.training.export.linear import exponential
from threeways.training.export.trees import Tree

HISTOGRAM = ("HistGradientBoostingRegressor", "HistGradientBoostingClassifier")
BOOSTING = ("GradientBoostingRegressor", "GradientBoostingClassifier")
FORESTS = (
    "ExtraTreesClassifier", "ExtraTreesRegressor", "RandomForestClassifier", "RandomForestRegressor",
)  # fmt: skip
SINGLE = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
_ROUNDING = (*BOOSTING, *FORESTS, *SINGLE)


def trees_of(model: Any) -> list[Tree]:
    """Return the trees of a fitted ensemble that differ in their splits, without constants."""
    name = type(model).__name__
    if name in HISTOGRAM:
        return [tree for one in _histogram_trees(model) for tree in one]
    if name in BOOSTING:
        return [tree for one in _boosting_trees(model) for tree in one]
    return _forest_trees(model)[0] if name in (*FORESTS, *SINGLE) else []


def rounds(model: Any) -> bool:
    """Return whether the model rounds its input to float32, as `sklearn.tree` does, refusing overflow."""
    return type(model).__name__ in _ROUNDING


def histogram(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the (n, outputs) raw predictions of a HistGradientBoosting."""
    if model._preprocessor is not None:  # noqa: SLF001  (it encodes categories)
        raise NotExportable("a HistGradientBoosting has categorical features")
    starts = np.ravel(model._baseline_prediction)  # noqa: SLF001  (the initial value)
    return _sums(graph, graph.numbers(parts), _started(starts, _histogram_trees(model)))


def histogram_regressor(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the prediction of a HistGradientBoosting: of some losses an exponential."""
    raw = histogram(graph, parts, model)
    return exponential(graph, raw) if model.loss in {"poisson", "gamma"} else raw


def boosting(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the (n, outputs) raw predictions of a GradientBoosting."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    start = model.init_
    zero = isinstance(start, str) and start == "zero"
    prior = type(start) is DummyClassifier and start.strategy == "prior"
    if not zero and not prior and type(start) is not DummyRegressor:
        raise NotExportable(f"a GradientBoosting starts from a {type(start).__name__}")
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    starts = np.ravel(model._raw_predict_init(row))  # noqa: SLF001  (has no public form)
    return _sums(graph, _rounded(graph, parts, model), _started(starts, _boosting_trees(model)))


def forest(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the (n, outputs or classes) means of a forest's trees, or the values of a tree."""
    total = _sums(graph, _rounded(graph, parts, model), _forest_trees(model))
    if type(model).__name__ in SINGLE:
        return total
    return graph.add("Div", total, graph.row(float(len(model.estimators_))))


def _rounded(graph: Graph, parts: Parts, model: Any) -> str:
    """Round to float32 as `sklearn.tree` does with its input, before it compares with float64 thresholds."""
    value = graph.cast(graph.cast(graph.joined(parts), FLOAT), DOUBLE)
    missing = type(model).__name__ not in BOOSTING and model.__sklearn_tags__().input_tags.allow_nan
    if missing and not graph.sparse:
        graph.refuse(graph.add("IsInf", value, kind=BOOL))
    else:
        graph.refuse_not_finite(value)
    return value


def _sums(graph: Graph, value: str, several: Sequence[Sequence[Tree]]) -> str:
    return graph.concat(tuple(trees.add(graph, value, one) for one in several))


def _started(starts: Any, several: Sequence[Sequence[Tree]]) -> list[list[Tree]]:
    return [[trees.constant(float(one)), *grown] for one, grown in zip(starts, several, strict=True)]


def _histogram_trees(model: Any) -> list[list[Tree]]:
    stages = model._predictors  # noqa: SLF001  (a tree for each output in each stage)
    return [[trees.of_histogram(stage[at]) for stage in stages] for at in range(len(stages[0]))]


def _boosting_trees(model: Any) -> list[list[Tree]]:
    return [
        [trees.of_sklearn(tree.tree_, scale=model.learning_rate) for tree in of_class]
        for of_class in model.estimators_.T
    ]


def _forest_trees(model: Any) -> list[list[Tree]]:
    """Return for each output, or each class, the trees with its values."""
    grown = [model] if type(model).__name__ in SINGLE else model.estimators_
    made: Callable[..., Tree] = trees.of_sklearn
    if not hasattr(model, "classes_"):
        return [[made(one.tree_, output=at) for one in grown] for at in range(model.n_outputs_)]
    if model.n_outputs_ > 1:
        raise NotExportable(f"a {type(model).__name__} answers {model.n_outputs_} classes a row")
    return [[made(one.tree_, of_class=at) for one in grown] for at in range(int(model.n_classes_))]
