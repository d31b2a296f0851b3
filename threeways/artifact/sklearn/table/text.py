"""Rows of what makes columns of texts and dicts: a vocabulary's numbers are a sparse matrix's indices."""

from __future__ import annotations

from threeways.artifact import limits
from threeways.artifact.sklearn.containers import Array, Mapped
from threeways.artifact.sklearn.forms import Plain, Scope
from threeways.artifact.sklearn.rows import (
    DTYPE,
    FLAG,
    IN,
    INTEGER,
    NONE,
    RECORD,
    TEXT,
    Row,
    row,
    sequence,
    together,
)
from threeways.artifact.sklearn.slots import OneOf, Part

_PATTERNS = (
    r"(?u)\b\w\w+\b",
    r"\b\w\w+\b",
    r"(?u)\b\w+\b",
    r"\b\w+\b",
    r"\w+",
    r"\w\w+",
    r"\S+",
    r"[^\s]+",
    r"[a-zA-Z]+",
    r"[a-z]+",
    r"[A-Za-z]+",
    r"\w{1,}",
    r"\b[a-zA-Z]+\b",
    r"\b[a-zA-Z]{2,}\b",
)
"""Patterns of tokens that take time in proportion to the text; others may take for ever."""


def _check_vocabulary(the: Scope) -> None:
    """Check that the vocabulary maps its entries to 0, 1, …, each number once."""
    columns = [int(column) for column in the["vocabulary_"].values()]
    the.require(sorted(columns) == list(range(len(columns))), "vocabulary does not number its columns")
    the.dims["width"] = len(columns)


def _check_names(the: Scope) -> None:
    """Check that there is a name for each column."""
    the.require(len(the["feature_names_"]) == the.dims["width"], "names are not as many as its columns")


def _check_weights(the: Scope) -> None:
    """Check that the inverse document frequencies are those of the vocabulary's columns."""
    dims = the.part(the["_tfidf"], fitted=True)
    sound = dims.get("in", the.dims["width"]) == the.dims["width"]
    the.require(sound, "weights are not as many as its columns")


_VOCABULARY = Mapped(INTEGER)
_TEXTS = {
    "input": Plain("str", among=("content",)),  # any other opens the file that an event names
    "encoding": Plain(
        "str", among=("ascii", "latin-1", "iso-8859-1", "utf-8", "utf8", "utf-8-sig", "cp1252")
    ),
    "decode_error": Plain("str", among=("strict", "ignore", "replace")),
    "strip_accents": Plain("none str", among=(None, "ascii", "unicode")),
    "preprocessor": NONE,
    "tokenizer": NONE,
    "analyzer": Plain("str", among=("word", "char", "char_wb")),
    "token_pattern": Plain("none str", among=(None, *_PATTERNS)),
    "stop_words": OneOf(Plain("none str", among=(None, "english")), sequence(TEXT)),
    "ngram_range": together(Plain("int", 1, limits.NGRAM), Plain("int", 1, limits.NGRAM)),
    "vocabulary": RECORD,
    "dtype": DTYPE,
}
_NORMS = {
    "norm": Plain("none str", among=(None, "l1", "l2")),
    "use_idf": FLAG,
    "smooth_idf": FLAG,
    "sublinear_tf": FLAG,
}

ROWS: list[Row] = [
    *row(
        "sklearn.feature_extraction._dict_vectorizer",
        "DictVectorizer",
        "transformer",
        "dtype separator sort sparse",
        rules=(_check_vocabulary, _check_names),
        maybe={"dtype": DTYPE, "separator": TEXT, "sparse": FLAG},
        vocabulary_=_VOCABULARY,
        feature_names_=sequence(TEXT),
    ),
    *row(
        "sklearn.feature_extraction.text",
        "CountVectorizer",
        "transformer",
        "analyzer binary decode_error dtype encoding input lowercase max_df max_features "
        "min_df ngram_range preprocessor stop_words strip_accents token_pattern tokenizer "
        "vocabulary",
        "_stop_words_id",
        rules=(_check_vocabulary,),
        maybe=_TEXTS,
        fixed_vocabulary_=FLAG,
        vocabulary_=_VOCABULARY,
    ),
    *row(
        "sklearn.feature_extraction.text",
        "TfidfVectorizer",
        "transformer",
        "analyzer binary decode_error dtype encoding input lowercase max_df max_features "
        "min_df ngram_range norm preprocessor smooth_idf stop_words strip_accents sublinear_tf "
        "token_pattern tokenizer use_idf vocabulary",
        "_stop_words_id",
        rules=(_check_vocabulary, _check_weights),
        maybe={**_TEXTS, **_NORMS},
        fixed_vocabulary_=FLAG,
        vocabulary_=_VOCABULARY,
        _tfidf=Part("TfidfTransformer"),
    ),
    *row(
        "sklearn.feature_extraction.text",
        "TfidfTransformer",
        "transformer",
        "norm smooth_idf sublinear_tf use_idf",
        maybe={**_NORMS, **IN, "idf_": Array("f", "in")},
    ),
]
