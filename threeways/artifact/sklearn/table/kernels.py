"""Rows of the kernel methods: they compare each event with all rows that they were fitted on."""

from __future__ import annotations

from typing import Any

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import Count, Plain, Scope
from threeways.artifact.sklearn.rows import IN, INTEGER, NONE, NUMBER, RANDOM, RECORD, Row, row, sequence
from threeways.artifact.sklearn.slots import OneOf, Part

_BINARY = "_BinaryGaussianProcessClassifierLaplace"


def _check_rows(the: Scope) -> None:
    """Check that the rows that each event is compared with are not too many."""
    most = limits.PROCESS_ROWS if the.name == _BINARY else limits.KERNEL_ROWS
    the.require(the.dims["rows"] <= most, f"rows are {the.dims['rows']}, of which {most} are served")


def _check_outputs(the: Scope) -> None:
    """Check that only the coefficients of several outputs have several means."""
    several = the["alpha_"].ndim == 2
    the.require(several or the.dims.get("out", 1) == 1, "means are more than its outputs")


def _check_search(the: Scope) -> None:
    """Check that a kernel of nearest neighbours has its search."""
    the.require(the["kernel"] != "knn" or the["nn_fit"] is not None, "search is missing")


def _check_parts(the: Scope) -> None:
    """Check that a kernel is not made of too many, which would all be computed."""
    parts = [the[name] for name in ("k1", "k2", "kernel") if the[name] is not None]
    count = sum(the.part(part, fitted=True).get("kernels", 1) for part in parts) + 1
    the.require(count <= limits.KERNELS, f"parts are more than {limits.KERNELS}")
    the.dims["kernels"] = count


_PAIRWISE = "additive_chi2 chi2 cosine laplacian linear poly polynomial rbf sigmoid"
_KERNEL = OneOf(NONE, Part("kernel"))
_SCALE = OneOf(NUMBER, Array("f", "1 | in"), sequence(NUMBER))
_INSIDE = Part("kernel", "in")
_ROWS = Array("iuf", "rows in")
_EACH_ROW = Array("f", "rows")
_OUTPUTS = Array("f", "rows | rows out")
_MEANS = OneOf(NUMBER, Array("f", "1 | out"))
_PROCESS = "copy_X_train kernel n_restarts_optimizer optimizer random_state"


def _kernel(names: str, records: str = "", **parameters: Any) -> list[Row]:
    bounds = " ".join(f"{name}_bounds" for name in parameters if name not in {"nu", "metric"})
    return row("sklearn.gaussian_process.kernels", names, "kernel", "", f"{bounds} {records}", **parameters)


ROWS: list[Row] = [
    *_kernel("ConstantKernel", constant_value=NUMBER),
    *_kernel("WhiteKernel", noise_level=NUMBER),
    *_kernel("DotProduct", sigma_0=NUMBER),
    *_kernel("RBF", length_scale=_SCALE),
    *_kernel("Matern", length_scale=_SCALE, nu=NUMBER),
    *_kernel("RationalQuadratic", length_scale=NUMBER, alpha=NUMBER),
    *_kernel("ExpSineSquared", length_scale=NUMBER, periodicity=NUMBER),
    *row(
        "sklearn.gaussian_process.kernels",
        "PairwiseKernel",
        "kernel",
        "",
        "gamma_bounds",
        gamma=NUMBER,
        metric=Plain("str", among=_PAIRWISE.split()),
        pairwise_kernels_kwargs=NONE,
    ),
    *row(
        "sklearn.gaussian_process.kernels",
        "Product Sum",
        "kernel",
        rules=(_check_parts,),
        k1=_INSIDE,
        k2=_INSIDE,
    ),
    *row(
        "sklearn.gaussian_process.kernels",
        "Exponentiation",
        "kernel",
        rules=(_check_parts,),
        kernel=_INSIDE,
        exponent=NUMBER,
    ),
    *row(
        "sklearn.gaussian_process._gpr",
        "GaussianProcessRegressor",
        "regressor",
        f"alpha n_targets normalize_y {_PROCESS}",
        "log_marginal_likelihood_value_",
        rules=(_check_rows, _check_outputs),
        maybe={**IN, "alpha": RECORD, "kernel": _KERNEL, "_rng": RANDOM},
        kernel_=_INSIDE,
        X_train_=_ROWS,
        y_train_=Array("iuf", "rows | rows out"),
        alpha_=_OUTPUTS,
        L_=Array("f", "rows rows"),
        _y_train_mean=_MEANS,
        _y_train_std=_MEANS,
    ),
    *row(
        "sklearn.gaussian_process._gpc",
        "GaussianProcessClassifier",
        "classifier",
        f"max_iter_predict multi_class n_jobs warm_start {_PROCESS}",
        "log_marginal_likelihood_value_",
        maybe={**IN, "kernel": _KERNEL},
        n_classes_=Count("classes"),
        classes_=Array("biufUO", "classes"),
        base_estimator_=Part(f"{_BINARY} OneVsOneClassifier OneVsRestClassifier", "in"),
    ),
    *row(
        "sklearn.gaussian_process._gpc",
        _BINARY,
        "process",
        f"max_iter_predict warm_start {_PROCESS}",
        "f_cached log_marginal_likelihood_value_",
        rules=(_check_rows,),
        maybe={"kernel": _KERNEL, "rng": RANDOM},
        kernel_=_INSIDE,
        classes_=Array("biufUO", "2"),
        X_train_=_ROWS,
        y_train_=Array("i", "rows"),
        pi_=_EACH_ROW,
        W_sr_=_EACH_ROW,
        L_=Array("f", "rows rows"),
    ),
    *row(
        "sklearn.kernel_ridge",
        "KernelRidge",
        "regressor",
        "alpha coef0 degree gamma kernel kernel_params",
        rules=(_check_rows,),
        maybe={
            "alpha": RECORD,
            "kernel": Plain("str", among=_PAIRWISE.split()),
            "kernel_params": OneOf(NONE, Mapped(NUMBER)),
            "degree": Plain("int float", 0, limits.DEGREE),
        },
        **IN,
        X_fit_=_ROWS,
        dual_coef_=_OUTPUTS,
    ),
    *row(
        "sklearn.semi_supervised._label_propagation",
        "LabelPropagation LabelSpreading",
        "classifier",
        "alpha gamma kernel max_iter n_jobs n_neighbors tol",
        "n_iter_ transduction_",
        rules=(_check_rows, _check_search),
        maybe={
            "kernel": Plain("str", among=("knn", "rbf")),
            "n_neighbors": INTEGER,
            "nn_fit": OneOf(NONE, Part("NearestNeighbors", "rows in")),
        },
        **IN,
        X_=_ROWS,
        classes_=Array("biufUO", "classes"),
        label_distributions_=Array("f", "rows classes"),
    ),
]
