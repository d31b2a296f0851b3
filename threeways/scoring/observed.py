"""What a service scored last, kept until somebody has counted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from threeways.scoring.outcomes import Fault
from threeways.scoring.predicting import Take
from threeways.scoring.task import Flags


class Observed(NamedTuple):
    """One batch of n events.

    take: gives the rows of features. values: the model's answers; what those of `faults` hold means nothing.
    """

    take: Take
    values: NDArray[Any]
    flags: Flags
    faults: Mapping[int, Fault]
