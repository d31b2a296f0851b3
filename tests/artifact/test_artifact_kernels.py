"""What no fitting makes of support vectors, kernels and several estimators is refused before it does harm."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import dump, load_skops
from fuzz import zoo
from invariants_lab import kd_tree, put, served_file, tampered
from scipy.sparse import csr_array
from sklearn.gaussian_process import kernels
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC

from threeways.errors import ArtifactUntrusted

MACHINE, LABELS = "SVC, probabilities on numbers, labels", "OneVsRestClassifier on numbers, many labels"


def machine(name: str, change: Callable[[Any], Any]) -> Callable[[], Any]:
    """A support vector machine with one changed array."""
    return lambda: tampered(MACHINE, lambda model: put(**{name: change(vars(model)[name])})(model))


def of(estimator: Any) -> Callable[[], Any]:
    """One label of many of each estimator, where this one decides by several numbers a row."""
    return lambda: tampered(LABELS, put(estimators_=[estimator] * 2))


def many_kernels() -> Any:
    kernel = kernels.RBF()
    for _ in range(7):
        kernel = kernels.Product(kernel, kernel)
    return tampered("GaussianProcessRegressor", put(kernel_=kernel))


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    FORTY = LogisticRegression(max_iter=3).fit(zoo.X, np.arange(61) % 40)

ATTACKS: dict[str, Callable[[], Any]] = {
    "more vectors than there are": machine("support_", lambda array: np.tile(array, 10)),
    "no vectors": machine("support_vectors_", lambda array: array[:0]),
    "vectors of other columns": machine("support_vectors_", lambda array: array[:, :2].copy()),
    "vectors in order of columns": machine("support_vectors_", np.asfortranarray),
    "vectors of half the bytes": machine("support_vectors_", lambda array: array.astype("f4")),
    "counts past the vectors": machine("_n_support", lambda array: array + 10**6),
    "counts that wrap around": machine(
        "_n_support", lambda array: np.array([2**31 - 1, 3, array.sum() - 2**31 - 2], "i8").astype("i4")
    ),
    "fewer coefficients than vectors": machine("_dual_coef_", lambda array: array[:, :-1].copy()),
    "no coefficients": machine("_dual_coef_", lambda array: array[:0]),
    "an intercept for each class only": machine("_intercept_", lambda array: array[:2]),
    "a probability for one pair": machine("_probA", lambda array: array[:1]),
    "more classes than it has": machine("classes_", lambda _: np.arange(9)),
    "classes whose cube takes for ever": lambda: tampered(
        MACHINE,
        put(
            classes_=np.arange(2_000),
            _n_support=np.zeros(2_000, "i4"),
            support_=np.zeros(0, "i4"),
            support_vectors_=np.zeros((0, 7)),
            dual_coef_=np.zeros((1_999, 0)),
            _dual_coef_=np.zeros((1_999, 0)),
            intercept_=np.zeros(1_999_000),
            _intercept_=np.zeros(1_999_000),
            _probA=np.zeros(1_999_000),
            _probB=np.zeros(1_999_000),
        ),
    ),
    "a kernel of indices": lambda: tampered(MACHINE, put(kernel="precomputed", shape_fit_=(7, 7))),
    "sparse vectors that are dense": lambda: tampered(MACHINE, put(_sparse=True)),
    "coefficients of a regression for no vectors": lambda: tampered("SVR", put(_dual_coef_=np.zeros((1, 0)))),
    "forty decisions in a label's column": of(FORTY),
    "two decisions in a label's column": of(RidgeClassifier().fit(zoo.X, zoo.TARGETS["many labels"])),
    "a decision for each of forty pairs": of(
        SVC(decision_function_shape="ovo").fit(zoo.X, np.arange(61) % 40)
    ),
    "an estimator too few for its pairs": lambda: tampered(
        "OneVsOneClassifier on numbers, five", lambda model: put(estimators_=model.estimators_[:9])(model)
    ),
    "a code for other estimators": lambda: tampered(
        "OutputCodeClassifier", lambda model: put(code_book_=model.code_book_[:, :1])(model)
    ),
    "an order that leaves outputs out": lambda: tampered("RegressorChain", put(order_=np.zeros(3, int))),
    "a chain in another order": lambda: tampered("RegressorChain", lambda model: model.estimators_.reverse()),
    "a chain by a method of the file's choice": lambda: tampered("ClassifierChain", put(chain_method_="fit")),
    "a threshold by a method of the file's choice": lambda: tampered(
        "FixedThresholdClassifier", put(response_method="fit")
    ),
    "labels that are fewer than the classes": lambda: tampered(
        "RadiusNeighborsClassifier", put(classes_=np.arange(10**6))
    ),
    "a row twice within a radius": lambda: tampered(
        "RadiusNeighborsRegressor", kd_tree(order=lambda order: order * 0)
    ),
    "nodes that overlap within a radius": lambda: tampered("RadiusNeighborsRegressor", kd_tree(idx_start=0)),
    "kernels without end": many_kernels,
    "a kernel's text for each row": lambda: tampered(
        "GaussianProcessRegressor", put(kernel_=kernels.ConstantKernel("text"))
    ),
    "a kernel's threads": lambda: tampered(
        "GaussianProcessRegressor",
        put(kernel_=kernels.PairwiseKernel(metric="rbf", pairwise_kernels_kwargs={"n_jobs": 500})),
    ),
    "rows without end": lambda: tampered(
        "KernelRidge", put(X_fit_=np.zeros((30_000, 7)), dual_coef_=np.zeros(30_000))
    ),
    "rows of which all may be within the radius": lambda: tampered(
        "RadiusNeighborsRegressor, brute",
        put(_fit_X=np.zeros((60_000, 7)), _y=np.zeros(60_000), n_samples_fit_=60_000),
    ),
    "neighbours without end": lambda: tampered("KNeighborsRegressor, brute", put(n_neighbors=60_000)),
    "equations without end": lambda: tampered(
        "GaussianProcessClassifier",
        lambda model: put(
            X_train_=np.zeros((2_001, 7)),
            y_train_=np.zeros(2_001, int),
            pi_=np.zeros(2_001),
            W_sr_=np.zeros(2_001),
            L_=np.zeros((2_001, 2_001)),
        )(model.base_estimator_),
    ),
    "coefficients of other rows": lambda: tampered("GaussianProcessRegressor", put(alpha_=np.zeros(60))),
    "means that the outputs have not": lambda: tampered(
        "GaussianProcessRegressor", put(_y_train_mean=np.zeros(61), _y_train_std=np.zeros(61))
    ),
    "neighbours of other rows": lambda: tampered(
        "LabelSpreading, neighbours", put(label_distributions_=np.zeros((3, 2)))
    ),
    "neighbours that would be fitted": lambda: tampered("LabelSpreading, neighbours", put(nn_fit=None)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_no_fitting_makes_is_refused(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ATTACKS[name]()
    path = dump(model, tmp_path / "model.skops")
    before = time.perf_counter()
    with pytest.raises(ArtifactUntrusted, match="if the model was tampered with"):
        served_file(path)
    assert time.perf_counter() - before < 5


def test_a_function_that_chose_no_threshold_is_refused(tmp_path: Path) -> None:
    model = tampered("TunedThresholdClassifierCV", lambda model: put(_score_func=np.log)(model._curve_scorer))
    with pytest.raises(ArtifactUntrusted, match="_score_func is a log"):
        load_skops(dump(model, tmp_path / "model.skops"))


def test_vectors_of_sparse_rows_are_refused_with_how_to_train_on_dense_ones(tmp_path: Path) -> None:
    model = SVC().fit(csr_array(zoo.X), zoo.TARGETS["two"])
    with pytest.raises(ArtifactUntrusted, match=r"csr_\w+ \(scipy.sparse.*sparse_output=False.*or log"):
        load_skops(dump(model, tmp_path / "model.skops"))
