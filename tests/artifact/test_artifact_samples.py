"""What scikit-learn fits is loaded and answers the same to the last bit; no change of its file does harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from artifact_lab import X, Y, served
from fuzz import nodes, runner, skops_files, zoo
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from threeways.artifact.sklearn.allowed import FAMILIES


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["skops", "skops-attributes"])
def test_no_change_of_a_file_crashes_hangs_or_takes_all_memory(name: str) -> None:
    found = runner.run(name, seconds=300, seed=7, attempts=1_500)
    assert not found.faults, str(found)
    assert found.outcomes["refused"] > 300


def test_a_crash_a_hang_and_an_error_are_told_with_what_repeats_them(tmp_path: Path) -> None:
    found = runner.Found("skops")
    assert runner.fault(found, 5, "ends the process with -11") == 6
    assert "--attempts 1 --seed 5" in str(found)


QUICK = (
    "SplineTransformer", "SelectKBest", "IsotonicRegression", "MLPRegressor", "PLSRegression", "LinearSVR",
    "LogisticRegression", "TfidfVectorizer", "CountVectorizer", "RandomForestClassifier",
    "HistGradientBoostingClassifier", "CalibratedClassifierCV", "MultiOutputRegressor", "NearestNeighbors",
    "KNeighborsRegressor", "KNeighborsClassifier, brute", "TransformedTargetRegressor", "VotingClassifier",
    "KBinsDiscretizer, onehot", "OneHotEncoder on nan categories, number", "OrdinalEncoder, NaN",
    "SVC, probabilities", "SVR", "GaussianProcessRegressor, of sums", "GaussianProcessClassifier",
    "KernelRidge", "RadiusNeighborsClassifier", "OneVsRestClassifier on numbers, many labels",
    "OneVsOneClassifier, machines", "RegressorChain", "TunedThresholdClassifierCV, F1",
    "LabelSpreading, neighbours",
    "TargetEncoder, classes", "GaussianNB", "LinearDiscriminantAnalysis", "SimpleImputer, constant",
)  # fmt: skip


@pytest.mark.exhaustive
def test_every_class_that_may_be_built_has_a_sample() -> None:
    files = [json.loads(skops_files.honest(name)[0]) for name in zoo.names()]
    found = {(node["__module__"], node["__class__"]) for file in files for node in nodes.walk(file)}
    for modules in FAMILIES.values():
        for module, names in modules.items():
            assert {(module, name) for name in names.split()} <= found


def check_sample(name: str, folder: Path) -> None:
    sample = zoo.sample(name)
    assert zoo.same(zoo.dense(sample.answer(served(sample.estimator, folder))), zoo.dense(sample.answer()))


@pytest.mark.parametrize("name", QUICK)
def test_what_is_fitted_answers_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    check_sample(name, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in zoo.names() if name not in QUICK])
def test_whatever_else_is_fitted_does_too(name: str, tmp_path: Path) -> None:
    check_sample(name, tmp_path)


def test_an_honest_model_of_any_number_of_jobs_and_any_polynomial_is_loaded(tmp_path: Path) -> None:
    for model in (
        RandomForestRegressor(2, n_jobs=-1).fit(X, Y),
        PolynomialFeatures(9).fit(X),
        make_pipeline(PolynomialFeatures((3, 5)), LinearRegression(n_jobs=8)).fit(X, Y),
    ):
        sample = zoo.Sample("", model, X)
        assert zoo.same(zoo.dense(sample.answer(served(model, tmp_path))), zoo.dense(sample.answer()))
