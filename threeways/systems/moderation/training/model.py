"""The model: TF-IDF of words and parts of words, tags and countries, and one linear classifier, calibrated.

It stays one linear model, so that a score is the sum of its words' contributions: calibration (Platt's) is a
factor and a constant that its weights are multiplied by. Regularisation and calibration are chosen on the
last fifth of the training rows, which are in the order of time where they have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError
from threeways.systems.moderation.texts import OTHERWISE
from threeways.training.examples import Fitted, Target

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

SEED = 0
FEWEST = 20
"""Examples of either class, at least."""
TERMS = 12_000
"""Words, parts of words, tags and combinations that a model has weights for, at most: the heaviest ones."""
STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""Inverse regularisation: those that are tried."""
SCALE = 2.0
"""How much more the text counts than tags and countries."""
_HELD_OUT = 0.2
_WORDS, _CHARS = {"ngram_range": (1, 2), "min_df": 2}, {"ngram_range": (3, 5), "min_df": 4}


def parameters() -> Mapping[str, object]:
    """Return what a training logs as its parameters."""
    return {"seed": SEED, "most_terms": TERMS, "words": _WORDS, "parts_of_words": _CHARS, "scale": SCALE}


def fit(rows: pd.DataFrame, labels: Target) -> Fitted:
    """Fit on (n,) labels: the category's, and `ok`. Raises DataError for too few of either."""
    _require_both(labels)
    early = np.arange(len(rows)) < round(len(rows) * (1 - _HELD_OUT))
    strength = _best_strength(rows, labels, early)
    tried = _fitted(rows[early], labels[early], strength)
    factor, constant = _calibration(tried.decision_function(rows[~early]), labels[~early], tried.classes_)
    _scale(tried, factor, constant)
    category = next(one for one in tried.classes_ if one != OTHERWISE)
    probability = tried.predict_proba(rows[~early])[:, list(tried.classes_).index(category)]
    threshold = _best_threshold(probability, labels[~early] == category)
    model = _fitted(rows, labels, strength)
    _scale(model, factor, constant)
    chosen = {"strength": strength, "calibration_factor": factor, "calibration_constant": constant}
    return Fitted(model, chosen | {"threshold": threshold})


def fit_baseline(rows: pd.DataFrame, labels: Target) -> Fitted:
    """Fit a plain linear model on the words of all columns that have some."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    parts: list[Any] = [
        (name, TfidfVectorizer(), name) for name in _with_text(rows) if name != "combinations"
    ]
    return Fitted(
        Pipeline([("texts", ColumnTransformer(parts)), ("linear", LogisticRegression())]).fit(rows, labels)
    )


def _require_both(labels: Target) -> None:
    for label in sorted(set(labels) | {OTHERWISE}):
        count = int(np.count_nonzero(labels == label))
        if count < FEWEST or count > len(labels) - FEWEST:
            raise DataError(
                f"{count} of {len(labels)} usable rows are {label!r}; give data with {FEWEST} of "
                "each class at least"
            )


def _with_text(rows: pd.DataFrame) -> list[str]:
    """Return the columns that have a text in some row: without one there is no vocabulary."""
    return [str(name) for name in rows.columns if rows[name].str.strip().ne("").any()]


def _columns(rows: pd.DataFrame, vocabulary: Mapping[str, list[str]] | None = None) -> ColumnTransformer:
    """Return the transformer of the columns, to be fitted. vocabulary: of each part, the terms to use."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    known = vocabulary or {}
    tags_apart = r"\S+"

    def text(name: str, **more: Any) -> Any:
        return TfidfVectorizer(sublinear_tf=True, strip_accents="unicode", vocabulary=known.get(name), **more)

    def tokens(name: str, least: int) -> Any:
        return CountVectorizer(
            binary=True, token_pattern=tags_apart, min_df=least, vocabulary=known.get(name), dtype=np.float64
        )

    parts = [
        ("words", text("words", **_WORDS), "text"),
        ("chars", text("chars", analyzer="char_wb", **_CHARS), "text"),
        ("tags", tokens("tags", 2), "tags"),
        ("country", tokens("country", 2), "country"),
        ("combinations", tokens("combinations", 3), "combinations"),
    ]
    there = _with_text(rows)
    parts = [one for one in parts if one[2] in there and (vocabulary is None or known[one[0]])]
    return ColumnTransformer(parts, transformer_weights={"words": SCALE, "chars": SCALE})


