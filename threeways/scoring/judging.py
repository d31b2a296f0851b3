"""Judge predicted classes by what was really so: accuracy, log loss, AUC and a confusion matrix, as sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

OTHER = "(other)"
"""What labels of the truth that are no classes are counted as, once there are many."""
_OTHERS, _LABELS = 20, 1_000
_EPSILON = float(np.finfo(np.float64).eps)
"""A probability is at least this in the log loss, as in sklearn.metrics.log_loss."""


class ClassErrors:
    """Adds up how good predicted classes are, however many events there are.

    classes: their texts, in the order of the numbers' columns; () where the model tells none. confusion:
    (true, predicted label) -> how many. strangers: events whose true label is none of the classes.
    """

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self._places = {name: place for place, name in enumerate(classes)}
        self.confusion: Counter[tuple[str, str]] = Counter()
        self.judged = self.right = self.strangers = 0
        self._named = set(classes)
        self._limit = len(classes) + _OTHERS if classes else _LABELS
        self._loss, self._losses = 0.0, 0
        self._ranks = Ranks()

    def add(self, true: Sequence[str], told: Sequence[str], numbers: Floats | None = None) -> None:
        """Add n events: their true and their predicted labels.

        numbers: (n, classes) probabilities, or (n,) what grows with the second class's likelihood.
        """
        self.judged += len(true)
        self.right += sum(one == other for one, other in zip(true, told, strict=True))
        for pair, count in Counter(zip(true, told, strict=True)).items():
            self.confusion[self._name(pair[0]), pair[1]] += count
        places = np.array([self._places.get(one, -1) for one in true], dtype=np.int64)
        if self._places:
            self.strangers += int(np.count_nonzero(places < 0))
        if numbers is None or not self._places or self.strangers:
            return
        if numbers.ndim == 2:
            sure = numbers[np.arange(len(places)), places]
            self._loss -= float(np.log(np.clip(sure, _EPSILON, 1 - _EPSILON)).sum())
            self._losses += len(places)
        if len(self._places) == 2:
            self._ranks.add(numbers[:, 1] if numbers.ndim == 2 else numbers, places == 1)

    def error(self) -> dict[str, float]:
        """Return accuracy, and log loss and the area under the ROC curve of two classes where they are known.

        The curve is that of the second class. Neither is known where a true label is none of the classes.
        """
        if not self.judged:
            return {}
        found = {"accuracy": self.right / self.judged}
        if self._losses and not self.strangers:
            found["log_loss"] = self._loss / self._losses
        area = None if self.strangers else self._ranks.area()
        return found if area is None else found | {"auc": area}

    @property
    def is_exact(self) -> bool:
        """Whether the area under the ROC curve is that of the numbers themselves: see `Ranks`."""
        return self._ranks.is_exact

    def _name(self, label: str) -> str:
        if label not in self._named and len(self._named) >= self._limit:
            return OTHER
        self._named.add(label)
        return label


class Ranks:
    """The area under a ROC curve of any number of events: counts by distinct number.

    Beyond `most` distinct numbers they lose their last digits: five significant ones stay.
    """

    def __init__(self, most: int = 4_000_000) -> None:
        self._most = most
        self.is_exact = True
        self._numbers: Floats = np.zeros(0)
        self._counts: NDArray[np.int64] = np.zeros((2, 0), dtype=np.int64)
        self._waiting: list[tuple[Floats, NDArray[np.int64]]] = []
        self._rows = 0

    def add(self, numbers: Floats, positive: NDArray[np.bool_]) -> None:
        """Add n events: their numbers, and which of them are of the class that high numbers are for."""
        counts = np.stack([~positive, positive]).astype(np.int64)
        self._waiting.append((np.asarray(numbers, dtype=np.float64), counts))
        self._rows += len(numbers)
        if self._rows > max(1_000_000, len(self._numbers)):
            self._merge()

    def area(self) -> float | None:
        """Return the share of pairs in their right order, equal ones counted half; None without a pair."""
        self._merge()
        negative, positive = self._counts
        pairs = int(negative.sum()) * int(positive.sum())
        below = np.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum() / pairs) if pairs else None

    def _merge(self) -> None:
        parts = [(self._numbers, self._counts), *self._waiting]
        self._waiting, self._rows = [], 0
        numbers = np.concatenate([one for one, _ in parts])
        counts = np.concatenate([one for _, one in parts], axis=1)
        self._count(numbers if self.is_exact else _rounded(numbers), counts)
        if len(self._numbers) > self._most and self.is_exact:
            self.is_exact = False
            self._count(_rounded(self._numbers), self._counts)

    def _count(self, numbers: Floats, counts: NDArray[np.int64]) -> None:
        self._numbers, places = np.unique(numbers, return_inverse=True)
        made = [np.bincount(places, one, len(self._numbers)) for one in counts]
        self._counts = np.stack(made).astype(np.int64)


def _rounded(numbers: Floats) -> Floats:
    """Return the numbers with 17 of their 53 bits, in the same order or equal."""
    kept: Any = np.int64(-1) << np.int64(36)
    found: Floats = (np.ascontiguousarray(numbers).view(np.int64) & kept).view(np.float64)
    return found
