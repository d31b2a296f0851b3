"""Rows of what makes other columns of the columns: polynomials, splines, bins and functions."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Plain, Scope
from threeways.artifact.sklearn.rows import (
    FLAG,
    IN,
    INTEGER,
    NONE,
    RECORD,
    UFUNC,
    Row,
    row,
    sequence,
    together,
)
from threeways.artifact.sklearn.slots import Bound, Function, OneOf, Part

_EACH = Array("f", "in")


def _check_polynomial(the: Scope) -> None:
    """Check that the degrees give the stated numbers of columns, so that no memory stays uninitialised."""
    width, least, most = (the[name] for name in ("n_features_in_", "_min_degree", "_max_degree"))
    flags = (the["interaction_only"], the["include_bias"])
    the.require(least <= most and None not in flags, "degrees are no numbers")
    counts = (the["_n_out_full"], the["n_output_features_"])
    made = (_products(width, 0, most, *flags), _products(width, least, most, *flags))
    the.require(counts == made, "columns are other than its degrees give")


def _products(width: int, least: int, most: int, interaction_only: bool, include_bias: bool) -> int:
    """Count the products of `width` columns of these degrees, with or without repeated factors."""
    first = max(1, least)
    if interaction_only:
        products = sum(comb(width, degree) for degree in range(first, min(most, width) + 1))
    else:
        products = comb(width + most, most) - comb(width + first - 1, first - 1) if most else 0
    return products + include_bias


def _check_splines(the: Scope) -> None:
    """Check that the splines make as many columns as are stated, the same number for each feature."""
    splines = [the.part(spline, fitted=True) for spline in the["bsplines_"]]
    bases = {spline["bases"] for spline in splines}
    the.require(len(bases) == 1, "splines are not of one number of bases")
    made = the["n_features_in_"] * (bases.pop() - (not the["include_bias"]))
    the.require(the["n_features_out_"] == made, "columns are other than its splines give")


def _check_spline(the: Scope) -> None:
    """Check that a spline has a basis for each run of knots, and that the knots are in order."""
    knots, degree, bases = the["t"], the["k"], the["c"]
    the.require(knots.dtype == bases.dtype == np.float64, "knots are no numbers")
    sound = len(knots) == len(bases) + degree + 1 and len(knots) >= 2 * (degree + 1)
    the.require(sound, "knots are not as many as its bases need")
    the.require(bool(np.isfinite(knots).all() and np.all(np.diff(knots) >= 0)), "knots are not in order")
    the.dims["bases"] = bases.shape[1]


def _check_bins(the: Scope) -> None:
    """Check that each feature has its edges in order, and the encoder as many categories."""
    for edges, count in zip(the["bin_edges_"], the["n_bins_"].tolist(), strict=True):
        sound = len(edges) == count + 1 and count >= 1 and bool(np.all(np.diff(edges) >= 0))
        the.require(sound, "bins are not as many as their edges, in order")
    if the["_encoder"] is not None:
        counts = [len(categories) for categories in the["_encoder"].categories_]
        the.require(counts == the["n_bins_"].tolist(), "encoder has other categories than it has bins")


def _check_function(the: Scope) -> None:
    """Check that a ufunc has no further arguments, and any other function only plain values.

    A ufunc writes to its `out`: given an array of the model, it would change state that was checked.
    """
    for function, given in (("func", "kw_args"), ("inverse_func", "inv_kw_args")):
        plain = (str, bool, int, float, type(None))
        arguments = the[given] or {}
        sound = all(type(value) in plain for value in arguments.values())
        if isinstance(the[function], np.ufunc):
            sound = not arguments
        the.require(sound and _is_bare(the[function]), f"{given} could change the model as it predicts")


def _is_bare(function: Any) -> bool:
    """Return whether a partial function binds plain values and types by keyword only."""
    if not hasattr(function, "keywords"):
        return True
    plain = (str, bool, int, float, type(None))
    values = [
        each for value in function.keywords.values() for each in (value if type(value) is list else [value])
    ]
    return not function.args and all(
        type(value) in plain or isinstance(value, type | np.dtype) for value in values
    )


_DONE = OneOf(NONE, UFUNC, Function("check_array"), Bound())

ROWS: list[Row] = [
    *row(
        "sklearn.preprocessing._polynomial",
        "PolynomialFeatures",
        "transformer",
        "degree include_bias interaction_only order",
        rules=(_check_polynomial,),
        maybe={
            "degree": OneOf(INTEGER, together(INTEGER, INTEGER)),
            "interaction_only": FLAG,
            "include_bias": FLAG,
            "order": Plain("str", among=("C", "F")),
        },
        **IN,
        _min_degree=Plain("int", 0, limits.DEGREE),
        _max_degree=Plain("int", 0, limits.DEGREE),
        _n_out_full=Plain("int", 1, limits.MADE_COLUMNS),
        n_output_features_=Plain("int", 1, limits.MADE_COLUMNS),
    ),
    *row(
        "sklearn.preprocessing._polynomial",
        "SplineTransformer",
        "transformer",
        "degree extrapolation handle_missing include_bias knots n_knots order sparse_output",
        rules=(_check_splines,),
        maybe={
            "knots": RECORD,
            "include_bias": FLAG,
            "sparse_output": FLAG,
            "degree": Plain("int", 0, limits.DEGREE),
            "order": Plain("str", among=("C", "F")),
        },
        **IN,
        bsplines_=sequence(Part("BSpline"), "in"),
        n_features_out_=Plain("int", 1, limits.MADE_COLUMNS),
    ),
    Row(
        "scipy.interpolate._bsplines",
        "BSpline",
        "spline",
        {"spline": Part("_BSpline", "bases")},
        frozenset({"spline"}),
        state=together(Part("_BSpline", "bases"), Array("f", "0")),
        read=lambda spline: {"spline": spline.__getstate__()[0]},
    ),
    *row(
        "scipy.interpolate._bsplines",
        "_BSpline",
        "spline",
        "_delegate_to",
        rules=(_check_spline,),
        t=Array("f", "*"),
        c=Array("f", "* *"),
        k=Plain("int", 0, limits.DEGREE),
        axis=Plain("int", 0, 0),
        extrapolate=OneOf(FLAG, Plain("str", among=("periodic",))),
    ),
    *row(
        "sklearn.preprocessing._discretization",
        "KBinsDiscretizer",
        "transformer",
        "dtype encode n_bins quantile_method random_state strategy subsample",
        rules=(_check_bins,),
        maybe={
            "n_bins": RECORD,
            "_encoder": Part("OneHotEncoder", "in"),
            "encode": Plain("str", among=("onehot", "onehot-dense", "ordinal")),
        },
        **IN,
        bin_edges_=Array("O", "in", Array("f", "*")),
        n_bins_=Array("i", "in"),
    ),
    *row(
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        "transformer",
        "accept_sparse check_inverse feature_names_out func inv_kw_args inverse_func kw_args validate",
        rules=(_check_function,),
        maybe={**IN, "func": _DONE, "inverse_func": _DONE, "kw_args": RECORD, "inv_kw_args": RECORD},
    ),
]
