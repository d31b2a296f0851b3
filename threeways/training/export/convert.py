"""Convert a fitted estimator to an ONNX graph; each supported class has a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from threeways.artifact.inputs import Block
from threeways.artifact.sklearn import input_kind
from threeways.artifact.sklearn.linear_dicts import LinearDicts
from threeways.training.export import trees
from threeways.training.export.graph import BLOCK, Graph, NotExportable, Writer
from threeways.training.export.transformers import TRANSFORMERS
from threeways.training.export.trees import Tree

_TAKES = {
    "dicts": "it takes dicts, for its DictVectorizer",
    "frame": "it takes a DataFrame with named columns",
}
_FIXES = {
    "dicts": "train it on the task's columns",
    "frame": "give its ColumnTransformer columns by position, and leave out set_output",
}


def exported(estimator: Any) -> bytes:
    """Return the ONNX file of a fitted regressor, or of a Pipeline that ends in one.

    Its input is an (n, width) float64 block, its output n numbers. Raises NotExportable.
    """
    kind = "dicts" if isinstance(estimator, LinearDicts) else input_kind.input_kind(estimator)
    if kind != "block":
        raise NotExportable(f"{_TAKES[kind]}, and a graph takes a block of numbers; {_FIXES[kind]}")
    graph = Graph(_width(estimator))
    return graph.file(_answer(graph, BLOCK, estimator))


def split_regressor(estimator: Any, rows: Any) -> tuple[Any, Block]:
    """Return a pipeline's final regressor, and the rows as its transformers transform them, in float64."""
    from sklearn.pipeline import Pipeline

    while type(estimator) is Pipeline:
        if len(estimator.steps) > 1:
            rows = estimator[:-1].transform(rows)
        estimator = estimator.steps[-1][1]
    return estimator, np.asarray(rows, dtype=np.float64)


def trees_of(regressor: Any) -> list[Tree]:
    """Return the trees of a tree-based regressor, without its constants; none for any other."""
    write = _TREES.get(_known(regressor))
    return write(regressor) if write else []


def rounds(regressor: Any) -> bool:
    """Return whether the regressor rounds its input to float32, as `sklearn.tree` does, refusing overflow."""
    return _known(regressor) in _TREES and _REGRESSORS[_known(regressor)] is not _histogram_boosting


def _width(estimator: Any) -> int:
    """Return the number of the estimator's input columns.

    A Pipeline does not know it where its first step is "passthrough", so its steps are asked, too. Raises
    NotExportable where none knows it: its class is not supported, or it is not fitted.
    """
    from sklearn.pipeline import Pipeline

    parts = [part for _, part in estimator.steps] if type(estimator) is Pipeline else []
    for part in (estimator, *parts):
        found = getattr(part, "n_features_in_", None)
        if found is not None:
            return int(found)
    while type(estimator) is Pipeline:
        estimator = estimator.steps[-1][1]
    _writer(estimator, "regressors", _REGRESSORS)
    raise NotExportable(f"the {type(estimator).__name__} is not fitted; fit it and log the model again")


def _answer(graph: Graph, value: str, estimator: Any) -> str:
    """Add the estimator's prediction for a value's rows to the graph, and return its name."""
    from sklearn.pipeline import Pipeline

    if type(estimator) is Pipeline:
        for _, step in estimator.steps[:-1]:
            value = _transformed(graph, value, step)
        return _answer(graph, value, estimator.steps[-1][1])
    return _writer(estimator, "regressors", _REGRESSORS)(graph, value, estimator)


def _transformed(graph: Graph, value: str, step: Any) -> str:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if step is None or (isinstance(step, str) and step == "passthrough"):
        return value
    if type(step) is Pipeline:
        for _, part in step.steps:
            value = _transformed(graph, value, part)
        return value
    if type(step) is ColumnTransformer:
        return _columns(graph, value, step)
    return _writer(step, "transformers", TRANSFORMERS, "ColumnTransformer", "Pipeline")(graph, value, step)


def _columns(graph: Graph, value: str, transformer: Any) -> str:
    if transformer.transformer_weights is not None:
        raise NotExportable("a ColumnTransformer has weights")
    taken = transformer._transformer_to_input_indices  # noqa: SLF001  (columns resolved to indices)
    parts = [
        _transformed(graph, graph.columns(value, taken[name]), part)
        for name, part, _ in transformer.transformers_
        if len(taken[name]) and not (isinstance(part, str) and part == "drop")
    ]
    return graph.concat(parts)


