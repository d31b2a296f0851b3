"""Compare two models' errors on the same events, with a confidence interval that is honest in time.

Two models are compared on the same events, so that what makes an event hard counts for both and cancels out.
The events of one hour share a cause, such as traffic or a broken feed, so that a hundred of them tell less
than a hundred of a hundred hours: the interval is Student's t over clusters of time, with the standard error
of a mean of clusters of unequal sizes. A bootstrap of clusters comes to the same where there are many, and is
too narrow where there are few: Cameron, Gelbach, Miller 2008, doi.org/10.1162/rest.90.3.414.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
LEAST_CLUSTERS = 20
"""Fewer make t's quantile and the variance itself unsure; a shorter time makes more of them."""
WIDTHS: Mapping[str, float] = {"day": 86_400, "hour": 3_600, "10 minutes": 600, "minute": 60}
"""The clusters that are tried, the longest first, in seconds of Unix time."""
BLOCKS, BLOCK = 50, "block of events"
"""What clusters are where time makes too few, or is unknown: so many runs of consecutive events."""
FEWEST = 4 * BLOCKS
"""The limit on the events of blocks, and of a difference of RMSE."""
EACH = "event"
"""What a cluster is where there are too few events for blocks: they are then taken as independent."""

type Floats = NDArray[np.float64]
type Clusters = tuple[str, NDArray[np.int64]]
"""What a cluster is, and (n,) which of them an event is in."""


class Difference(msgspec.Struct, frozen=True):
    """The first model's error less the second's: above 0 the second is better.

    margin: half of its interval; None where too few are known. clusters: of how many. by: what a cluster is.
    """

    value: float = msgspec.field(name="mean")
    margin: float | None
    events: int
    clusters: int
    by: str

    @property
    def is_sure(self) -> bool:
        """Whether the interval is beyond zero."""
        return self.margin is not None and abs(self.value) > self.margin

    @property
    def better(self) -> bool:
        """Whether the whole interval says that the second is better."""
        return self.is_sure and self.value > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval says that the second is worse."""
        return self.is_sure and self.value < 0


def of_each(comparisons: int, confidence: float = CONFIDENCE) -> float:
    """Return the confidence of each of several comparisons, with which all together have this one.

    Bonferroni: for parts of the same events, and for looks at one comparison again as events come, each of
    which is a further chance to be wrong.
    """
    return 1 - (1 - confidence) / max(1, comparisons)


def clusters_of(times: Floats) -> Clusters:
    """Return the clusters of events. times: (n,) Unix times, NaN where one is unknown.

    Blocks are of events in the order of their time, or as they are given where a time is unknown.
    """
    known = bool(np.isfinite(times).all())
    if len(times) and known:
        for name, seconds in WIDTHS.items():
            _, owners = np.unique(times // seconds, return_inverse=True)
            if owners.max() + 1 >= LEAST_CLUSTERS:
                return name, owners.astype(np.int64)
    if len(times) < FEWEST:
        return EACH, np.arange(len(times))
    owners = np.empty(len(times), np.int64)
    order = np.argsort(times, kind="stable") if known else np.arange(len(times))
    owners[order] = np.arange(len(times)) * BLOCKS // len(times)
    return BLOCK, owners


def within(clusters: Clusters, rows: NDArray[Any]) -> Clusters:
    """Return the clusters of some of the events."""
    return clusters[0], clusters[1][rows]


def difference(
    values: Floats, clusters: Clusters | None = None, confidence: float = CONFIDENCE
) -> Difference:
    """Return the mean of (n,) paired differences, n over 0, with its margin at a confidence.

    clusters: of the events; None: their times are unknown.
    """
    by, owners = clusters or clusters_of(np.full(len(values), np.nan))
    _, owners = np.unique(owners, return_inverse=True)
    count, mean = int(owners.max()) + 1, float(values.mean())
    if count < 2:
        return Difference(mean, None, len(values), count, by)
    from scipy.special import stdtrit  # takes a tenth of scipy.stats' time to import

    sums = np.bincount(owners, values - mean)
    variance = count / (count - 1) * float(np.square(sums).sum()) / len(values) ** 2
    quantile = float(stdtrit(count - 1, (1 + confidence) / 2))
    return Difference(mean, quantile * variance**0.5, len(values), count, by)


def rmse_difference(
    first: Floats, second: Floats, clusters: Clusters | None = None, confidence: float = CONFIDENCE
) -> Difference:
    """Compare the RMSE of two models' (n,) errors on the same events, n over 0.

    The RMSE's slope is taken at its value (the delta method), so that its margin is that of a mean. There is
    none for fewer than 200 events. clusters: as `difference` takes them.
    """
    squares = first**2, second**2
    roots = [float(np.sqrt(one.mean())) for one in squares]
    slopes = [one / (2 * root) if root else one for one, root in zip(squares, roots, strict=True)]
    found = difference(slopes[0] - slopes[1], clusters, confidence)
    margin = found.margin if len(first) >= FEWEST else None
    return msgspec.structs.replace(found, value=roots[0] - roots[1], margin=margin)
