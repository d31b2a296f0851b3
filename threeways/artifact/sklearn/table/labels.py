"""Forms and rows of class labels: their counts are one dimension, `classes`: a tuple, one an output."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.artifact.sklearn.containers import Array
from threeways.artifact.sklearn.forms import Form, Plain, Scope
from threeways.artifact.sklearn.rows import FLAG, Row, row, sequence
from threeways.artifact.sklearn.slots import OneOf


class _Classes(OneOf):
    """The labels of each class: an array, or a list of arrays with one an output."""

    __slots__ = ()

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Note how many classes each output has."""
        super().check(value, where, scope)
        counts = tuple(map(len, value)) if isinstance(value, list | tuple) else (len(value),)
        scope.require(min(counts, default=0) >= 1, f"{where} has no class")
        scope.dim("classes", counts, where)


class _Counts(OneOf):
    """The number of classes: a number, or a list or array with one an output."""

    __slots__ = ()

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse other counts than those of the labels."""
        super().check(value, where, scope)
        scope.dim("classes", tuple(int(count) for count in np.ravel(value)), where)


LABELS = Array("biufUO", "*")
CLASSES: Form = _Classes(LABELS, sequence(LABELS))
CLASS_COUNTS: Form = _Counts(Plain("int", 1), sequence(Plain("int", 1)), Array("iu", "*"))


def decisions(the: Scope) -> None:
    """Check that one number decides between two classes, and otherwise one for each class."""
    (classes,) = np.ravel(the.dims["classes"]).tolist()
    the.dim("decisions", 1 if classes == 2 else classes, "decision")


ROWS: list[Row] = [
    *row("sklearn.preprocessing._label", "LabelEncoder", "labels", classes_=CLASSES),
    *row(
        "sklearn.preprocessing._label",
        "LabelBinarizer",
        "labels",
        "neg_label pos_label sparse_output",
        "y_type_",
        classes_=CLASSES,
        sparse_input_=FLAG,
    ),
]
