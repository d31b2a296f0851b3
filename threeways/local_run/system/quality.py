"""How good the verdicts of a category are, against what is really so."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.local_run.system.declared import Judged


class Quality(msgspec.Struct, frozen=True):
    """Of one category: precision and recall of what was flagged, the area under the ROC curve of the scores.

    None where it is not defined: nothing was flagged, or there is none (or nothing else) to find. judged:
    verdicts whose truth is known. true: of those so many really are.
    """

    precision: float | None
    recall: float | None
    auc: float | None
    judged: int = 0
    true: int = 0


def quality_of(pairs: Sequence[tuple[Judged, bool]]) -> Quality:
    """Return how good these verdicts are; each with what is really so."""
    flagged = np.array([one.flagged for one, _ in pairs], dtype=bool)
    true = np.array([truth for _, truth in pairs], dtype=bool)
    scores = np.array([one.score for one, _ in pairs], dtype=np.float64)
    found = int((flagged & true).sum())
    return Quality(
        precision=_share(found, int(flagged.sum())),
        recall=_share(found, int(true.sum())),
        auc=_auc(scores, true),
        judged=len(pairs),
        true=int(true.sum()),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _auc(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float | None:
    """Return the probability that a true one has a higher score than another; ties count one half."""
    ones, others = int(true.sum()), int((~true).sum())
    if not ones or not others:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # of equal scores the mean of their ranks
    return round(float((ranks[place][true].sum() - ones * (ones + 1) / 2) / (ones * others)), 4)
