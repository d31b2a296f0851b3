"""Convert linear models: one product with the coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.training.export.graph import Graph, NotExportable, Parts

REGRESSORS = (
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV",
    "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR",
    "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "PassiveAggressiveRegressor",
    "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor",
)  # fmt: skip
GENERALIZED = ("GammaRegressor", "PoissonRegressor", "TweedieRegressor")
CLASSIFIERS = {
    "LinearDiscriminantAnalysis": "softmax",
    "LinearSVC": None,
    "LogisticRegression": "softmax",
    "LogisticRegressionCV": "softmax",
    "PassiveAggressiveClassifier": None,
    "Perceptron": None,
    "RidgeClassifier": None,
    "RidgeClassifierCV": None,
    "SGDClassifier": "shares",
}
"""How each makes probabilities of several scores: see `classes.probabilities`."""


def scores(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the model's (n, outputs) products. Raises NotExportable for a sparse model."""
    if hasattr(model.coef_, "toarray"):
        raise NotExportable(f"a {type(model).__name__} is sparse; call its densify()")
    value = graph.numbers(parts)
    graph.refuse_not_finite(value)
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    product = graph.add("MatMul", value, graph.constant(np.ascontiguousarray(weights.T)), width=len(weights))
    return graph.add("Add", product, graph.row(np.ravel(model.intercept_)))


def generalized(graph: Graph, parts: Parts, model: Any) -> str:
    """Add the prediction of a generalized linear model, whose link is the identity or a logarithm."""
    raw = scores(graph, parts, model)
    link = type(model._get_loss().link).__name__  # noqa: SLF001  (has no public form)
    if link == "IdentityLink":
        return raw
    if link != "LogLink":
        raise NotExportable(f"a {type(model).__name__} has a {link}")
    return exponential(graph, raw)


def exponential(graph: Graph, value: str) -> str:
    """Add e to the power of a value.

    onnxruntime's Exp gives other last bits for vectorised rows than for the remainder; Pow does not.
    """
    return graph.add("Pow", graph.row(np.e), value, width=graph.width(value))
