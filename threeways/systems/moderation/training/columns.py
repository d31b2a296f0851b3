"""The columns of the models' matrix: one for each word, part of a word, tag, country and combination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

WORDS: dict[str, Any] = {"min_df": 2}
WORDS_ALONE: dict[str, Any] = {"ngram_range": (1, 2), "min_df": 3}
"""Where there are no tags beside the texts, and `MANY` rows: pairs of words, too."""
CHARS_OF_FEW: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2}
MANY = 3_000
"""Rows from which on pairs of words and longer parts of words are worth a weight."""
CHARS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 6), "min_df": 3}
TAG_CHARS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (3, 4), "min_df": 5}
"""Parts of names: of genres, and of people."""
LEAST = {"tags": 2, "country": 1, "combinations": 2}
"""So many rows have a tag, a country or a combination that has a weight."""
SCALE = 2.0
"""How much more the text counts than tags and countries: the best of 1, 2 and 3 on the older titles."""


def with_text(rows: pd.DataFrame) -> list[str]:
    """Return the columns that have a text in some row: without one there is no vocabulary."""
    return [str(name) for name in rows.columns if rows[name].str.strip().ne("").any()]


def columns_of(rows: pd.DataFrame, vocabulary: Mapping[str, list[str]] | None = None) -> ColumnTransformer:
    """Return the transformer of the columns, to be fitted. vocabulary: of each part, the terms to use."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    known, there = vocabulary or {}, with_text(rows)
    apart = r"\S+"

    def text(part: str, how: Mapping[str, Any]) -> Any:
        return TfidfVectorizer(sublinear_tf=True, strip_accents="unicode", vocabulary=known.get(part), **how)

    def tokens(part: str) -> Any:
        least, terms = LEAST[part], known.get(part)
        return CountVectorizer(
            binary=True, token_pattern=apart, min_df=least, vocabulary=terms, dtype=np.float64
        )

    parts = [
        ("words", text("words", WORDS if "tags" in there or len(rows) < MANY else WORDS_ALONE), "text"),
        ("chars", text("chars", CHARS if len(rows) >= MANY else CHARS_OF_FEW), "text"),
        ("tags", tokens("tags"), "tags"),
        ("tag_chars", text("tag_chars", TAG_CHARS), "tags"),
        ("country", tokens("country"), "country"),
        ("combinations", tokens("combinations"), "combinations"),
    ]
    used = [one for one in parts if one[2] in there and (vocabulary is None or known[one[0]])]
    return ColumnTransformer(used, transformer_weights={"words": SCALE, "chars": SCALE})


def kept_in(columns: ColumnTransformer, kept: NDArray[np.bool_]) -> dict[str, list[str]]:
    """Return the terms of each part of a fitted transformer whose column is kept."""
    found: dict[str, list[str]] = {name: [] for name in columns.output_indices_}
    for name, part, _ in columns.transformers_:
        if hasattr(part, "vocabulary_"):
            terms = part.get_feature_names_out()[kept[columns.output_indices_[name]]]
            found[name] = [str(term) for term in terms]
    return found


def write_once(columns: ColumnTransformer) -> None:
    """Keep each vocabulary in one place, with Python's integers: a skops file has NumPy's as a file each."""
    for name, part, _ in columns.transformers_:
        if hasattr(part, "vocabulary_"):
            part.vocabulary_ = {term: int(place) for term, place in part.vocabulary_.items()}
            part.vocabulary = None
            columns.set_params(**{f"{name}__vocabulary": None})
