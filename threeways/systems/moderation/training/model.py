"""The model: words, parts of words, tags and countries, and one linear classifier, calibrated.

Weights are those of least squares. A factor and a constant take a row's sum to the logarithm of the odds;
both are multiplied into the weights, so that it stays one linear model: a score is the sum of its terms'
contributions. The penalty is chosen on the last fifth of the training rows, which are in the order of time
where they have one; the calibration on scores of models that saw neither the row nor its neighbours in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError
from threeways.systems.moderation.training import columns as parts
from threeways.systems.moderation.training.columns import columns_of, kept_in, with_text, write_once
from threeways.training.examples import Fitted

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

SEED = 0
FEWEST = 20
"""Examples of either class, at least."""
TERMS = 40_000
"""Words, parts of words, tags and combinations that a model has weights for, at most: the heaviest ones."""
PENALTIES = (10.0, 30.0)
"""Those of least squares that are tried; too few rows to choose by have the first."""
_HELD_OUT, _BLOCKS = 0.2, 10

type Floats = NDArray[np.float64]


def parameters() -> Mapping[str, object]:
    """Return what a training logs as its parameters."""
    return {
        "seed": SEED, "most_terms": TERMS, "words": parts.WORDS, "words_alone": parts.WORDS_ALONE,
        "parts_of_words": parts.CHARS, "parts_of_tags": parts.TAG_CHARS, "scale": parts.SCALE,
    }  # fmt: skip


def fit(rows: pd.DataFrame, degrees: Floats, classes: tuple[str, str]) -> Fitted:
    """Fit a model that tells the first of two classes.

    degrees: (n,) how much a row is of it, 1 where it is, less where it is of the other. Raises DataError for
    too few rows of either.
    """
    holds = degrees >= 1
    for label, count in zip(classes, (np.count_nonzero(holds), np.count_nonzero(~holds)), strict=True):
        if count < FEWEST:
            raise DataError(
                f"{count} of {len(rows)} usable rows are {label!r}; give data with {FEWEST} of each class at "
                "least"
            )
    made = columns_of(rows)
    block = made.fit_transform(rows)
    penalty = _best_penalty(block, degrees) if len(rows) >= parts.MANY else PENALTIES[0]
    scores = _scores_of_others(block, degrees, penalty)
    factor, constant = _calibration(scores, holds)
    threshold = _best_threshold(_probability(scores * factor + constant), holds)
    weights, base = _least_squares(block, degrees, penalty)
    if len(weights) > TERMS:
        made = columns_of(rows, kept_in(made, _heaviest(weights)))
        weights, base = _least_squares(made.fit_transform(rows), degrees, penalty)
    write_once(made)
    model = _pipeline(made, weights * factor, base * factor + constant, classes)
    chosen = {"penalty": penalty, "calibration_factor": factor, "calibration_constant": constant}
    return Fitted(model, chosen | {"threshold": threshold})


def fit_baseline(rows: pd.DataFrame, labels: NDArray[Any]) -> Fitted:
    """Fit a plain linear model on the words of all columns that have some."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    texts: list[Any] = [(name, TfidfVectorizer(), name) for name in with_text(rows) if name != "combinations"]
    steps = [("texts", ColumnTransformer(texts)), ("linear", LogisticRegression())]
    return Fitted(Pipeline(steps).fit(rows, labels))


def _least_squares(block: Any, degrees: Floats, penalty: float) -> tuple[Floats, float]:
    from sklearn.linear_model import Ridge

    found = Ridge(alpha=penalty, solver="sparse_cg").fit(block, degrees)
    return found.coef_, float(found.intercept_)


def _heaviest(weights: Floats) -> NDArray[np.bool_]:
    """Tell which terms are kept."""
    kept = np.zeros(len(weights), np.bool_)
    kept[np.argsort(-np.abs(weights), kind="stable")[:TERMS]] = True
    return kept


def _best_penalty(block: Any, degrees: Floats) -> float:
    """Return the penalty with the lowest calibrated error on the last rows, of models of those before."""
    early = round(block.shape[0] * (1 - _HELD_OUT))
    holds = degrees[early:] >= 1
    found = {}
    for penalty in PENALTIES:
        weights, _ = _least_squares(block[:early], degrees[:early], penalty)
        scores = np.asarray(block[early:] @ weights)
        factor, constant = _calibration(scores, holds)
        found[penalty] = _log_loss(scores * factor + constant, holds)
    return min(found, key=found.__getitem__)


def _scores_of_others(block: Any, degrees: Floats, penalty: float) -> Floats:
    """Return each row's score by a model of all rows but its block: rows that follow each other in time.

    Titles that resemble each other come together, as the films of a series do. A model that saw some of them
    is surer of the others than it will be of what is new.
    """
    scores = np.empty(len(degrees))
    for held in np.array_split(np.arange(len(degrees)), _BLOCKS):
        learnt = np.delete(np.arange(len(degrees)), held)
        weights, base = _least_squares(block[learnt], degrees[learnt], penalty)
        scores[held] = block[held] @ weights + base
    return scores


def _calibration(scores: Floats, holds: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the factor and constant of the logistic curve whose probabilities have the lowest log loss.

    It is the curve of J. Platt, Probabilistic outputs for support vector machines, 1999. Scores that tell
    nothing of the class keep their factor of 1.
    """
    from scipy.optimize import minimize

    if holds.all() or not holds.any():
        return 1.0, 0.0
    middle, spread = float(np.mean(scores)), float(np.std(scores)) or 1.0
    plain = (scores - middle) / spread
    share = float(np.mean(holds))
    start = [1.0, float(np.log(share / (1 - share)))]
    found = minimize(lambda x: _log_loss(x[0] * plain + x[1], holds), start, method="Nelder-Mead")
    factor = float(found.x[0]) / spread
    return (factor, float(found.x[1]) - factor * middle) if factor > 0 else (1.0, 0.0)


def _log_loss(odds: Floats, holds: NDArray[np.bool_]) -> float:
    return float(np.mean(np.logaddexp(0, np.where(holds, -odds, odds))))


def _pipeline(
    columns: ColumnTransformer, weights: Floats, constant: float, classes: tuple[str, str]
) -> Pipeline:
    """Return the calibrated model as a pipeline of scikit-learn's, whose second class has positive scores."""
    from sklearn.pipeline import Pipeline

    names = np.array(sorted(classes), dtype=object)
    sign = 1.0 if names[1] == classes[0] else -1.0
    return Pipeline([("texts", columns), ("linear", _linear(weights * sign, constant * sign, names))])


def _linear(weights: Floats, intercept: float, classes: NDArray[Any]) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    made = LogisticRegression()
    made.classes_, made.n_features_in_ = classes, len(weights)
    made.coef_, made.intercept_ = weights[np.newaxis], np.array([intercept])
    made.n_iter_ = np.array([1], dtype=np.int32)
    return made


def _probability(odds: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    return found


def _best_threshold(probability: Floats, holds: NDArray[np.bool_]) -> float:
    """Return the threshold, of hundredths, with the highest F1."""
    thresholds = np.arange(1, 100) / 100
    told = probability >= thresholds[:, np.newaxis]
    right = np.count_nonzero(told & holds, axis=1)
    scores = 2 * right / np.maximum(1, np.count_nonzero(told, axis=1) + np.count_nonzero(holds))
    return float(thresholds[np.argmax(scores)])
