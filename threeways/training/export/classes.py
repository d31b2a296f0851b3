"""Convert classifiers: their scores, and the probabilities and labels that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from threeways.artifact.onnx.graph import CLASSES, LABEL, OUTPUTS
from threeways.artifact.onnx.messages import BOOL, INT64
from threeways.training.export import ensembles, linear
from threeways.training.export.graph import Graph, NotExportable, Parts
from threeways.training.export.linear import exponential


@dataclass(frozen=True, slots=True)
class Scored:
    """A classifier's scores, (n, classes), or (n, 1) of two classes.

    link: how probabilities are made of them: see `probabilities`. above: the operator by which the second of
    two classes is chosen. factor: of the score of two classes.
    """

    value: str
    link: str | None
    above: str = "Greater"
    factor: float = 1.0


def answer(graph: Graph, parts: Parts, model: Any, method: str) -> None:
    """Add a classifier's labels, and what the method answers."""
    scored = CLASSIFIERS[type(model).__name__](graph, parts, model)
    _label(graph, scored, model)  # first: naming an output names its value
    if method == "predict_proba":
        graph.output(OUTPUTS[method], probabilities(graph, scored, type(model).__name__))
    elif method == "decision_function":
        if scored.link == "none":
            raise NotExportable(f"a {type(model).__name__} has no {method}")
        graph.output(OUTPUTS[method], scored.value, flat=graph.width(scored.value) == 1)
    elif method != "predict":
        raise NotExportable(f"{method} is not written; log the model with pyfunc_predict_fn='predict_proba'")


def probabilities(graph: Graph, scored: Scored, name: str) -> str:
    """Add (n, classes) probabilities.

    Of one score the logistic function. Of several by link: "softmax"; "shares", of the logistic function of
    each in their sum; "none": they are probabilities.
    """
    value = scored.value
    if scored.link is None:
        raise NotExportable(f"a {name} has no probabilities that are written; log it with 'predict'")
    if scored.link == "none":
        return value
    if graph.width(value) == 1:
        second = _logistic(graph, value, scored.factor)
        return graph.concat((graph.add("Sub", graph.row(1.0), second), second))
    if scored.link == "softmax":
        most = graph.add("ReduceMax", value, graph.constant(np.array([1])), width=1, keepdims=1)
        raised = exponential(graph, graph.add("Sub", value, most))
        return graph.add("Div", raised, _sum(graph, raised))
    each = _logistic(graph, value)
    total = _sum(graph, each)
    none = graph.add("Equal", total, graph.row(0.0), kind=BOOL)
    equal = graph.row(1 / graph.width(value))
    return graph.add("Where", none, equal, graph.add("Div", each, total), width=graph.width(value))


def _logistic(graph: Graph, value: str, factor: float = 1.0) -> str:
    raised = exponential(graph, graph.add("Mul", value, graph.row(-factor)))
    one = graph.row(1.0)
    width = graph.width(value)
    return graph.add("Div", one, graph.add("Add", one, raised, width=width), width=width)


def _sum(graph: Graph, value: str) -> str:
    return graph.add("MatMul", value, graph.constant(np.ones((graph.width(value), 1))), width=1)


def _label(graph: Graph, scored: Scored, model: Any) -> None:
    """Add the classes as a constant, and each row's as the output."""
    classes = np.asarray(model.classes_)
    if classes.dtype.kind in "OU" and not all(type(one) is str for one in classes.tolist()):
        raise NotExportable("the classes are texts and others")
    if classes.dtype.kind in "iu":
        classes = classes.astype(np.int64)
    elif classes.dtype.kind == "f":
        classes = classes.astype(np.float64)
    if graph.width(scored.value) == 1 and len(classes) == 2:
        above = graph.add(scored.above, scored.value, graph.row(0.0), kind=BOOL)
        whole = graph.cast(above, INT64)
        minus = graph.constant(np.array([-1], dtype=np.int64))
        place = graph.add("Reshape", whole, minus, kind=INT64)
    else:
        place = graph.add("ArgMax", scored.value, kind=INT64, width=1, axis=1, keepdims=0)
    table = graph.constant(classes.astype(object) if classes.dtype.kind == "U" else classes, CLASSES)
    graph.output(LABEL, graph.add("Gather", table, place, kind=graph.kind(table), width=1, axis=0))


def _linear(graph: Graph, parts: Parts, model: Any) -> Scored:
    name = type(model).__name__
    if name == "SGDClassifier" and model.loss != "log_loss":
        return Scored(linear.scores(graph, parts, model), None)
    return Scored(linear.scores(graph, parts, model), linear.CLASSIFIERS[name])


def _histogram(graph: Graph, parts: Parts, model: Any) -> Scored:
    return Scored(ensembles.histogram(graph, parts, model), "softmax")


def _boosting(graph: Graph, parts: Parts, model: Any) -> Scored:
    factor = 2.0 if model.loss == "exponential" else 1.0
    return Scored(ensembles.boosting(graph, parts, model), "softmax", "GreaterOrEqual", factor)


def _forest(graph: Graph, parts: Parts, model: Any) -> Scored:
    return Scored(ensembles.forest(graph, parts, model), "none")


CLASSIFIERS: dict[str, Callable[[Graph, Parts, Any], Scored]] = {
    "HistGradientBoostingClassifier": _histogram,
    "GradientBoostingClassifier": _boosting,
    **dict.fromkeys(linear.CLASSIFIERS, _linear),
    **{name: _forest for name in (*ensembles.FORESTS, *ensembles.SINGLE) if name.endswith("Classifier")},
}
"""What adds each classifier's scores."""
