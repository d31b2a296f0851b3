"""Rows of the support vector machines: libsvm reads their arrays at lengths that it takes from others.

Not on the list are vectors of sparse rows and precomputed kernels, of which libsvm follows indices: train on
dense rows with a kernel by name, or pin the model as cloudpickle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Plain, Scope
from threeways.artifact.sklearn.rows import IN, NUMBER, Row, row

_READ = {"support_": "i4", "_n_support": "i4"} | dict.fromkeys(
    ("support_vectors_", "_dual_coef_", "_intercept_", "_probA", "_probB"), "f8"
)


def _check_machine(the: Scope) -> None:
    """Check that there is a row of coefficients for each class but one, and an intercept for each pair."""
    classes = the.dims["classes"]
    within = 2 <= classes <= limits.MACHINE_CLASSES
    the.require(within, f"classes are not 2 to {limits.MACHINE_CLASSES}")
    the.dim("others", classes - 1, "classes")
    the.dim("pairs", classes * (classes - 1) // 2, "classes")
    for name, code in _READ.items():
        sound = the[name].flags.c_contiguous and the[name].dtype == np.dtype(code)
        the.require(sound, f"{name} is not as libsvm reads it, {code} in order of rows")


def _check_counts(the: Scope) -> None:
    """Check that the classes' support vectors are as many as there are, and how many numbers decide."""
    counts, classes = the["_n_support"].tolist(), the.dims["classes"]
    the.require(
        min(counts) >= 0 and sum(counts) == the.dims["vectors"], "vectors are not those of its classes"
    )
    by_pair = the["decision_function_shape"] == "ovo"
    the.dim("decisions", the.dims["pairs"] if by_pair or classes == 2 else classes, "decision")


_PARAMETERS = (
    "C cache_size class_weight coef0 degree epsilon gamma kernel max_iter nu probability random_state "
    "shrinking tol verbose"
)
_RECORDS = "fit_status_ shape_fit_ n_iter_ _num_iter _effective_probability class_weight_ support_"
_ARGUMENTS = {
    "kernel": Plain("str", among=("linear", "poly", "rbf", "sigmoid")),
    "degree": Plain("int", 0, limits.DEGREE),
    "coef0": NUMBER,
    "cache_size": NUMBER,
}
_FITTED: dict[str, Any] = {
    **IN,
    "_sparse": Plain("bool", among=(False,)),
    "_gamma": NUMBER,
    "support_": Array("i", "vectors"),
    "support_vectors_": Array("f", "vectors in"),
    "dual_coef_": Array("f", "others vectors"),
    "_dual_coef_": Array("f", "others vectors"),
    "intercept_": Array("f", "pairs"),
    "_intercept_": Array("f", "pairs"),
}

ROWS: list[Row] = [
    *row(
        "sklearn.svm._classes",
        "NuSVR SVR",
        "regressor",
        _PARAMETERS,
        _RECORDS,
        rules=(_check_machine,),
        maybe=_ARGUMENTS,
        **_FITTED,
        _n_support=Array("i", "classes"),
        _probA=Array("f", "0"),
        _probB=Array("f", "0"),
    ),
    *row(
        "sklearn.svm._classes",
        "NuSVC SVC",
        "classifier",
        f"break_ties decision_function_shape {_PARAMETERS}",
        _RECORDS,
        rules=(_check_machine, _check_counts),
        maybe=_ARGUMENTS | {"decision_function_shape": Plain("str", among=("ovo", "ovr"))},
        **_FITTED,
        _n_support=Array("i", "classes"),
        classes_=Array("biufUO", "classes"),
        _probA=Array("f", "0 | pairs"),
        _probB=Array("f", "0 | pairs"),
    ),
]
