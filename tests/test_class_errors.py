"""Classes are judged as scikit-learn judges them, however they come in chunks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from threeways.scoring.judging import OTHER, ClassErrors, Ranks

RANDOM = np.random.default_rng(0)
CLASSES = ["ok", "fraud", "b"]


def test_sums_of_chunks_are_scikit_learn_s_log_loss_and_accuracy() -> None:
    chances = RANDOM.dirichlet([0.3] * 3, 500)
    chances[7] = [0.0, 0.0, 1.0]  # as trees are sure, and wrong
    true = [CLASSES[one] for one in RANDOM.integers(0, 3, 500)]
    true[7] = "ok"
    told = [CLASSES[one] for one in chances.argmax(axis=1)]
    errors = ClassErrors(CLASSES)
    for part in np.array_split(np.arange(500), [0, 1, 130]):
        errors.add([true[one] for one in part], [told[one] for one in part], chances[part])
    order = np.argsort(CLASSES)
    assert errors.error() == {
        "accuracy": np.mean([one == other for one, other in zip(true, told, strict=True)]),
        "log_loss": pytest.approx(log_loss(true, chances[:, order], labels=sorted(CLASSES)), rel=1e-12),
    }
    assert errors.confusion.total() == 500


@pytest.mark.parametrize("digits", [1, 17])
def test_the_area_under_the_curve_is_exact_with_ties_and_without(digits: int) -> None:
    numbers = np.round(RANDOM.normal(size=2_000), digits)
    positive = RANDOM.random(2_000) < 0.3 + 0.2 * (numbers > 0)
    ranks = Ranks()
    for part in np.array_split(np.arange(2_000), 7):
        ranks.add(numbers[part], positive[part])
    assert ranks.area() == pytest.approx(roc_auc_score(positive, numbers), rel=1e-12)
    assert ranks.is_exact


def test_beyond_the_memory_that_it_may_take_the_area_is_that_of_shorter_numbers() -> None:
    numbers = RANDOM.random(5_000) - 0.5
    positive = RANDOM.random(5_000) < 0.5 + numbers
    ranks = Ranks(most=100)
    ranks.add(numbers[:3_000], positive[:3_000])
    ranks.area()
    ranks.add(numbers[3_000:], positive[3_000:])
    assert ranks.area() == pytest.approx(roc_auc_score(positive, numbers), abs=1e-4)
    assert not ranks.is_exact


def test_without_both_classes_there_is_no_area_and_without_events_no_error() -> None:
    errors = ClassErrors(["a", "b"])
    assert errors.error() == {}
    errors.add(["a"], ["a"], np.array([[0.5, 0.5]]))
    assert errors.error().keys() == {"accuracy", "log_loss"}


def test_a_label_that_is_no_class_leaves_accuracy_and_many_are_counted_together() -> None:
    errors = ClassErrors(["a", "b"])
    errors.add(["a", "b"], ["a", "a"], np.array([[0.9, 0.1], [0.6, 0.4]]))
    assert errors.error().keys() == {"accuracy", "log_loss", "auc"}
    errors.add([f"x{one}" for one in range(50)], ["a"] * 50, np.full((50, 2), 0.5))
    assert errors.error() == {"accuracy": 1 / 52}
    assert (errors.strangers, errors.confusion[OTHER, "a"]) == (50, 30)


def test_labels_of_a_model_that_tells_no_classes_are_all_kept() -> None:
    errors = ClassErrors()
    names = [f"x{one}" for one in range(50)]
    errors.add(names, names)
    assert errors.error() == {"accuracy": 1.0}
    assert len(errors.confusion) == 50
