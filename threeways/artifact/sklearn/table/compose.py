"""Rows of what is made of other estimators: which of them may sit in which slot, and what they share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import Plain, Scope
from threeways.artifact.sklearn.rows import (
    ANY,
    COLUMNS,
    FLAG,
    IN,
    INTEGER,
    MODEL,
    NAMES,
    NONE,
    NUMBER,
    RECORD,
    TEMPLATE,
    TEXT,
    UFUNC,
    Row,
    row,
    sequence,
    together,
)
from threeways.artifact.sklearn.slots import OneOf, Part, Span
from threeways.artifact.sklearn.table.labels import CLASSES

_METHODS = ("predict", "predict_proba", "decision_function")
_STEP = OneOf(NONE, Plain("str", among=("passthrough", "drop")), MODEL)
_STEPS = sequence(together(TEXT, _STEP))
_NAMED = sequence(together(TEXT, TEMPLATE))
_WEIGHTS = OneOf(NONE, sequence(NUMBER), Array("iuf", "*"))
_BY_NAME = OneOf(NONE, Mapped(NUMBER))


def _check_pipeline(the: Scope) -> None:
    """Give a pipeline the kind and dimensions of its ends, and check that a step takes what it is given."""
    steps = [step for _, step in the["steps"] if step is not None and not isinstance(step, str)]
    dims = [the.part(step, fitted=the.fitted) for step in steps]
    for before, after in pairwise(dims):
        width, taken = before.get("width"), after.get("in")
        the.require(None in {width, taken} or width == taken, "step takes other columns than it is given")
    if dims:
        the.dims["kinds"] = dims[-1]["kinds"]
        whole = len(steps) == len(the["steps"])
        the.dims.update({"in": dims[0]["in"]} if whole and "in" in dims[0] else {})
        the.dims.update(
            {name: dims[-1][name] for name in ("out", "classes", "decisions", "width") if name in dims[-1]}
        )


def _check_votes(the: Scope) -> None:
    """Check that each estimator's labels are those that votes are counted by: 0, 1, … below their number."""
    for estimator in the["estimators_"]:
        labels = np.asarray(getattr(estimator, "classes_", None))
        sound = labels.ndim == 1 and labels.dtype.kind in "iu" and labels.size
        within = sound and labels.min() >= 0 and labels.max() < the.dims["classes"][0]
        the.require(bool(within), "estimator votes for classes that it has not")


def _check_stack(the: Scope) -> None:
    """Check that there is a method for each estimator."""
    sound = len(the["stack_method_"]) == len(the["estimators_"])
    the.require(sound, "methods are not as many as its estimators")


_SELECTED = together(TEXT, _STEP, COLUMNS)
_STACKED = {
    "stack_method_": sequence(Plain("str", among=_METHODS)),
}
_NAMES = {"named_estimators_": Mapped(OneOf(Plain("str", among=("drop",)), Part(ANY)), bunch=True)}

