"""The mean of paired differences with its confidence interval, honest where events are not independent.

Two models are compared on the same events, so that what makes an event hard counts for both and cancels out.
The events of one hour share a cause, such as traffic or a broken feed, so that a hundred of them tell less
than a hundred of a hundred hours: the interval is Student's t over clusters of time, with the standard error
of a mean of clusters of unequal sizes. A bootstrap of clusters comes to the same where there are many, and is
too narrow where there are few: Cameron, Gelbach, Miller 2008, doi.org/10.1162/rest.90.3.414.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
LEAST_CLUSTERS = 20
"""Fewer make t's quantile and the variance itself unsure; a shorter time makes more of them."""
WIDTHS: Mapping[str, float] = {"day": 86_400, "hour": 3_600, "10 minutes": 600, "minute": 60}
"""The clusters that are tried, the longest first, in seconds of Unix time."""
EACH = "event"
"""What a cluster is where time makes too few, or is unknown: events are then taken as independent."""

type Floats = NDArray[np.float64]
type Clusters = tuple[str, NDArray[np.int64]]
"""What a cluster is, and (n,) which of them an event is in."""


class MeanDifference(msgspec.Struct, frozen=True):
    """A mean difference. margin: half of its interval; None where too few are known. clusters: of how many.

    by: what a cluster is.
    """

    mean: float
    margin: float | None
    events: int
    clusters: int
    by: str

    @property
    def is_sure(self) -> bool:
        """Whether the interval is beyond zero."""
        return self.margin is not None and abs(self.mean) > self.margin


def of_each(comparisons: int, confidence: float = CONFIDENCE) -> float:
    """Return the confidence of each of several comparisons, with which all together have this one.

    Bonferroni: for parts of the same events, and for looks at one comparison again as events come, each of
    which is a further chance to be wrong.
    """
    return 1 - (1 - confidence) / max(1, comparisons)


def clusters_of(times: Floats) -> Clusters:
    """Return the clusters of events. times: (n,) Unix times, NaN where one is unknown."""
    if len(times) and np.isfinite(times).all():
        for name, seconds in WIDTHS.items():
            _, owners = np.unique(times // seconds, return_inverse=True)
            if owners.max() + 1 >= LEAST_CLUSTERS:
                return name, owners.astype(np.int64)
    return EACH, np.arange(len(times))


def difference(values: Floats, clusters: Clusters, confidence: float = CONFIDENCE) -> MeanDifference:
    """Return the mean of (n,) paired differences, n over 0, with its margin at a confidence."""
    by, owners = clusters
    _, owners = np.unique(owners, return_inverse=True)
    count, mean = int(owners.max()) + 1, float(values.mean())
    if count < 2:
        return MeanDifference(mean, None, len(values), count, by)
    from scipy.special import stdtrit  # takes a tenth of scipy.stats' time to import

    sums = np.bincount(owners, values - mean)
    variance = count / (count - 1) * float(np.square(sums).sum()) / len(values) ** 2
    quantile = float(stdtrit(count - 1, (1 + confidence) / 2))
    return MeanDifference(mean, quantile * variance**0.5, len(values), count, by)
