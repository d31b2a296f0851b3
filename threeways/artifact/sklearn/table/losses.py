"""Rows of losses, their links and intervals, and of what cross-validation leaves behind."""

from __future__ import annotations

from threeways.artifact.sklearn.forms import Plain
from threeways.artifact.sklearn.rows import FLAG, NONE, NUMBER, RECORD, Row, row, sequence
from threeways.artifact.sklearn.slots import Part

_LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
    "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
)
_GRADIENTS = "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge"

ROWS: list[Row] = [
    *row(
        "sklearn._loss.loss",
        _LOSSES,
        "loss",
        "quantile",
        "xp device approx_hessian constant_hessian class_indexing_offsets y_true_int y_true_one_hot",
        closs=Part("closs"),
        link=Part("link"),
        n_classes=Plain("none int"),
        interval_y_true=Part("Interval"),
        interval_y_pred=Part("Interval"),
    ),
    *(
        Row(
            module,
            name,
            "closs",
            {},
            frozenset(),
            state=RECORD,
            arguments=sequence(NUMBER),
            read=lambda _: {},
        )
        for module, names in (
            ("sklearn._loss._loss", " ".join(f"Cy{name}" for name in _LOSSES.split())),
            ("sklearn.linear_model._sgd_fast", _GRADIENTS),
        )
        for name in names.split()
    ),
    *(
        Row("sklearn._loss.link", name, "link", {}, frozenset(), state=NONE)
        for name in ("HalfLogitLink", "IdentityLink", "LogLink", "LogitLink", "MultinomialLogit")
    ),
    *row(
        "sklearn._loss.link",
        "Interval",
        "interval",
        low=NUMBER,
        high=NUMBER,
        low_inclusive=FLAG,
        high_inclusive=FLAG,
    ),
    *row(
        "sklearn.model_selection._split", "KFold StratifiedKFold", "splitter", "n_splits shuffle random_state"
    ),
]
