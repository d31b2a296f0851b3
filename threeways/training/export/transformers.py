"""Convert scikit-learn's transformers of numbers, and its imputer, to ONNX operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.artifact.onnx.graph import MISSING
from threeways.artifact.onnx.messages import BOOL, DOUBLE, INT64, STRING
from threeways.training.export import encoders
from threeways.training.export.graph import Graph, NotExportable, Parts, Writer


def _function(_: Graph, parts: Parts, transformer: Any) -> Parts:
    if transformer.func is not None:
        raise NotExportable("a FunctionTransformer calls a function")
    return parts


def _standard(graph: Graph, parts: Parts, scaler: Any) -> Parts:
    return _scaled(
        graph, parts, scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None
    )


def _robust(graph: Graph, parts: Parts, scaler: Any) -> Parts:
    return _scaled(
        graph,
        parts,
        scaler.center_ if scaler.with_centering else None,
        scaler.scale_ if scaler.with_scaling else None,
    )


def _max_abs(graph: Graph, parts: Parts, scaler: Any) -> Parts:
    if getattr(scaler, "clip", False):
        raise NotExportable("a MaxAbsScaler clips")
    return _scaled(graph, parts, None, scaler.scale_)


def _scaled(graph: Graph, parts: Parts, center: Any, scale: Any) -> Parts:
    value = _finite_or_missing(graph, parts)
    if center is not None:
        value = graph.add("Sub", value, graph.row(center))
    if scale is not None:
        value = graph.add("Div", value, graph.row(scale))
    return (value,)


def _min_max(graph: Graph, parts: Parts, scaler: Any) -> Parts:
    if scaler.clip:
        raise NotExportable("a MinMaxScaler clips")
    value = graph.add("Mul", _finite_or_missing(graph, parts), graph.row(scaler.scale_))
    return (graph.add("Add", value, graph.row(scaler.min_)),)


def _finite_or_missing(graph: Graph, parts: Parts) -> str:
    value = graph.numbers(parts)
    graph.refuse_infinite(value)
    return value


def _imputed(graph: Graph, parts: Parts, imputer: Any) -> Parts:
    if not (isinstance(imputer.missing_values, float) and np.isnan(imputer.missing_values)):
        raise NotExportable(f"a SimpleImputer takes {imputer.missing_values!r} for missing, and not NaN")
    statistics = np.asarray(imputer.statistics_, dtype=object)
    kept = [at for at, value in enumerate(statistics) if imputer.keep_empty_features or value == value]
    texts = {graph.kind(one) == STRING for one in parts}
    if texts == {True}:
        if imputer.indicator_ is not None:
            raise NotExportable("a SimpleImputer of texts adds indicators")
        found = graph.select(parts, kept)
        return tuple(_text(graph, one, statistics[at]) for one, at in zip(found, kept, strict=True))
    if True in texts:
        raise NotExportable("a SimpleImputer takes texts and numbers together; give each its own")
    whole = graph.joined(parts)
    if graph.kind(whole) == INT64 and imputer.strategy in {"mean", "median"}:
        whole = graph.cast(whole, DOUBLE)
    if graph.kind(whole) == INT64:  # none is missing
        return graph.select((whole,), kept)
    graph.refuse_infinite(whole)
    [value] = graph.select((whole,), kept)
    instead = graph.row(statistics[kept].astype(float))
    made: Parts = (graph.add("Where", _missing(graph, value), instead, value, width=len(kept)),)
    if imputer.indicator_ is not None and len(imputer.indicator_.features_):
        [told] = graph.select((whole,), imputer.indicator_.features_.tolist())
        made += (graph.cast(_missing(graph, told), DOUBLE),)
    return made


def _missing(graph: Graph, value: str) -> str:
    return graph.add("IsNaN", value, kind=BOOL)


def _text(graph: Graph, value: str, instead: Any) -> str:
    """Replace a column's missing texts."""
    if type(instead) is not str:
        raise NotExportable(f"a SimpleImputer replaces missing texts by {instead!r}, which is no text")
    if value not in graph.optional:
        return value
    encoders.require_usable(instead)
    missing = graph.add("Equal", value, graph.constant(np.array([[MISSING]], dtype=object)), kind=BOOL)
    chosen = graph.constant(np.array([[instead]], dtype=object))
    return graph.add("Where", missing, chosen, value, kind=STRING, width=1)


TRANSFORMERS: dict[str, Writer] = {
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "OneHotEncoder": encoders.one_hot,
    "OrdinalEncoder": encoders.ordinal,
    "RobustScaler": _robust,
    "SimpleImputer": _imputed,
    "StandardScaler": _standard,
    "TargetEncoder": encoders.target,
}