ROWS: list[Row] = [
    *row(
        "sklearn.pipeline",
        "Pipeline",
        "pipeline",
        "memory steps transform_input verbose",
        rules=(_check_pipeline,),
        maybe={"transform_input": NONE, "memory": Plain("none str"), "steps": _STEPS},
    ),
    *row(
        "sklearn.pipeline",
        "FeatureUnion",
        "transformer",
        "n_jobs transformer_list transformer_weights verbose verbose_feature_names_out",
        maybe={"transformer_list": _STEPS, "transformer_weights": _BY_NAME},
    ),
    *row(
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        "transformer",
        "n_jobs remainder sparse_threshold transformer_weights transformers verbose "
        "verbose_feature_names_out",
        maybe={
            "transformers": sequence(together(TEXT, TEMPLATE, COLUMNS)),
            "remainder": TEMPLATE,
            "transformer_weights": _BY_NAME,
            "_name_to_fitted_passthrough": Mapped(MODEL),
        },
        **IN,
        _columns=sequence(COLUMNS),
        _transformer_to_input_indices=Mapped(sequence(INTEGER)),
        _remainder=together(TEXT, TEMPLATE, COLUMNS),
        sparse_output_=FLAG,
        transformers_=sequence(_SELECTED),
        output_indices_=Mapped(Span()),
    ),
    *row(
        "sklearn.compose._column_transformer",
        "make_column_selector",
        "selector",
        maybe={"pattern": Plain("none str"), "dtype_include": RECORD, "dtype_exclude": RECORD},
    ),
    *row(
        "sklearn.compose._target",
        "TransformedTargetRegressor",
        "regressor",
        "check_inverse func inverse_func regressor transformer",
        maybe={
            **NAMES,
            "regressor": TEMPLATE,
            "transformer": TEMPLATE,
            "func": OneOf(NONE, UFUNC),
            "inverse_func": OneOf(NONE, UFUNC),
        },
        _training_dim=Plain("int", 1, 2),
        transformer_=Part("transformer"),
        regressor_=Part("regressor"),
    ),
    *row(
        "sklearn.ensemble._voting",
        "VotingRegressor",
        "regressor",
        "estimators n_jobs verbose weights",
        maybe={**NAMES, "estimators": _NAMED, "weights": _WEIGHTS, **_NAMES},
        estimators_=sequence(Part("regressor")),
    ),
    *row(
        "sklearn.ensemble._voting",
        "VotingClassifier",
        "classifier",
        "estimators flatten_transform n_jobs verbose voting weights",
        rules=(_check_votes,),
        maybe={
            **NAMES,
            "estimators": _NAMED,
            "weights": _WEIGHTS,
            **_NAMES,
            "voting": Plain("str", among=("hard", "soft")),
        },
        estimators_=sequence(Part("classifier")),
        le_=Part("LabelEncoder", "classes"),
        classes_=CLASSES,
    ),
    *row(
        "sklearn.ensemble._stacking",
        "StackingRegressor",
        "regressor",
        "cv estimators final_estimator n_jobs passthrough stack_method verbose",
        "_n_feature_outs",
        rules=(_check_stack,),
        maybe={**NAMES, "estimators": _NAMED, "final_estimator": TEMPLATE, **_NAMES},
        **_STACKED,
        estimators_=sequence(Part("regressor classifier")),
        final_estimator_=Part("regressor"),
    ),
    *row(
        "sklearn.ensemble._stacking",
        "StackingClassifier",
        "classifier",
        "cv estimators final_estimator n_jobs passthrough stack_method verbose",
        "_n_feature_outs",
        rules=(_check_stack,),
        maybe={**NAMES, "estimators": _NAMED, "final_estimator": TEMPLATE, **_NAMES},
        **_STACKED,
        estimators_=sequence(Part("classifier regressor")),
        final_estimator_=Part("classifier"),
        _label_encoder=OneOf(Part("LabelEncoder"), sequence(Part("LabelEncoder"))),
        classes_=CLASSES,
    ),
    *row(
        "sklearn.multioutput",
        "MultiOutputRegressor",
        "regressor",
        "estimator n_jobs",
        maybe=IN,
        estimators_=sequence(Part("regressor", "in"), "out"),
    ),
    *row(
        "sklearn.multioutput",
        "MultiOutputClassifier",
        "classifier",
        "estimator n_jobs",
        maybe=IN,
        estimators_=sequence(Part("classifier", "in"), "out"),
        classes_=sequence(Array("biufUO", "*"), "out"),
    ),
    *row(
        "sklearn.calibration",
        "CalibratedClassifierCV",
        "classifier",
        "cv ensemble estimator method n_jobs",
        maybe=IN,
        classes_=Array("biufUO", "classes"),
        calibrated_classifiers_=sequence(Part("_CalibratedClassifier", "classes")),
    ),
    *row(
        "sklearn.calibration",
        "_CalibratedClassifier",
        "calibrated",
        estimator=Part("classifier"),
        calibrators=sequence(Part("calibrator IsotonicRegression")),
        classes=Array("biufUO", "classes"),
        method=TEXT,
    ),
    *row("sklearn.calibration", "_SigmoidCalibration", "calibrator", a_=NUMBER, b_=NUMBER),
    *row("sklearn.calibration", "_TemperatureScaling", "calibrator", beta_=NUMBER),
]
