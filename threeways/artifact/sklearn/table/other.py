"""Rows of networks, partial least squares, isotonic regressions and constants."""

from __future__ import annotations

from itertools import pairwise

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Count, Plain, Scope
from threeways.artifact.sklearn.rows import (
    FLAG,
    IN,
    INTEGER,
    NUMBER,
    RANDOM,
    RECORD,
    Row,
    row,
    sequence,
)
from threeways.artifact.sklearn.slots import OneOf, Part
from threeways.artifact.sklearn.table import ordered


def _check_layers(the: Scope) -> None:
    """Check that each layer takes what the one before it makes, from the features to the outputs."""
    weights, biases = the["coefs_"], the["intercepts_"]
    sound = len(weights) == len(biases) == the["n_layers_"] - 1 >= 1
    the.require(sound, "layers are not as many as it says")
    widths = [the["n_features_in_"], *(len(bias) for bias in biases)]
    the.require(widths[-1] == the["n_outputs_"], "last layer is not as wide as its outputs")
    shapes = [weight.shape for weight in weights]
    the.require(shapes == list(pairwise(widths)), "layer does not take what the one before it makes")


def _check_thresholds(the: Scope) -> None:
    """Check that an isotonic regression made its function of its thresholds when it was loaded."""
    the.require(len(the["X_thresholds_"]) >= 1, "thresholds are missing")


def _check_constant(the: Scope) -> None:
    """Check that the distributions are as many as the outputs, each of all classes."""
    priors = the["class_prior_"]
    priors = priors if isinstance(priors, list) else [priors]
    counts, classes = [len(prior) for prior in priors], the["n_classes_"]
    stated = classes if isinstance(classes, list) else [classes]
    known = the["classes_"] if isinstance(the["classes_"], list) else [the["classes_"]]
    sound = counts == stated == [len(labels) for labels in known] and len(counts) == the["n_outputs_"]
    the.require(sound, "classes are not as many as their probabilities")
    the.dims["classes"] = tuple(counts)


_LAYERS = {
    **IN,
    "n_outputs_": Count("out"),
    "n_layers_": INTEGER,
    "out_activation_": Plain("str", among=("identity", "logistic", "softmax", "exp")),
    "coefs_": sequence(Array("f", "* *")),
    "intercepts_": sequence(Array("f", "*")),
}
_LAYERS_PARAMETERS = (
    "activation alpha batch_size beta_1 beta_2 early_stopping epsilon hidden_layer_sizes learning_rate "
    "learning_rate_init loss max_fun max_iter momentum n_iter_no_change nesterovs_momentum power_t "
    "random_state shuffle solver tol validation_fraction verbose warm_start"
)
_LAYERS_RECORDS = (
    "n_iter_ t_ loss_curve_ _no_improvement_count best_loss_ validation_scores_ best_validation_score_ loss_ "
    "_best_coefs _best_intercepts _coef_indptr _intercept_indptr hidden_layer_sizes"
)
_LAYERS_MAYBE = {
    "activation": Plain("str", among=("identity", "logistic", "tanh", "relu")),
    "_optimizer": Part("optimizer"),
    "_random_state": RANDOM,
}
_STRATEGY = Plain("str", among=("constant", "most_frequent", "prior", "stratified", "uniform"))
_PLS = Array("f", "in parts")

ROWS: list[Row] = [
    *row(
        "sklearn.neural_network._multilayer_perceptron",
        "MLPRegressor",
        "regressor",
        _LAYERS_PARAMETERS,
        _LAYERS_RECORDS,
        rules=(_check_layers,),
        maybe=_LAYERS_MAYBE,
        **_LAYERS,
    ),
    *row(
        "sklearn.neural_network._multilayer_perceptron",
        "MLPClassifier",
        "classifier",
        _LAYERS_PARAMETERS,
        _LAYERS_RECORDS + " classes_",
        rules=(_check_layers,),
        maybe=_LAYERS_MAYBE,
        **_LAYERS,
        _label_binarizer=Part("LabelBinarizer"),
    ),
    *row(
        "sklearn.neural_network._stochastic_optimizers",
        "AdamOptimizer SGDOptimizer",
        "optimizer",
        "beta_1 beta_2 epsilon learning_rate_init lr_schedule momentum nesterov params power_t",
        "learning_rate t ms vs velocities",
    ),
    *row(
        "sklearn.cross_decomposition._pls",
        "CCA PLSCanonical PLSRegression",
        "regressor",
        "algorithm copy max_iter n_components scale tol",
        "deflation_mode mode _norm_y_weights _x_scores _y_scores x_scores_ y_scores_ n_iter_ _n_features_out",
        **IN,
        _predict_1d=FLAG,
        _x_mean=Array("f", "in"),
        _x_std=Array("f", "in"),
        _y_mean=Array("f", "out"),
        _y_std=Array("f", "out"),
        x_weights_=_PLS,
        x_loadings_=_PLS,
        x_rotations_=_PLS,
        y_weights_=Array("f", "out parts"),
        y_loadings_=Array("f", "out parts"),
        y_rotations_=Array("f", "out parts"),
        coef_=Array("f", "out in"),
        intercept_=Array("f", "out"),
    ),
    *row(
        "sklearn.isotonic",
        "IsotonicRegression",
        "regressor",
        "increasing out_of_bounds y_max y_min",
        "f_",
        rules=(_check_thresholds,),
        maybe={"out_of_bounds": Plain("str", among=("nan", "clip", "raise"))},
        increasing_=FLAG,
        X_min_=NUMBER,
        X_max_=NUMBER,
        X_thresholds_=Array("f", "steps", rule=ordered.increasing),
        y_thresholds_=Array("f", "steps"),
    ),
    *row(
        "sklearn.dummy",
        "DummyRegressor",
        "regressor",
        "constant quantile strategy",
        maybe={**IN, "constant": RECORD},
        n_outputs_=Count("out", 1, limits.OUTPUTS),
        constant_=Array("biuf", "1 out"),
    ),
    *row(
        "sklearn.dummy",
        "DummyClassifier",
        "classifier",
        "constant random_state strategy",
        rules=(_check_constant,),
        maybe={**IN, "constant": RECORD, "_strategy": _STRATEGY},
        n_outputs_=Count("out", 1, limits.OUTPUTS),
        sparse_output_=FLAG,
        classes_=OneOf(Array("biufUO", "*"), sequence(Array("biufUO", "*"))),
        n_classes_=OneOf(INTEGER, sequence(INTEGER)),
        class_prior_=OneOf(Array("f", "*"), sequence(Array("f", "*"))),
    ),
]
