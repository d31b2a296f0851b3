"""Compare predictions with what was really so: an error for numbers; log loss, AUC and counts for classes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from threeways.local_run.ledger import rmse
from threeways.scoring.outputs import text_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """error: measure -> its value. confusion: (true, predicted label) -> how many; empty for numbers."""

    error: dict[str, float] = field(default_factory=dict)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)


def judge(pairs: Sequence[tuple[Any, Any]]) -> Judgement:
    """Judge (prediction, truth) pairs: predictions as a message has them, without the event's id.

    A number is judged by the root mean square error. A label is judged by accuracy; with probabilities also
    by log loss, and of two classes by the area under the ROC curve, of the second class in their order.
    """
    if not pairs:
        return Judgement()
    first, truth = pairs[0]
    if isinstance(first, dict) and "label" in first:
        labels = [(text_of(true), text_of(one["label"])) for one, true in pairs]
        probabilities = [one.get("probabilities") for one, _ in pairs]
        return Judgement(_accuracy(labels) | _by_probability(labels, probabilities), Counter(labels))
    if isinstance(first, dict):
        return Judgement()  # several outputs: no one column tells what they really were
    if isinstance(first, str | bool) or isinstance(truth, str | bool):
        labels = [(text_of(true), text_of(one)) for one, true in pairs]
        return Judgement(_accuracy(labels), Counter(labels))
    found = rmse([(float(one), float(true)) for one, true in pairs])
    return Judgement({} if found is None else {"rmse": found})


def _accuracy(labels: Sequence[tuple[str, str]]) -> dict[str, float]:
    return {"accuracy": sum(true == told for true, told in labels) / len(labels)}


def _by_probability(
    labels: Sequence[tuple[str, str]], probabilities: Sequence[dict[str, float] | None]
) -> dict[str, float]:
    """Return log loss and AUC where each prediction has probabilities, of classes that the truth is among."""
    if any(one is None for one in probabilities):
        return {}
    from sklearn.metrics import log_loss, roc_auc_score

    rows = [one for one in probabilities if one is not None]
    classes, true = list(rows[0]), [label for label, _ in labels]
    if not set(true) <= set(classes):
        return {}
    # scikit-learn wants the classes sorted, and the columns with them.
    order = sorted(classes)
    columns = [[row[name] for name in order] for row in rows]
    found = {"log_loss": float(log_loss(true, columns, labels=order))}
    if len(classes) == 2 and len(set(true)) == 2:
        second = classes[1]
        found["auc"] = float(roc_auc_score([one == second for one in true], [row[second] for row in rows]))
    return {name: value for name, value in found.items() if math.isfinite(value)}
