"""Makers of what the zoo has of several estimators of one kind, of chains, and of thresholds."""

from __future__ import annotations

from typing import Any

from sklearn import (
    cross_decomposition,
    ensemble,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.pipeline import make_pipeline

from .zoo_classifiers import Makers


def _logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=50)


def _piped() -> Any:
    return make_pipeline(preprocessing.StandardScaler(), svm.SVC())


_OF_MANY: Makers = {
    "OneVsRestClassifier": lambda: multiclass.OneVsRestClassifier(_logistic()),
    "OneVsRestClassifier, trees": lambda: multiclass.OneVsRestClassifier(
        tree.DecisionTreeClassifier(max_depth=2)
    ),
    "OneVsRestClassifier, pipelines": lambda: multiclass.OneVsRestClassifier(_piped()),
    "OneVsRestClassifier, regressors": lambda: multiclass.OneVsRestClassifier(linear_model.Ridge()),
    "OneVsRestClassifier, boostings": lambda: multiclass.OneVsRestClassifier(
        ensemble.GradientBoostingClassifier(n_estimators=2, max_depth=2)
    ),
}
_CLASSIFIERS: Makers = {
    **_OF_MANY,
    "OneVsOneClassifier": lambda: multiclass.OneVsOneClassifier(_logistic()),
    "OneVsOneClassifier, machines": lambda: multiclass.OneVsOneClassifier(svm.SVC()),
    "OutputCodeClassifier": lambda: multiclass.OutputCodeClassifier(_logistic(), random_state=0),
    "OutputCodeClassifier, bayes": lambda: multiclass.OutputCodeClassifier(
        naive_bayes.GaussianNB(), code_size=3, random_state=1
    ),
    "PassiveAggressiveClassifier": lambda: linear_model.PassiveAggressiveClassifier(max_iter=20),
    "SelfTrainingClassifier": lambda: semi_supervised.SelfTrainingClassifier(naive_bayes.GaussianNB()),
}
_TWO_CLASSES: Makers = {
    "FixedThresholdClassifier": lambda: model_selection.FixedThresholdClassifier(_logistic(), threshold=0.3),
    "TunedThresholdClassifierCV": lambda: model_selection.TunedThresholdClassifierCV(_logistic(), cv=2),
    "TunedThresholdClassifierCV, F1": lambda: model_selection.TunedThresholdClassifierCV(
        _piped(), cv=2, scoring=metrics.make_scorer(metrics.f1_score, pos_label=0), store_cv_results=True
    ),
}
_MANY_NUMBERS: Makers = {
    "CCA": cross_decomposition.CCA,
    "PLSCanonical": lambda: cross_decomposition.PLSCanonical(algorithm="svd"),
    "MultiTaskLassoCV": lambda: linear_model.MultiTaskLassoCV(alphas=3, cv=2),
    "MultiTaskElasticNetCV": lambda: linear_model.MultiTaskElasticNetCV(alphas=3, cv=2, l1_ratio=[0.5, 0.9]),
    "RegressorChain": lambda: multioutput.RegressorChain(linear_model.Ridge(), order=[2, 0, 1]),
    "RegressorChain, folds": lambda: multioutput.RegressorChain(
        tree.DecisionTreeRegressor(max_depth=2), order="random", cv=2, random_state=0
    ),
}
_MANY_LABELS: Makers = {
    **_OF_MANY,
    "ClassifierChain": lambda: multioutput.ClassifierChain(_logistic(), order=(1, 0)),
    "ClassifierChain, probabilities": lambda: multioutput.ClassifierChain(
        naive_bayes.GaussianNB(), chain_method="predict_proba", cv=2
    ),
}
MAKERS: tuple[tuple[str, str, Makers], ...] = (
    (
        "numbers",
        "number",
        {"PassiveAggressiveRegressor": lambda: linear_model.PassiveAggressiveRegressor(max_iter=20)},
    ),
    ("numbers", "many", _MANY_NUMBERS),
    ("numbers", "two", {**_CLASSIFIERS, **_TWO_CLASSES}),
    ("numbers", "five", _CLASSIFIERS),
    ("numbers", "many labels", _MANY_LABELS),
)
