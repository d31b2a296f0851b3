"""Compare predictions with what was really so: an error for numbers; log loss, AUC and counts for classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from threeways.local_run.ledger import rmse
from threeways.scoring.judging import ClassErrors
from threeways.scoring.outputs import text_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good predictions are.

    error: measure -> its value. confusion: (true, predicted label) -> how many; empty for numbers. strangers:
    events whose true label is none of the model's classes; where all are, nothing is told of them.
    """

    error: dict[str, float] = field(default_factory=dict)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    strangers: int = 0


def judge(pairs: Sequence[tuple[Any, Any]]) -> Judgement:
    """Judge (prediction, truth) pairs: predictions as a message has them, without the event's id.

    A number is judged by the root mean square error. A label is judged by accuracy; with probabilities also
    by log loss, and of two classes by the area under the ROC curve, of the second class in their order. Of
    several outputs, whose truth is by their names, each is judged by itself: `rmse_minutes`.
    """
    if not pairs:
        return Judgement()
    first, _ = pairs[0]
    if isinstance(first, list):  # rankings, which are not judged
        return Judgement()
    if isinstance(first, dict) and "label" in first:
        labels = [(_class_of(true), _class_of(one["label"])) for one, true in pairs]
        probabilities = [one.get("probabilities") for one, _ in pairs]
        return _judged(labels, probabilities)
    if isinstance(first, dict):
        return Judgement(_by_output(pairs))
    numbers = [(float(one), _number(true)) for one, true in pairs if not isinstance(one, str | bool)]
    known = [(one, true) for one, true in numbers if true is not None]
    if len(known) < len(pairs):
        labels = [(_class_of(true), _class_of(one)) for one, true in pairs]
        return _judged(labels)
    found = rmse(known)
    return Judgement({} if found is None else {"rmse": found})


def _number(value: Any) -> float | None:
    """Return a truth as a number, which a CSV file has as a text; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _class_of(value: Any) -> str:
    """Return a class as text, the same whether a file has it as an integer, a float, a boolean or a text."""
    text = text_of(value)
    if text in {"True", "False"}:
        return text.lower()
    whole, point, rest = text.partition(".")
    return whole if point and not rest.strip("0") and whole.removeprefix("-").isdecimal() else text


def _by_output(pairs: Sequence[tuple[Any, Any]]) -> dict[str, float]:
    """Judge each of several outputs whose truth is known."""
    found: dict[str, float] = {}
    if not isinstance(pairs[0][1], dict):
        return found
    for name in pairs[0][1]:
        known = [(told[name], true[name]) for told, true in pairs]
        error = judge([one for one in known if one[1] is not None and one[1] == one[1]]).error
        found |= {f"{measure}_{name}": value for measure, value in error.items()}
    return found


def _judged(
    labels: Sequence[tuple[str, str]], probabilities: Sequence[dict[str, float] | None] = ()
) -> Judgement:
    """Judge (true, predicted) labels, with their probabilities by class where each has them."""
    rows = [one for one in probabilities if one is not None]
    known = bool(rows) and len(rows) == len(labels)
    classes = list(rows[0]) if known else []
    errors = ClassErrors([_class_of(name) for name in classes])
    numbers = np.array([[row[name] for name in classes] for row in rows]) if known else None
    errors.add([true for true, _ in labels], [told for _, told in labels], numbers)
    if errors.strangers == errors.judged:  # a column of something else, which no accuracy of 0 is to hide
        return Judgement(strangers=errors.strangers)
    return Judgement(errors.error(), errors.confusion, errors.strangers)
