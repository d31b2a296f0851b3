"""Makers of the classifiers of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn import (
    calibration,
    discriminant_analysis,
    dummy,
    ensemble,
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
from sklearn.preprocessing import StandardScaler

type Makers = dict[str, Callable[[], Any]]

CLASSIFIERS: Makers = {
    "LogisticRegression": linear_model.LogisticRegression,
    "LogisticRegression, saga": lambda: linear_model.LogisticRegression(
        solver="saga", max_iter=20, class_weight="balanced"
    ),
    "LogisticRegressionCV": lambda: linear_model.LogisticRegressionCV(
        Cs=2, cv=2, max_iter=50, use_legacy_attributes=False
    ),
    "RidgeClassifier": linear_model.RidgeClassifier,
    "RidgeClassifierCV": linear_model.RidgeClassifierCV,
    "SGDClassifier": lambda: linear_model.SGDClassifier(max_iter=20),
    "SGDClassifier, log": lambda: linear_model.SGDClassifier(loss="log_loss", average=True, max_iter=20),
    "SGDClassifier, modified Huber": lambda: linear_model.SGDClassifier(
        loss="modified_huber", early_stopping=True, max_iter=20
    ),
    **{
        f"SGDClassifier, {loss}": partial(linear_model.SGDClassifier, loss, max_iter=20)
        for loss in ("squared_hinge", "epsilon_insensitive", "squared_epsilon_insensitive", "huber")
    },
    "Perceptron": linear_model.Perceptron,
    "LinearSVC": svm.LinearSVC,
    "DecisionTreeClassifier": lambda: tree.DecisionTreeClassifier(max_depth=3, class_weight="balanced"),
    "ExtraTreeClassifier": lambda: tree.ExtraTreeClassifier(max_depth=3),
    "RandomForestClassifier": lambda: ensemble.RandomForestClassifier(3, max_depth=3, random_state=0),
    "RandomForestClassifier, out of bag": lambda: ensemble.RandomForestClassifier(
        9, oob_score=True, class_weight="balanced_subsample", max_depth=3
    ),
    "ExtraTreesClassifier": lambda: ensemble.ExtraTreesClassifier(3, max_depth=3),
    "GradientBoostingClassifier": lambda: ensemble.GradientBoostingClassifier(n_estimators=3, max_depth=2),
    "HistGradientBoostingClassifier": lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=3, categorical_features=[1], min_samples_leaf=5
    ),
    "HistGradientBoostingClassifier, early": lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=3, early_stopping=True, min_samples_leaf=5, class_weight="balanced"
    ),
    "CalibratedClassifierCV": lambda: calibration.CalibratedClassifierCV(cv=2),
    "CalibratedClassifierCV, folds": lambda: calibration.CalibratedClassifierCV(
        cv=model_selection.StratifiedKFold(2)
    ),
    "CalibratedClassifierCV, isotonic": lambda: calibration.CalibratedClassifierCV(
        tree.DecisionTreeClassifier(max_depth=2), method="isotonic", cv=2, ensemble=False
    ),
    "CalibratedClassifierCV, temperature": lambda: calibration.CalibratedClassifierCV(
        linear_model.LogisticRegression(max_iter=50), method="temperature", cv=2
    ),
    "KNeighborsClassifier": neighbors.KNeighborsClassifier,
    "KNeighborsClassifier, brute": lambda: neighbors.KNeighborsClassifier(algorithm="brute", metric="cosine"),
    "NearestCentroid": neighbors.NearestCentroid,
    "DummyClassifier": dummy.DummyClassifier,
    "DummyClassifier, stratified": lambda: dummy.DummyClassifier(strategy="stratified", random_state=0),
    "MLPClassifier": lambda: neural_network.MLPClassifier((4,), max_iter=5, random_state=0),
    "MLPClassifier, early": lambda: neural_network.MLPClassifier((4,), max_iter=5, early_stopping=True),
    "GaussianNB": naive_bayes.GaussianNB,
    "MultinomialNB": naive_bayes.MultinomialNB,
    "ComplementNB": naive_bayes.ComplementNB,
    "BernoulliNB": lambda: naive_bayes.BernoulliNB(binarize=2.0),
    "LinearDiscriminantAnalysis": discriminant_analysis.LinearDiscriminantAnalysis,
    "LinearDiscriminantAnalysis, shrunk": lambda: discriminant_analysis.LinearDiscriminantAnalysis(
        "lsqr", shrinkage="auto"
    ),
    "LinearDiscriminantAnalysis, eigen": lambda: discriminant_analysis.LinearDiscriminantAnalysis("eigen"),
    "QuadraticDiscriminantAnalysis": lambda: discriminant_analysis.QuadraticDiscriminantAnalysis(
        reg_param=0.1
    ),
    "BaggingClassifier": lambda: ensemble.BaggingClassifier(
        tree.DecisionTreeClassifier(max_depth=2), 3, random_state=0
    ),
    "AdaBoostClassifier": lambda: ensemble.AdaBoostClassifier(n_estimators=3),
    "VotingClassifier": lambda: ensemble.VotingClassifier(
        [("a", linear_model.LogisticRegression(max_iter=50)), ("b", tree.DecisionTreeClassifier(max_depth=2))]
    ),
    "VotingClassifier, soft": lambda: ensemble.VotingClassifier(
        [("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier(max_depth=2))],
        voting="soft",
        flatten_transform=False,
    ),
    "pipelines in a vote of classes": lambda: ensemble.VotingClassifier(
        [("a", make_pipeline(StandardScaler(), naive_bayes.GaussianNB()))], voting="soft"
    ),
    "a pipeline that is calibrated": lambda: calibration.CalibratedClassifierCV(
        make_pipeline(StandardScaler(), naive_bayes.GaussianNB()), cv=2
    ),
    "StackingClassifier": lambda: ensemble.StackingClassifier(
        [
            ("a", linear_model.LogisticRegression(max_iter=50)),
            ("b", tree.DecisionTreeClassifier(max_depth=2)),
        ],
        cv=2,
    ),
}
TWO_CLASSES: Makers = {
    "GradientBoostingClassifier, exponential": lambda: ensemble.GradientBoostingClassifier(
        loss="exponential", n_estimators=3, max_depth=2
    ),
}
MANY_LABELS: Makers = {
    "MultiOutputClassifier": lambda: multioutput.MultiOutputClassifier(naive_bayes.GaussianNB()),
    "DecisionTreeClassifier": lambda: tree.DecisionTreeClassifier(max_depth=3),
    "RandomForestClassifier": lambda: ensemble.RandomForestClassifier(3, max_depth=3),
    "KNeighborsClassifier": neighbors.KNeighborsClassifier,
    "MLPClassifier": lambda: neural_network.MLPClassifier((4,), max_iter=5),
    "RidgeClassifier": linear_model.RidgeClassifier,
    "DummyClassifier": dummy.DummyClassifier,
}
