"""Whether a model is asked on the event loop or on a thread: what it takes is measured before it serves.

Handing a predict to a thread and its answer back costs some 100 µs, more than a quick model takes; a slow one
would keep every other request waiting.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from threeways.scoring.service import ModelService

logger = logging.getLogger(__name__)

SHORT_SECONDS = 0.001
"""What a predict on the event loop may take: a fifth of what a busy thread keeps the others waiting anyway
(docs.python.org/3/library/sys.html#sys.setswitchinterval)."""
LATE_SECONDS = 0.01
"""A predict on the event loop that takes this long was misjudged, or the machine was busy elsewhere."""
LATE_IN_A_ROW = 3
_FEW, _TRIES = 32, 5


class Pace:
    """How many rides may be predicted on the event loop at once; 0: none, all go to the thread."""

    def __init__(self, rides: int = 0) -> None:
        self.rides = rides
        self._late = 0

    def took(self, seconds: float) -> None:
        """A predict on the event loop took so long. After three late ones in a row there are no more."""
        self._late = self._late + 1 if seconds > LATE_SECONDS else 0
        if self._late == LATE_IN_A_ROW:
            self.rides = 0
            logger.warning("the model takes longer than it did at first: from now on it has a thread")


def measured(service: ModelService[Any]) -> Pace:
    """The pace of a model that has proven itself, from its task's example; a dozen predicts at most."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):  # as it will be asked
        one = _seconds(service, 1)
        if one > SHORT_SECONDS:
            return Pace()
        each = max((_seconds(service, _FEW) - one) / (_FEW - 1), 1e-7)
    return Pace(1 + int((SHORT_SECONDS - one) / each))


def _seconds(service: ModelService[Any], rides: int) -> float:
    """What so many rides take at best, which is what they take when nothing else wants the core."""
    events, arrived = [service.task.example] * rides, [datetime.now(UTC)] * rides
    fastest = float("inf")
    for _ in range(_TRIES):
        began = time.perf_counter()
        service.score_events(events, arrived)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def one_core() -> None:
    """Keep scikit-learn's OpenMP off the other cores in this thread.

    They serve HTTP, and for a few hundred rides its threads wait for each other longer than they work.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="openmp")
