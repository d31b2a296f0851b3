"""Makers of the regressors and classifiers of the zoo, by the input and target that they are fitted on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn import (
    compose,
    cross_decomposition,
    dummy,
    ensemble,
    isotonic,
    linear_model,
    model_selection,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    svm,
    tree,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from .zoo_classifiers import CLASSIFIERS, MANY_LABELS, TWO_CLASSES, Makers

_LINEAR: Makers = {
    "LinearRegression": linear_model.LinearRegression,
    "LinearRegression, positive": lambda: linear_model.LinearRegression(positive=True),
    "LinearRegression, no intercept": lambda: linear_model.LinearRegression(fit_intercept=False),
    "Ridge": linear_model.Ridge,
    "Ridge, sag": lambda: linear_model.Ridge(solver="sag", max_iter=50, random_state=1),
    "RidgeCV": linear_model.RidgeCV,
    "RidgeCV, folds": lambda: linear_model.RidgeCV(cv=3),
    "Lasso": linear_model.Lasso,
    "ElasticNet": linear_model.ElasticNet,
}
_ONE_LINEAR: Makers = {
    "LassoCV": lambda: linear_model.LassoCV(alphas=5, cv=3),
    "ElasticNetCV": lambda: linear_model.ElasticNetCV(alphas=5, cv=3, l1_ratio=[0.5, 0.9]),
    "ARDRegression": lambda: linear_model.ARDRegression(compute_score=True),
    "BayesianRidge": linear_model.BayesianRidge,
    "GammaRegressor": linear_model.GammaRegressor,
    "PoissonRegressor": lambda: linear_model.PoissonRegressor(solver="newton-cholesky"),
    "TweedieRegressor": lambda: linear_model.TweedieRegressor(power=1.5),
    "TweedieRegressor, normal": linear_model.TweedieRegressor,
    "HuberRegressor": linear_model.HuberRegressor,
    "Lars": linear_model.Lars,
    "LarsCV": lambda: linear_model.LarsCV(cv=3),
    "LassoLars": lambda: linear_model.LassoLars(0.1),
    "LassoLarsCV": lambda: linear_model.LassoLarsCV(cv=3),
    "LassoLarsIC": linear_model.LassoLarsIC,
    "OrthogonalMatchingPursuit": linear_model.OrthogonalMatchingPursuit,
    "OrthogonalMatchingPursuitCV": lambda: linear_model.OrthogonalMatchingPursuitCV(cv=3),
    "QuantileRegressor": linear_model.QuantileRegressor,
    "RANSACRegressor": lambda: linear_model.RANSACRegressor(random_state=0),
    "SGDRegressor": lambda: linear_model.SGDRegressor(max_iter=20),
    "SGDRegressor, averaged, Huber": lambda: linear_model.SGDRegressor(
        loss="huber", average=True, early_stopping=True, max_iter=20
    ),
    "TheilSenRegressor": lambda: linear_model.TheilSenRegressor(max_subpopulation=20, random_state=0),
    "LinearSVR": svm.LinearSVR,
}
_TREES: Makers = {
    "DecisionTreeRegressor": lambda: tree.DecisionTreeRegressor(max_depth=3, random_state=0),
    "DecisionTreeRegressor, pruned": lambda: tree.DecisionTreeRegressor(ccp_alpha=0.1),
    "ExtraTreeRegressor": lambda: tree.ExtraTreeRegressor(max_leaf_nodes=6),
    "RandomForestRegressor": lambda: ensemble.RandomForestRegressor(3, max_depth=3, random_state=0),
    "RandomForestRegressor, out of bag": lambda: ensemble.RandomForestRegressor(
        9, max_depth=3, oob_score=True, n_jobs=1, random_state=np.random.RandomState(1)
    ),
    "ExtraTreesRegressor": lambda: ensemble.ExtraTreesRegressor(3, max_depth=3, random_state=0),
    "KNeighborsRegressor": neighbors.KNeighborsRegressor,
    "KNeighborsRegressor, brute": lambda: neighbors.KNeighborsRegressor(
        3, algorithm="brute", weights="distance"
    ),
    "DummyRegressor": dummy.DummyRegressor,
    "DummyRegressor, quantile": lambda: dummy.DummyRegressor(strategy="quantile", quantile=0.9),
    "MLPRegressor": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(4, 3), max_iter=5, random_state=0
    ),
    "PLSRegression": cross_decomposition.PLSRegression,
    "BaggingRegressor": lambda: ensemble.BaggingRegressor(
        tree.DecisionTreeRegressor(max_depth=2), 3, max_features=0.5, random_state=0
    ),
}


def _piped() -> Any:
    return make_pipeline(StandardScaler(), linear_model.Ridge())


_REGRESSORS: Makers = {
    "BaggingRegressor, out of bag": lambda: ensemble.BaggingRegressor(
        n_estimators=9, oob_score=True, random_state=0
    ),
    "GradientBoostingRegressor": lambda: ensemble.GradientBoostingRegressor(n_estimators=3, max_depth=2),
    "GradientBoostingRegressor, early": lambda: ensemble.GradientBoostingRegressor(
        n_estimators=5, max_depth=2, n_iter_no_change=2, subsample=0.5, random_state=0
    ),
    "GradientBoostingRegressor, quantile": lambda: ensemble.GradientBoostingRegressor(
        n_estimators=3, loss="quantile", init="zero"
    ),
    "GradientBoostingRegressor, huber": lambda: ensemble.GradientBoostingRegressor(
        n_estimators=3, loss="huber"
    ),
    "GradientBoostingRegressor, absolute": lambda: ensemble.GradientBoostingRegressor(
        n_estimators=2, loss="absolute_error"
    ),
    "HistGradientBoostingRegressor": lambda: ensemble.HistGradientBoostingRegressor(
        max_iter=3, min_samples_leaf=5
    ),
    "HistGradientBoostingRegressor, categories": lambda: ensemble.HistGradientBoostingRegressor(
        max_iter=3, categorical_features=[0, 1], min_samples_leaf=5, early_stopping=True
    ),
    "HistGradientBoostingRegressor, constrained": lambda: ensemble.HistGradientBoostingRegressor(
        max_iter=3,
        min_samples_leaf=5,
        monotonic_cst=[0, 0, 1, 0, 0, 0, 0],
        interaction_cst=[{0, 1}, {2}],
        max_features=0.5,
        random_state=0,
    ),
    **{
        f"HistGradientBoostingRegressor, {loss}": partial(
            ensemble.HistGradientBoostingRegressor, loss, max_iter=3, quantile=0.5, min_samples_leaf=5
        )
        for loss in ("absolute_error", "gamma", "poisson", "quantile")
    },
    "AdaBoostRegressor": lambda: ensemble.AdaBoostRegressor(n_estimators=3, random_state=0),
    "VotingRegressor": lambda: ensemble.VotingRegressor(
        [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=2)), ("c", "drop")],
        weights=[1, 2, 3],
    ),
    "StackingRegressor": lambda: ensemble.StackingRegressor(
        [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=2))], cv=2, passthrough=True
    ),
    "StackingRegressor, of forests": lambda: ensemble.StackingRegressor(
        [("a", ensemble.RandomForestRegressor(2, max_depth=2))], ensemble.RandomForestRegressor(2), cv=2
    ),
    "TransformedTargetRegressor": lambda: compose.TransformedTargetRegressor(
        linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
    ),
    "TransformedTargetRegressor, scaled": lambda: compose.TransformedTargetRegressor(
        transformer=StandardScaler()
    ),
    "KNeighborsRegressor, ball tree": lambda: neighbors.KNeighborsRegressor(
        algorithm="ball_tree", metric="manhattan", leaf_size=5
    ),
    "KNeighborsRegressor, k-d tree of p": lambda: neighbors.KNeighborsRegressor(
        algorithm="kd_tree", p=3, leaf_size=4
    ),
    "KNeighborsRegressor, chebyshev": lambda: neighbors.KNeighborsRegressor(metric="chebyshev"),
    "LassoCV, folds": lambda: linear_model.LassoCV(alphas=5, cv=model_selection.KFold(3)),
    "MLPRegressor, sgd": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", solver="sgd", max_iter=5, early_stopping=True
    ),
    "MLPRegressor, lbfgs": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(4,), activation="logistic", solver="lbfgs", max_iter=5
    ),
    "a pipeline": lambda: make_pipeline(StandardScaler(), linear_model.LinearRegression()),
    "pipelines in a vote": lambda: ensemble.VotingRegressor(
        [("a", _piped()), ("b", make_pipeline(_piped()))]
    ),
    "pipelines in a stack": lambda: ensemble.StackingRegressor([("a", _piped())], _piped(), cv=2),
    "pipelines in a bag": lambda: ensemble.BaggingRegressor(_piped(), 2),
    "pipelines in a boosting": lambda: ensemble.AdaBoostRegressor(_piped(), n_estimators=2),
    "a pipeline of a sample": lambda: linear_model.RANSACRegressor(_piped(), min_samples=9, random_state=0),
    "a pipeline of a target": lambda: compose.TransformedTargetRegressor(
        _piped(), transformer=make_pipeline(StandardScaler(), MinMaxScaler())
    ),
}
MAKERS: tuple[tuple[str, str, Makers], ...] = (
    ("numbers", "number", {**_LINEAR, **_ONE_LINEAR, **_TREES, **_REGRESSORS}),
    ("numbers", "many", {**_LINEAR, **_TREES}),
    (
        "numbers",
        "many",
        {
            "MultiOutputRegressor": lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()),
            "MultiTaskLasso": linear_model.MultiTaskLasso,
            "MultiTaskElasticNet": linear_model.MultiTaskElasticNet,
        },
    ),
    ("numbers", "two", {**CLASSIFIERS, **TWO_CLASSES}),
    ("numbers", "labels", CLASSIFIERS),
    ("numbers", "many labels", MANY_LABELS),
    ("categories", "labels", {"CategoricalNB": naive_bayes.CategoricalNB}),
    ("line", "number", {"IsotonicRegression": isotonic.IsotonicRegression}),
    (
        "line",
        "number",
        {"IsotonicRegression, clipped": lambda: isotonic.IsotonicRegression(out_of_bounds="clip")},
    ),
    (
        "nan",
        "number",
        {
            "DecisionTreeRegressor, NaN": lambda: tree.DecisionTreeRegressor(max_depth=3),
            "HistGradientBoostingRegressor, NaN": lambda: ensemble.HistGradientBoostingRegressor(
                max_iter=3, min_samples_leaf=5, categorical_features=[0]
            ),
        },
    ),
)