def _fitted(rows: pd.DataFrame, labels: Target, strength: float) -> Pipeline:
    """Fit the pipeline on the heaviest terms of a model of all of them."""
    from sklearn.pipeline import Pipeline

    columns = _columns(rows)
    block = columns.fit_transform(rows)
    if block.shape[1] > TERMS:
        weights = np.abs(_linear(strength).fit(block, labels).coef_[0])
        kept = np.zeros(len(weights), np.bool_)
        kept[np.argsort(-weights, kind="stable")[:TERMS]] = True
        columns = _columns(rows, _chosen(columns, kept))
        block = columns.fit_transform(rows)
    _write_once(columns)
    return Pipeline([("texts", columns), ("linear", _linear(strength).fit(block, labels))])


def _chosen(columns: ColumnTransformer, kept: NDArray[np.bool_]) -> dict[str, list[str]]:
    """Return the terms of each part whose column is kept."""
    found = {}
    for name, part in columns.named_transformers_.items():
        if name != "remainder":
            terms = part.get_feature_names_out()[kept[columns.output_indices_[name]]]
            found[name] = [str(term) for term in terms]
    return found


def _write_once(columns: ColumnTransformer) -> None:
    """Keep each vocabulary in one place, with Python's integers: a skops file has NumPy's as a file each."""
    for name, part, _ in columns.transformers_:
        if hasattr(part, "vocabulary_"):
            part.vocabulary_ = {term: int(place) for term, place in part.vocabulary_.items()}
            part.vocabulary = None
            columns.set_params(**{f"{name}__vocabulary": None})


def _linear(strength: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, solver="liblinear", random_state=SEED, max_iter=200)


def _best_strength(rows: pd.DataFrame, labels: Target, early: NDArray[np.bool_]) -> float:
    """Return the strength with the lowest loss on the rows that are held out."""
    from sklearn.metrics import log_loss

    columns = _columns(rows[early])
    block, held = columns.fit_transform(rows[early]), columns.transform(rows[~early])
    losses = {}
    for strength in STRENGTHS:
        model = _linear(strength).fit(block, labels[early])
        losses[strength] = log_loss(labels[~early], model.predict_proba(held), labels=model.classes_)
    return min(losses, key=losses.__getitem__)


def _calibration(scores: NDArray[np.float64], labels: Target, classes: NDArray[Any]) -> tuple[float, float]:
    """Return Platt's factor and constant for the scores of the second class.

    Source: J. Platt, Probabilistic outputs for support vector machines, 1999. Scores that tell nothing of the
    class keep their factor of 1.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < len(classes):
        return 1.0, 0.0
    platt = LogisticRegression(C=1e6, max_iter=1_000).fit(scores[:, np.newaxis], labels == classes[1])
    factor, constant = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    return (factor, constant) if factor > 0 else (1.0, 0.0)


def _scale(model: Pipeline, factor: float, constant: float) -> None:
    linear = model[-1]
    linear.coef_ *= factor
    linear.intercept_ = linear.intercept_ * factor + constant


def _best_threshold(probability: NDArray[np.float64], holds: NDArray[np.bool_]) -> float:
    """Return the threshold, of hundredths, with the highest F1."""
    thresholds = np.arange(1, 100) / 100
    told = probability >= thresholds[:, np.newaxis]
    right = np.count_nonzero(told & holds, axis=1)
    scores = 2 * right / np.maximum(1, np.count_nonzero(told, axis=1) + np.count_nonzero(holds))
    return float(thresholds[np.argmax(scores)])
