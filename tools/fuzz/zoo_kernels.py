"""Makers of the support vector machines, kernel methods and neighbours within a radius of the zoo."""

from __future__ import annotations

from functools import partial

from sklearn import gaussian_process, kernel_ridge, neighbors, semi_supervised, svm
from sklearn.gaussian_process import kernels

from .zoo_classifiers import Makers

_REGRESSORS: Makers = {
    "SVR": svm.SVR,
    **{f"SVR, {kernel}": partial(svm.SVR, kernel=kernel) for kernel in ("linear", "poly", "sigmoid")},
    "NuSVR": svm.NuSVR,
    "SVR without vectors": lambda: svm.SVR(epsilon=1e9),
}
_KERNELLED: Makers = {
    "KernelRidge": lambda: kernel_ridge.KernelRidge(kernel="rbf", gamma=0.1),
    **{
        f"KernelRidge, {kernel}": partial(kernel_ridge.KernelRidge, kernel=kernel, gamma=0.5)
        for kernel in ("additive_chi2", "chi2", "cosine", "laplacian", "linear", "polynomial", "sigmoid")
    },
    "GaussianProcessRegressor": gaussian_process.GaussianProcessRegressor,
    "GaussianProcessRegressor, of sums": lambda: gaussian_process.GaussianProcessRegressor(
        kernels.Sum(kernels.ConstantKernel(2.0) * kernels.RBF([1.0] * 7), kernels.WhiteKernel())
        + kernels.DotProduct() ** 2,
        normalize_y=True,
    ),
    **{
        f"GaussianProcessRegressor, {type(kernel).__name__}": partial(
            gaussian_process.GaussianProcessRegressor, kernel, alpha=99.0, optimizer=None
        )
        for kernel in (
            kernels.Matern(nu=0.7),
            kernels.RationalQuadratic(),
            kernels.ExpSineSquared(),
            kernels.PairwiseKernel(metric="laplacian"),
        )
    },
    "RadiusNeighborsRegressor": lambda: neighbors.RadiusNeighborsRegressor(6.0, leaf_size=5),
    "RadiusNeighborsRegressor, brute": lambda: neighbors.RadiusNeighborsRegressor(
        6.0, algorithm="brute", weights="distance", metric="manhattan"
    ),
    "RadiusNeighborsRegressor, ball tree": lambda: neighbors.RadiusNeighborsRegressor(
        6.0, algorithm="ball_tree", leaf_size=4, p=3
    ),
}
_CLASSIFIERS: Makers = {
    "SVC": svm.SVC,
    "SVC, probabilities": lambda: svm.SVC(probability=True, random_state=0),
    "SVC, pairs": lambda: svm.SVC(kernel="poly", decision_function_shape="ovo"),
    "SVC, ties": lambda: svm.SVC(kernel="linear", break_ties=True, class_weight="balanced"),
    "NuSVC": lambda: svm.NuSVC(nu=0.1, kernel="sigmoid"),
    "GaussianProcessClassifier": lambda: gaussian_process.GaussianProcessClassifier(optimizer=None),
    "GaussianProcessClassifier, of pairs": lambda: gaussian_process.GaussianProcessClassifier(
        kernels.PairwiseKernel(metric="rbf") * 2.0, optimizer=None
    ),
    "LabelPropagation": semi_supervised.LabelPropagation,
    "LabelSpreading, neighbours": lambda: semi_supervised.LabelSpreading("knn", n_neighbors=3),
    "RadiusNeighborsClassifier": lambda: neighbors.RadiusNeighborsClassifier(
        6.0, leaf_size=5, outlier_label="most_frequent"
    ),
    "RadiusNeighborsClassifier, brute": lambda: neighbors.RadiusNeighborsClassifier(
        9.0, algorithm="brute", metric="manhattan"
    ),
}
MAKERS: tuple[tuple[str, str, Makers], ...] = (
    ("numbers", "number", {**_REGRESSORS, **_KERNELLED}),
    ("numbers", "many", _KERNELLED),
    ("numbers", "two", _CLASSIFIERS),
    ("numbers", "labels", _CLASSIFIERS),
    (
        "numbers",
        "many labels",
        {"RadiusNeighborsClassifier": lambda: neighbors.RadiusNeighborsClassifier(9.0)},
    ),
)
