"""Compare the errors of two models on the same events, with an interval of confidence."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

BLOCKS = 50
FEWEST = 4 * BLOCKS
"""The limit on the events: with fewer, nothing is said of the difference."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the second model's RMSE is lower than the first's, in the output's unit.

    value: above 0 the second is better. margin: half the width of its interval of confidence.
    """

    value: float
    margin: float
    rows: int

    @property
    def better(self) -> bool:
        """Whether the whole interval says that the second is better."""
        return self.value - self.margin > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval says that it is worse."""
        return self.value + self.margin < 0


def rmse_difference(first: Floats, second: Floats, *, confidence: float = CONFIDENCE) -> Difference:
    """Compare two models' (n,) errors on the same events, which are in the order of their time.

    The two errors of an event are alike, and so are those of neighbours in time: the difference is paired,
    and its spread is that of 50 blocks of consecutive events (batch means). The RMSE's slope is taken at its
    value (the delta method). The margin is infinite for fewer than 200 events.
    """
    rows = len(first)
    if not rows:
        return Difference(0.0, np.inf, 0)
    squares = first**2, second**2
    roots = [float(np.sqrt(one.mean())) for one in squares]
    value = roots[0] - roots[1]
    if rows < FEWEST:
        return Difference(value, np.inf, rows)
    slopes = [one / (2 * root) if root else one for one, root in zip(squares, roots, strict=True)]
    blocks = np.array([part.mean() for part in np.array_split(slopes[0] - slopes[1], BLOCKS)])
    # With 50 blocks Student's quantile is 2.5 % over the normal one.
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * 1.025
    return Difference(value, spread * float(blocks.std(ddof=1)) / BLOCKS**0.5, rows)
