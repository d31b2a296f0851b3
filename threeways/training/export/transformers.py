"""Convert scikit-learn's transformers to ONNX operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.training.export.graph import ML, Graph, NotExportable, Writer

_MAX_INTEGER = 2.0**53


def _function(_: Graph, value: str, transformer: Any) -> str:
    if transformer.func is not None:
        raise NotExportable("a FunctionTransformer calls a function")
    return value


def _target(graph: Graph, value: str, encoder: Any) -> str:
    """Map each column's categories to their mean target, and any other number to the overall mean."""
    if encoder.target_type_ != "continuous":
        raise NotExportable("a TargetEncoder encodes classes")
    mean = np.array([encoder.target_mean_], dtype=np.float64)
    parts = []
    for column, (keys, values) in enumerate(zip(encoder.categories_, encoder.encodings_, strict=True)):
        if not np.issubdtype(keys.dtype, np.number):
            raise NotExportable("a TargetEncoder's categories are not numbers")
        if np.issubdtype(keys.dtype, np.integer) and np.any(np.abs(keys.astype(np.float64)) > _MAX_INTEGER):
            raise NotExportable(
                "a TargetEncoder's categories are integers beyond 2^53, which float64 mixes up"
            )
        encoded = graph.add(
            "LabelEncoder",
            graph.columns(value, [column]),
            domain=ML,
            keys_tensor=keys.astype(np.float64),
            values_tensor=values.astype(np.float64),
            default_tensor=mean,
        )
        parts.append(encoded)
    return graph.concat(parts)


def _standard(graph: Graph, value: str, scaler: Any) -> str:
    if scaler.with_mean:
        value = graph.add("Sub", value, _row(graph, scaler.mean_))
    if scaler.with_std:
        value = graph.add("Div", value, _row(graph, scaler.scale_))
    return value


def _min_max(graph: Graph, value: str, scaler: Any) -> str:
    if scaler.clip:
        raise NotExportable("a MinMaxScaler clips")
    value = graph.add("Mul", value, _row(graph, scaler.scale_))
    return graph.add("Add", value, _row(graph, scaler.min_))


def _row(graph: Graph, numbers: Any) -> str:
    """Add a (1, columns) float64 constant; a scaler that was fitted on float32 has float32 numbers."""
    return graph.constant(np.asarray(numbers, dtype=np.float64)[None, :])


TRANSFORMERS: dict[str, Writer] = {
    "FunctionTransformer": _function,
    "TargetEncoder": _target,
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
}
