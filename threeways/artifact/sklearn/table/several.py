"""Rows of classifiers and chains that are made of several estimators, and of thresholds on one's decision."""

from __future__ import annotations

from typing import Any

from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import PLAIN, Plain, Scope
from threeways.artifact.sklearn.rows import (
    ANY,
    IN,
    INTEGER,
    NONE,
    NUMBER,
    RECORD,
    TEMPLATE,
    TEXT,
    Row,
    row,
    sequence,
)
from threeways.artifact.sklearn.slots import Function, OneOf, Part
from threeways.artifact.sklearn.table.labels import CLASSES

_PROCESS = "_BinaryGaussianProcessClassifierLaplace"
_MADE_OF = Part(f"regressor classifier _ConstantPredictor {_PROCESS}", "in")
_SEVERAL: dict[str, Any] = {**IN, "estimator": Part(f"{ANY} {_PROCESS}", fitted=False)}


def _check_columns(the: Scope) -> None:
    """Check that each estimator decides by one number a row.

    SciPy's compiled code trusts the row indices of the sparse matrix that is made of them; of several classes
    none is made.
    """
    if the["label_binarizer_"].y_type_ == "multiclass":
        return
    for estimator in the["estimators_"]:
        dims = the.part(estimator, fitted=True)
        many = "classifier" in dims["kinds"] and hasattr(estimator, "decision_function")
        the.require(not many or dims.get("decisions") == 1, "estimator is not known to decide by one number")


def _check_pairs(the: Scope) -> None:
    """Check that there is an estimator for each pair of classes."""
    (classes,) = the.dims["classes"]
    the.require(
        len(the["estimators_"]) == classes * (classes - 1) // 2, "estimators are not one for each pair"
    )


def _check_chain(the: Scope) -> None:
    """Check that each estimator takes the columns and what those before it answer; the order is of all."""
    order, width = list(the["order_"]), the["n_features_in_"]
    the.require(sorted(order) == list(range(the.dims["out"])), "order is not one of its outputs")
    for place, estimator in enumerate(the["estimators_"]):
        sound = the.part(estimator, fitted=True).get("in", width + place) == width + place
        the.require(sound, "estimator does not take what those before it answer")


_METHOD = Plain("str", among=("predict", "predict_proba", "predict_log_proba", "decision_function"))
_CHAIN: dict[str, Any] = {
    **IN,
    "order_": OneOf(Array("i", "out"), sequence(INTEGER, "out")),
}
_CHAIN_MAYBE = {"order": RECORD, "chain_method": RECORD, "base_estimator": TEMPLATE}
_RESPONSE = {"response_method": Plain("str", among=("auto", "predict_proba", "decision_function"))}
_METRICS = Function(
    "accuracy_score balanced_accuracy_score cohen_kappa_score f1_score fbeta_score jaccard_score "
    "matthews_corrcoef precision_score recall_score"
)
"""What thresholds are chosen by; a prediction at most reads the names of their arguments."""
_REQUESTS = (
    "decision_function", "fit", "inverse_transform", "partial_fit", "predict", "predict_log_proba",
    "predict_proba", "score", "split", "transform",
)  # fmt: skip

ROWS: list[Row] = [
    *row(
        "sklearn.multiclass",
        "OneVsRestClassifier",
        "classifier",
        "n_jobs verbose",
        rules=(_check_columns,),
        maybe=_SEVERAL,
        classes_=CLASSES,
        label_binarizer_=Part("LabelBinarizer", "classes"),
        estimators_=sequence(_MADE_OF),
    ),
    *row(
        "sklearn.multiclass",
        "OneVsOneClassifier",
        "classifier",
        "n_jobs",
        rules=(_check_pairs,),
        maybe=_SEVERAL,
        classes_=CLASSES,
        estimators_=sequence(_MADE_OF),
        pairwise_indices_=NONE,
    ),
    *row(
        "sklearn.multiclass",
        "OutputCodeClassifier",
        "classifier",
        "code_size n_jobs random_state",
        maybe=_SEVERAL,
        classes_=Array("biufUO", "classes"),
        code_book_=Array("f", "classes codes"),
        estimators_=sequence(_MADE_OF, "codes"),
    ),
    *row(
        "sklearn.multiclass",
        "_ConstantPredictor",
        "constant",
        maybe=IN,
        y_=Array("biuf", "1"),
    ),
    *row(
        "sklearn.multioutput",
        "ClassifierChain",
        "classifier",
        "chain_method cv estimator order random_state verbose",
        rules=(_check_chain,),
        maybe=_CHAIN_MAYBE,
        **_CHAIN,
        chain_method_=_METHOD,
        classes_=sequence(Array("biufUO", "*"), "out"),
        estimators_=sequence(Part("classifier"), "out"),
    ),
    *row(
        "sklearn.multioutput",
        "RegressorChain",
        "regressor",
        "cv estimator order random_state verbose",
        rules=(_check_chain,),
        maybe=_CHAIN_MAYBE,
        **_CHAIN,
        estimators_=sequence(Part("regressor"), "out"),
    ),
    *row(
        "sklearn.semi_supervised._self_training",
        "SelfTrainingClassifier",
        "classifier",
        "criterion estimator k_best max_iter threshold verbose",
        "labeled_iter_ n_iter_ termination_condition_ transduction_",
        **IN,
        classes_=CLASSES,
        estimator_=Part("classifier", "in decisions"),
    ),
    *row(
        "sklearn.model_selection._classification_threshold",
        "FixedThresholdClassifier",
        "classifier",
        "estimator pos_label response_method threshold",
        maybe={**IN, **_RESPONSE},
        estimator_=Part("classifier", "in decisions"),
    ),
    *row(
        "sklearn.model_selection._classification_threshold",
        "TunedThresholdClassifierCV",
        "classifier",
        "cv estimator n_jobs random_state refit response_method scoring store_cv_results thresholds",
        "best_score_ cv_results_ thresholds",
        maybe={**IN, **_RESPONSE, "scoring": OneOf(PLAIN, Part("_Scorer"))},
        estimator_=Part("classifier", "in decisions"),
        best_threshold_=NUMBER,
        _curve_scorer=Part("_CurveScorer"),
    ),
    *row(
        "sklearn.metrics._scorer",
        "_CurveScorer _Scorer",
        "scorer",
        "_response_method _sign",
        "_thresholds _response_method",
        maybe={"_metadata_request": Part("MetadataRequest")},
        _score_func=_METRICS,
        _kwargs=Mapped(PLAIN),
    ),
    *row(
        "sklearn.utils._metadata_requests",
        "MetadataRequest",
        "request",
        maybe={"owner": Part("_Scorer"), **dict.fromkeys(_REQUESTS, Part("MethodMetadataRequest"))},
    ),
    *row(
        "sklearn.utils._metadata_requests",
        "MethodMetadataRequest",
        "request",
        maybe={"owner": Part("_Scorer"), "method": TEXT, "_requests": Mapped(PLAIN)},
    ),
]
