"""Convert a fitted estimator to an ONNX graph; each supported class has a function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from threeways.artifact.inputs import Block
from threeways.artifact.onnx.graph import OUTPUTS
from threeways.artifact.onnx.messages import DOUBLE, FLOAT, INT64, STRING, Input
from threeways.artifact.signature import Column
from threeways.artifact.sklearn import input_kind
from threeways.artifact.sklearn.linear_dicts import LinearDicts
from threeways.training.export import classes, ensembles, linear
from threeways.training.export.graph import BLOCK, Graph, NotExportable, Parts
from threeways.training.export.transformers import TRANSFORMERS

_TAKES = {
    "dicts": "it takes dicts, for its DictVectorizer, and a graph takes a block of numbers; train it on the "
    "task's columns",
    "frame": "it takes a DataFrame with named columns, and a graph takes a block of numbers; give its "
    "ColumnTransformer columns by position, and leave out set_output, or log it with its signature",
    "texts": "it takes texts themselves, and a graph takes columns; scikit-learn serves it",
}
_KINDS = {
    "double": DOUBLE,
    "float": FLOAT,
    "integer": INT64,
    "long": INT64,
    "boolean": INT64,
    "string": STRING,
}
"""The inputs of a graph by the signature's types."""


def exported(estimator: Any, columns: Sequence[Column] = (), method: str = "predict") -> bytes:
    """Return the ONNX file of a fitted model, or of a Pipeline that ends in one.

    columns: the signature's, for a model that takes a DataFrame: its inputs are those, by name. Else it is
    an (n, width) float64 block. method: what is asked. Raises NotExportable.
    """
    kind = "dicts" if isinstance(estimator, LinearDicts) else input_kind.input_kind(estimator)
    if kind in {"dicts", "texts"} or (kind == "frame" and not columns):
        raise NotExportable(_TAKES[kind])
    if columns:
        graph, parts = _by_name(estimator, columns)
    else:
        graph = Graph({BLOCK: Input(DOUBLE, _width(estimator))})
        parts = (graph.use(BLOCK),)
    _answer(graph, parts, estimator, method)
    return graph.file()


def split_final(estimator: Any, rows: Any) -> tuple[Any, Block]:
    """Return a pipeline's final model, and the rows as its transformers transform them, in float64."""
    from sklearn.pipeline import Pipeline

    while type(estimator) is Pipeline:
        if len(estimator.steps) > 1:
            rows = estimator[:-1].transform(rows)
        estimator = estimator.steps[-1][1]
    return estimator, np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _by_name(estimator: Any, columns: Sequence[Column]) -> tuple[Graph, Parts]:
    """Return a graph whose inputs are columns by name, and those that the model was fitted on, in order."""
    declared = {str(one.name): one for one in columns}
    inputs = {
        name: Input(DOUBLE if kind == INT64 and not one.required else kind, 1)
        for name, one in declared.items()
        if (kind := _KINDS.get(str(one.type))) is not None
    }
    graph = Graph(inputs, [name for name, one in declared.items() if not one.required])
    fitted = getattr(estimator, "feature_names_in_", None)
    return graph, tuple(declared) if fitted is None else tuple(map(str, fitted))


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
    _require_final(estimator)
    raise NotExportable(f"the {type(estimator).__name__} is not fitted; fit it and log the model again")


def _answer(graph: Graph, parts: Parts, estimator: Any, method: str) -> None:
    """Add what the estimator answers for a value's rows to the graph."""
    from sklearn.pipeline import Pipeline

    if type(estimator) is Pipeline:
        for _, step in estimator.steps[:-1]:
            parts = _transformed(graph, parts, step)
        return _answer(graph, parts, estimator.steps[-1][1], method)
    name = _require_final(estimator)
    parts = _used(graph, parts)
    if name in classes.CLASSIFIERS:
        return classes.answer(graph, parts, estimator, method)
    if method != "predict":
        raise NotExportable(f"a {name} has no {method}")
    value = _REGRESSORS[name](graph, parts, estimator)
    return graph.output(OUTPUTS[method], value, flat=graph.width(value) == 1)


def _transformed(graph: Graph, parts: Parts, step: Any) -> Parts:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if step is None or (isinstance(step, str) and step == "passthrough"):
        return parts
    if type(step) is Pipeline:
        for _, part in step.steps:
            parts = _transformed(graph, parts, part)
        return parts
    if type(step) is ColumnTransformer:
        return _columns(graph, parts, step)
    name = _require_written(step, "transformers", TRANSFORMERS, "ColumnTransformer", "Pipeline")
    return TRANSFORMERS[name](graph, _used(graph, parts), step)


def _columns(graph: Graph, parts: Parts, transformer: Any) -> Parts:
    if transformer.transformer_weights is not None:
        raise NotExportable("a ColumnTransformer has weights")
    taken = transformer._transformer_to_input_indices  # noqa: SLF001  (columns resolved to indices)
    made: Parts = ()
    for name, part, _ in transformer.transformers_:
        if len(taken[name]) and not (isinstance(part, str) and part == "drop"):
            graph.sparse = False
            made += _transformed(graph, graph.select(parts, taken[name]), part)
    graph.sparse = bool(transformer.sparse_output_)
    if not made:
        raise NotExportable("a ColumnTransformer drops all columns")
    return _used(graph, made)


def _used(graph: Graph, parts: Parts) -> Parts:
    """Return parts with the inputs among them in use."""
    return tuple(graph.use(one) for one in parts)


def _require_final(model: Any) -> str:
    """Return the name of a model's class. Raises NotExportable where it is not written."""
    from sklearn.base import is_classifier

    if is_classifier(model):
        return _require_written(model, "classifiers", classes.CLASSIFIERS)
    return _require_written(model, "regressors", _REGRESSORS)


def _require_written(part: Any, kind: str, writers: Collection[str], *others: str) -> str:
    """Return the name of a part's class. Raises NotExportable for another, naming the supported classes."""
    name = (
        type(part).__name__ if type(part).__module__.startswith("sklearn.") else ""
    )  # a user's may do anything
    if name in writers:
        return name
    if hasattr(part, "best_estimator_"):
        raise NotExportable(
            f"a {type(part).__name__} is a search; log what it has found, its best_estimator_"
        )
    called = name or f"{type(part).__module__}.{type(part).__name__}"
    raise NotExportable(
        f"a {called} is not among the {kind} that are written: {', '.join([*sorted(writers), *others])}"
    )


_REGRESSORS: Mapping[str, Callable[[Graph, Parts, Any], str]] = {
    "HistGradientBoostingRegressor": ensembles.histogram_regressor,
    "GradientBoostingRegressor": ensembles.boosting,
    **dict.fromkeys(linear.REGRESSORS, linear.scores),
    **dict.fromkeys(linear.GENERALIZED, linear.generalized),
    **{
        name: ensembles.forest
        for name in (*ensembles.FORESTS, *ensembles.SINGLE)
        if name.endswith("Regressor")
    },
}
