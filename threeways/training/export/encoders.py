"""Convert scikit-learn's encoders of categories: each category is looked up in a table of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx.graph import MISSING, UNKNOWN
from threeways.artifact.onnx.messages import BOOL, DOUBLE, INT64, STRING
from threeways.training.export.graph import ML, Graph, NotExportable, Parts

_MAX_INTEGER = 2.0**53
_NONE, _REFUSED = -1, -2
"""The codes of a category without a column, and of one that is refused."""


def one_hot(graph: Graph, parts: Parts, encoder: Any) -> Parts:
    """Write a column of zeros and ones for each category that is not dropped."""
    made = []
    for at, value in enumerate(graph.singles(parts)):
        count = len(encoder.categories_[at])
        codes = _grouped(encoder, at, np.arange(count))
        other = _NONE
        if encoder.handle_unknown in {"infrequent_if_exist", "warn"}:
            rare = encoder._infrequent_indices[at]  # noqa: SLF001  (has no public form)
            other = _NONE if rare is None else int(codes[rare[0]])
        dropped = None if encoder._drop_idx_after_grouping is None else encoder._drop_idx_after_grouping[at]  # noqa: SLF001
        if dropped is not None:
            codes, other = _without(codes, dropped), int(_without(np.array([other]), dropped)[0])
        other = _REFUSED if encoder.handle_unknown == "error" else other
        code = _looked_up(graph, value, encoder, at, codes, other)
        _refuse_unknown(graph, code, other, _REFUSED)
        width = int(encoder._n_features_outs[at])  # noqa: SLF001
        if width:
            places = graph.constant(np.arange(width)[None, :])
            made.append(graph.add("Equal", code, places, kind=BOOL, width=width))
    graph.sparse = encoder.sparse_output
    if not made:
        raise NotExportable("a OneHotEncoder drops all of its categories")
    return (graph.cast(graph.concat(tuple(made)), DOUBLE),)


def ordinal(graph: Graph, parts: Parts, encoder: Any) -> Parts:
    """Write a category's place."""
    made = []
    for at, value in enumerate(graph.singles(parts)):
        missing = encoder._missing_indices.get(at)  # noqa: SLF001
        codes = _grouped(encoder, at, np.arange(len(encoder.categories_[at])), missing).astype(np.float64)
        if missing is not None:
            codes[codes == missing] = encoder.encoded_missing_value
        refused = float(np.nanmin(codes, initial=0.0)) - 1
        other = refused if encoder.handle_unknown == "error" else float(encoder.unknown_value)
        code = _looked_up(graph, value, encoder, at, codes, other)
        _refuse_unknown(graph, code, other, refused if encoder.handle_unknown == "error" else None)
        made.append(code)
    graph.sparse = False
    return tuple(made)


def target(graph: Graph, parts: Parts, encoder: Any) -> Parts:
    """Write the mean target of a category, and of any other the overall mean."""
    if encoder.target_type_ != "continuous":
        raise NotExportable("a TargetEncoder encodes classes")
    mean = float(encoder.target_mean_)
    return tuple(
        _looked_up(graph, value, encoder, at, encoder.encodings_[at].astype(np.float64), mean)
        for at, value in enumerate(graph.singles(parts))
    )


def require_usable(text: str) -> None:
    """Raise NotExportable for a text that stands for a missing one in a graph."""
    if text in {MISSING, UNKNOWN}:
        raise NotExportable(f"the category {text!r} stands for another thing in a graph; call it otherwise")


def _grouped(encoder: Any, at: int, codes: NDArray[Any], missing: int | None = None) -> NDArray[Any]:
    """Return the codes of categories, the infrequent ones as one."""
    mapping = encoder._default_to_infrequent_mappings[at] if encoder._infrequent_enabled else None  # noqa: SLF001
    if mapping is None:
        return codes
    found = codes.copy()
    some = codes != missing if missing is not None else np.ones(len(codes), np.bool_)
    found[some] = np.asarray(mapping)[codes[some]]
    return found


def _without(codes: NDArray[Any], dropped: int) -> NDArray[Any]:
    return np.where(codes == dropped, _NONE, np.where(codes > dropped, codes - 1, codes))


def _refuse_unknown(graph: Graph, code: str, other: float, refused: float | None) -> None:
    if other == refused:
        array = np.array([[other]], dtype=np.int64 if graph.kind(code) == INT64 else np.float64)
        graph.refuse(graph.add("Equal", code, graph.constant(array), kind=BOOL))


def _looked_up(graph: Graph, value: str, encoder: Any, at: int, codes: NDArray[Any], other: float) -> str:
    """Add a table: (n, 1) codes of a column's categories, and of any other `other`."""
    name, known = type(encoder).__name__, encoder.categories_[at]
    graph.refuse_infinite(value, passed_on=False)
    value, keys, missing = _keys(graph, value, name, known)
    kept = codes[: len(known)][~missing]
    kind = INT64 if codes.dtype.kind == "i" else DOUBLE
    if graph.kind(value) == STRING and missing.any():
        keys, kept = np.append(keys, MISSING), np.append(kept, codes[missing][0])
    if not len(keys):
        raise NotExportable(f"a {name} knows no category of a column")
    code = graph.add(
        "LabelEncoder",
        value,
        domain=ML,
        kind=kind,
        keys_tensor=keys,
        values_tensor=kept.astype(codes.dtype),
        default_tensor=np.array([other], dtype=codes.dtype),
    )
    if graph.kind(value) == STRING or not missing.any():
        return code
    instead = graph.constant(np.array([[codes[missing][0]]], dtype=codes.dtype))
    return graph.add("Where", graph.add("IsNaN", value, kind=BOOL), instead, code, kind=kind, width=1)


def _keys(
    graph: Graph, value: str, name: str, known: NDArray[Any]
) -> tuple[str, NDArray[Any], NDArray[np.bool_]]:
    """Return the value to look up, its keys without a missing one, and which category is missing."""
    missing = np.array([one is None or one != one for one in known.tolist()], dtype=np.bool_)
    if graph.kind(value) == STRING:
        texts = known[~missing].tolist()
        if any(type(one) is not str for one in texts):
            raise NotExportable(f"a {name}'s categories are texts and others in one column")
        for one in texts:
            require_usable(one)
        missing &= np.array(
            [one is not None for one in known.tolist()], dtype=np.bool_
        )  # None is never served
        return value, np.array(texts, dtype=object), missing
    if known.dtype.kind not in "iuf" and not (known.dtype.kind == "b" and graph.kind(value) == INT64):
        raise NotExportable(f"a {name}'s categories are not numbers")
    if known.dtype.kind in "iu" and np.any(np.abs(known.astype(np.float64)) > _MAX_INTEGER):
        raise NotExportable(f"a {name}'s categories are integers beyond 2^53, which float64 mixes up")
    if graph.kind(value) == INT64 and known.dtype.kind != "f":
        return value, known.astype(np.int64), missing
    return graph.cast(value, DOUBLE), known[~missing].astype(np.float64), missing
