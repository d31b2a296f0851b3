"""The terms of a linear model's predictions, in words: what each column, or each word, adds to the score.

A term is a transformed column times its weight. The terms of columns that are made of one of the model's own
columns (the categories of a text, a number and whether it is missing) are added up. With the intercept they
sum to the score: a regressor's prediction, or the decision function of the class that is predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.answers import Answers
from threeways.artifact.sklearn.linear_dicts import LinearDicts
from threeways.artifact.sklearn.term_labels import Label, labels
from threeways.errors import ArtifactUnsupported

_MEND = "leave `because` out, or train a linear model"
_DOUBLE, _SINGLE = 1e-9, 1e-4
"""How far a sum of terms may be from the model's own, by the precision that it computes in."""


class LinearTerms:
    """A linear model's terms. columns: the names of its columns, in order; of a model of dicts not looked at.

    Raises ArtifactUnsupported where the model is none, or a transformer of it has no names for its columns.
    """

    def __init__(self, estimator: Any, answers: Answers, columns: Sequence[str]) -> None:
        self._estimator, self._answers = estimator, answers
        *before, final = _steps(estimator)
        self._before = [one for one in before if one not in (None, "passthrough")]
        if not (hasattr(final, "coef_") and hasattr(final, "intercept_")):
            raise ArtifactUnsupported(
                f"because: {type(final).__name__} is no linear model, whose predictions are sums of terms; "
                f"{_MEND}"
            )
        weights = final.coef_.toarray() if hasattr(final.coef_, "toarray") else np.asarray(final.coef_)
        single = np.float32 in (weights.dtype, np.asarray(final.intercept_).dtype)
        self._tolerance = _SINGLE if single else _DOUBLE
        self._weights: NDArray[np.float64] = np.atleast_2d(weights).astype(np.float64)
        self._base = np.broadcast_to(np.ravel(final.intercept_).astype(np.float64), len(self._weights))
        self._classifies = answers.classes is not None
        classes = len(answers.classes or ())
        if len(self._weights) > 1 and len(self._weights) != classes:
            raise ArtifactUnsupported(
                f"because: it answers several outputs, each with terms of its own; {_MEND}"
            )
        of = _labelled(self._before, [Label(name, None, place) for place, name in enumerate(columns)])
        if len(of) != self._weights.shape[1]:
            raise ArtifactUnsupported(
                f"because: {len(of)} columns have names and {self._weights.shape[1]} have weights; {_MEND}"
            )
        self.labels = list(dict.fromkeys(of))
        places = {label: place for place, label in enumerate(self.labels)}
        self._group = np.array([places[label] for label in of], dtype=np.intp)

    def transformed(self, features: Any) -> Any:
        """Return the (n, weights) rows that the last step gets: an array, or a sparse matrix by rows."""
        for part in self._before:
            features = part.transform(features)
        if hasattr(features, "tocsr"):
            return features.tocsr()
        return np.asarray(features, dtype=np.float64)

    def scores(self, rows: Any) -> NDArray[np.float64]:
        """Return the (n, outputs) sums of transformed rows: predictions, or decisions by class."""
        found: NDArray[np.float64] = np.asarray(rows @ self._weights.T) + self._base
        return found

    def prove(self, features: Any) -> None:
        """Raise ArtifactUnsupported where the terms do not sum to what the model itself says."""
        ours = self.scores(self.transformed(features))
        method = self._estimator.decision_function if self._classifies else self._estimator.predict
        theirs = np.asarray(method(features), dtype=np.float64).reshape(len(ours), -1)
        near = self._tolerance
        same = ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=near, atol=near)
        if same and self._classifies and len(self._weights) in (1, len(self._answers.classes or ())):
            told = np.asarray(self._estimator.predict(features)).tolist()
            same = told == [(self._answers.classes or ())[place] for place in _best(ours).tolist()]
        if not same:
            raise ArtifactUnsupported(
                f"because: the terms of this {type(self._estimator).__name__} do not sum to its score, as "
                f"those of a linear model without a link function do; {_MEND}"
            )

    def of(self, features: Any) -> tuple[Any, NDArray[np.float64]]:
        """Return the (n, labels) contributions of rows, and the (n,) rest of their scores, the intercepts.

        Contributions are an array, or a sparse matrix by rows where the transformers make one.
        """
        rows = self.transformed(features)
        if not self._classifies:
            return self._grouped(_times(rows, self._weights[0])), np.full(rows.shape[0], self._base[0])
        scores = self.scores(rows)
        if len(self._weights) == 1:  # toward the second class, if that is predicted, else toward the first
            sign = np.where(_best(scores) == 1, 1.0, -1.0)
            return self._grouped(_times(_scaled(rows, sign), self._weights[0])), self._base[0] * sign
        best = _best(scores)
        return self._grouped(self._by_class(rows, best)), np.take(self._base, best)

    def _by_class(self, rows: Any, best: NDArray[np.intp]) -> Any:
        """Return each row times the weights of its class."""
        if not hasattr(rows, "tocsr"):
            return rows * self._weights[best]
        from scipy.sparse import csr_array

        made = csr_array(rows, copy=True).astype(np.float64)
        of_row = np.repeat(best, np.diff(made.indptr))
        made.data *= self._weights[of_row, made.indices]
        return made

    def _grouped(self, terms: Any) -> Any:
        """Add up the terms of one label."""
        if len(self.labels) == len(self._group):
            return terms
        from scipy.sparse import csr_array

        count = len(self._group)
        group = csr_array((np.ones(count), (np.arange(count), self._group)), shape=(count, len(self.labels)))
        found = terms @ group
        return found.tocsr() if hasattr(found, "tocsr") else np.asarray(found)


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, or the one estimator: of a search the best, of a fast one the whole."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, LinearDicts):
        estimator = estimator.pipeline
    estimator = getattr(estimator, "best_estimator_", estimator)
    return [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]


def _labelled(parts: Sequence[Any], given: list[Label]) -> list[Label]:
    """Return the labels of the columns that some transformers make, one after the other."""
    for part in parts:
        try:
            given = labels(part, given)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ArtifactUnsupported(
                f"because: the columns of {type(part).__name__} cannot be told: {error!r}; {_MEND}"
            ) from error
    return given


def _best(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the place of each row's class."""
    found: NDArray[np.intp] = (
        np.argmax(scores, axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(np.intp)
    )
    return found


def _times(rows: Any, weights: NDArray[np.float64]) -> Any:
    return rows.multiply(weights[np.newaxis]).tocsr() if hasattr(rows, "tocsr") else rows * weights


def _scaled(rows: Any, factor: NDArray[np.float64]) -> Any:
    factor = factor[:, np.newaxis]
    return rows.multiply(factor).tocsr() if hasattr(rows, "tocsr") else rows * factor
