"""When labelled events happened, for what is trained and judged by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError
from threeways.training.examples import Examples

type Times = NDArray[np.datetime64]

STRAY = 0.01
"""The share of events whose time may be wrong, at each end: a file of a month has some of other years."""


def times_of(examples: Examples[Any]) -> Times:
    """Return when each of them happened. Raises DataError where that is not known."""
    if examples.times is None:
        raise DataError(f"{examples.name}: its events have no times; give events with times")
    return examples.times


def typical(times: Times) -> tuple[np.datetime64, np.datetime64]:
    """Return between which times all but the strays lie, one in a hundred at each end."""
    ordered = np.sort(times)
    first, last = (int(share * (len(ordered) - 1)) for share in (STRAY, 1 - STRAY))
    return ordered[first], ordered[last]


def until(examples: Examples[Any]) -> str | None:
    """Return up to when the events go, in ISO 8601 on their own clock; None where that is not known."""
    if examples.times is None or not len(examples.times):
        return None
    last = typical(examples.times)[1]
    return None if np.isnat(last) else str(last.astype("datetime64[s]"))
