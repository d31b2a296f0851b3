"""Rows of dicts that are kept by column are the dicts that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.feature_extraction import DictVectorizer

from threeways.artifact.inputs import DictRows

ROWS: list[dict[str, Any]] = [{"PU_DO": f"{n}_{n}", "trip_distance": float(n)} for n in range(5)]
KEPT = DictRows({name: [row[name] for row in ROWS] for name in ROWS[0]})


def test_they_are_the_same_rows() -> None:
    assert ROWS == KEPT
    assert [*KEPT] == ROWS
    assert len(KEPT) == len(ROWS)
    assert (KEPT[1], KEPT[-1]) == (ROWS[1], ROWS[-1])
    assert KEPT[1:4:2] == ROWS[1:4:2]
    assert ROWS[:4] != KEPT
    with pytest.raises(IndexError):
        KEPT[5]


def test_a_row_that_is_changed_changes_no_other_s() -> None:
    for row in KEPT:
        row["trip_distance"] = -1.0
    assert ROWS == KEPT


def test_a_vectorizer_sees_no_difference() -> None:
    vectorizer = DictVectorizer().fit(ROWS)
    assert (vectorizer.transform(KEPT) != vectorizer.transform(ROWS)).nnz == 0
    assert DictVectorizer().fit(KEPT).vocabulary_ == vectorizer.vocabulary_
