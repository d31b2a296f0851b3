"""Rows of naive Bayes and discriminant analysis: sums and matrix products over each class's row."""

from __future__ import annotations

from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Scope
from threeways.artifact.sklearn.rows import (
    IN,
    NONE,
    RECORD,
    Row,
    row,
    sequence,
)
from threeways.artifact.sklearn.table.labels import decisions


def _check_categories(the: Scope) -> None:
    """Check that each feature's probabilities are of its categories."""
    counts = [table.shape[1] for table in the["feature_log_prob_"]]
    the.require(counts == the["n_categories_"].tolist(), "probabilities are not of its categories")


_CLASSES = Array("biufUO", "classes")
_EACH_CLASS = Array("f", "classes")
_BY_FEATURE = Array("f", "classes in")
_MANY = {**IN, "classes_": _CLASSES, "class_count_": _EACH_CLASS, "class_log_prior_": _EACH_CLASS}
_COUNTED = {**_MANY, "feature_count_": _BY_FEATURE, "feature_log_prob_": _BY_FEATURE}
ROWS: list[Row] = [
    *row(
        "sklearn.naive_bayes",
        "GaussianNB",
        "classifier",
        "priors var_smoothing",
        "epsilon_",
        **IN,
        classes_=_CLASSES,
        theta_=_BY_FEATURE,
        var_=_BY_FEATURE,
        class_count_=_EACH_CLASS,
        class_prior_=_EACH_CLASS,
    ),
    *row(
        "sklearn.naive_bayes",
        "BernoulliNB MultinomialNB",
        "classifier",
        "alpha binarize class_prior fit_prior force_alpha",
        **_COUNTED,
    ),
    *row(
        "sklearn.naive_bayes",
        "ComplementNB",
        "classifier",
        "alpha class_prior fit_prior force_alpha norm",
        **_COUNTED,
        feature_all_=Array("f", "in"),
    ),
    *row(
        "sklearn.naive_bayes",
        "CategoricalNB",
        "classifier",
        "alpha class_prior fit_prior force_alpha min_categories",
        rules=(_check_categories,),
        maybe={"min_categories": RECORD},
        **_MANY,
        category_count_=sequence(Array("f", "classes *"), "in"),
        feature_log_prob_=sequence(Array("f", "classes *"), "in"),
        n_categories_=Array("i", "in"),
    ),
    *row(
        "sklearn.discriminant_analysis",
        "LinearDiscriminantAnalysis",
        "classifier",
        "covariance_estimator n_components priors shrinkage solver store_covariance tol",
        "_max_components explained_variance_ratio_ covariance_ _n_features_out",
        rules=(decisions,),
        maybe={"covariance_estimator": NONE, "xbar_": Array("f", "in"), "scalings_": Array("f", "in *")},
        **IN,
        classes_=_CLASSES,
        priors_=_EACH_CLASS,
        means_=_BY_FEATURE,
        coef_=Array("f", "decisions in"),
        intercept_=Array("f", "decisions"),
    ),
    *row(
        "sklearn.discriminant_analysis",
        "QuadraticDiscriminantAnalysis",
        "classifier",
        "covariance_estimator priors reg_param shrinkage solver store_covariance tol",
        "covariance_",
        rules=(decisions,),
        maybe={"covariance_estimator": NONE},
        **IN,
        classes_=_CLASSES,
        priors_=_EACH_CLASS,
        means_=_BY_FEATURE,
        scalings_=sequence(Array("f", "*"), "classes"),
        rotations_=sequence(Array("f", "in *"), "classes"),
    ),
]