def _writer(part: Any, kind: str, writers: Mapping[str, Writer], *others: str) -> Writer:
    """Return the function that converts a class. Raises NotExportable, naming the supported classes."""
    writer = writers.get(_known(part))
    if writer is None and hasattr(part, "best_estimator_"):
        raise NotExportable(
            f"a {type(part).__name__} is a search; log what it has found, its best_estimator_"
        )
    if writer is None:
        name = type(part).__name__ if _known(part) else f"{type(part).__module__}.{type(part).__name__}"
        raise NotExportable(
            f"a {name} is not among the {kind} that are written: {', '.join([*sorted(writers), *others])}"
        )
    return writer


def _known(part: Any) -> str:
    """Return the class's name if it is scikit-learn's; a user's class of the same name may do anything."""
    return type(part).__name__ if type(part).__module__.startswith("sklearn.") else ""


def _histogram_boosting(graph: Graph, value: str, model: Any) -> str:
    if model._preprocessor is not None:  # noqa: SLF001  (it encodes categories)
        raise NotExportable("a HistGradientBoosting has categorical features")
    start = trees.constant(float(model._baseline_prediction[0, 0]))  # noqa: SLF001  (the initial value)
    raw = trees.add(graph, value, [start, *_histogram_trees(model)])
    if model.loss not in {"poisson", "gamma"}:
        return raw
    # onnxruntime's Exp gives other last bits for vectorised rows than for the remainder; Pow does not.
    return graph.add("Pow", graph.constant(np.array([[np.e]])), raw)


def _histogram_trees(model: Any) -> list[Tree]:
    return [trees.of_histogram(predictor) for [predictor] in model._predictors]  # noqa: SLF001  (one tree a stage)


def _boosting(graph: Graph, value: str, model: Any) -> str:
    from sklearn.dummy import DummyRegressor

    if type(model.init_) is DummyRegressor:
        start = float(np.ravel(model.init_.constant_)[0])
    elif isinstance(model.init_, str) and model.init_ == "zero":
        start = 0.0
    else:
        raise NotExportable(f"a GradientBoosting starts from a {type(model.init_).__name__}")
    return trees.add(graph, _float32(graph, value), [trees.constant(start), *_boosting_trees(model)])


def _boosting_trees(model: Any) -> list[Tree]:
    return [trees.of_sklearn(tree.tree_, model.learning_rate) for tree in model.estimators_[:, 0]]


def _forest(graph: Graph, value: str, model: Any) -> str:
    total = trees.add(graph, _float32(graph, value), _forest_trees(model))
    return graph.add("Div", total, graph.constant(np.array([[float(len(model.estimators_))]])))


def _forest_trees(model: Any) -> list[Tree]:
    return [trees.of_sklearn(tree.tree_) for tree in model.estimators_]


def _tree(graph: Graph, value: str, model: Any) -> str:
    return trees.add(graph, _float32(graph, value), [trees.of_sklearn(model.tree_)])


def _float32(graph: Graph, value: str) -> str:
    """Round to float32 as `sklearn.tree` does with its input, before it compares with float64 thresholds."""
    return graph.cast(graph.cast(value, np.float32), np.float64)


def _linear(graph: Graph, value: str, model: Any) -> str:
    weights = np.asarray(model.coef_, dtype=np.float64)
    if weights.ndim != 1 and len(weights) != 1:
        raise NotExportable("a linear model answers several numbers a row")
    product = graph.add("MatMul", value, graph.constant(weights.reshape(-1, 1)))
    return graph.add("Add", product, graph.constant(np.array([[float(np.ravel(model.intercept_)[0])]])))


_REGRESSORS: dict[str, Writer] = {
    "HistGradientBoostingRegressor": _histogram_boosting,
    "GradientBoostingRegressor": _boosting,
    **dict.fromkeys(("RandomForestRegressor", "ExtraTreesRegressor"), _forest),
    **dict.fromkeys(("DecisionTreeRegressor", "ExtraTreeRegressor"), _tree),
    **dict.fromkeys(("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet"), _linear),
}
_TREES: dict[str, Callable[[Any], list[Tree]]] = {
    "HistGradientBoostingRegressor": _histogram_trees,
    "GradientBoostingRegressor": _boosting_trees,
    **dict.fromkeys(("RandomForestRegressor", "ExtraTreesRegressor"), _forest_trees),
    **dict.fromkeys(
        ("DecisionTreeRegressor", "ExtraTreeRegressor"), lambda model: [trees.of_sklearn(model.tree_)]
    ),
}
