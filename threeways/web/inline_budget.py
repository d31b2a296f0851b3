"""Decide by measurement whether a model is called on the event loop or on a thread.

Passing a predict to a thread and its answer back costs some 100 µs, more than a fast model takes; a slow one
on the event loop would block every other request.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from threeways.scoring.service import ModelService

logger = logging.getLogger(__name__)

SHORT_SECONDS = 0.001
"""The budget of a predict on the event loop: a fifth of the interpreter's thread switch interval
(docs.python.org/3/library/sys.html#sys.setswitchinterval)."""
LATE_SECONDS = 0.01
"""A predict on the event loop that takes this long was misjudged, or the machine was busy."""
LATE_IN_A_ROW = 3
_FEW, _TRIES = 32, 5


class InlineBudget:
    """How many events may be predicted on the event loop at once; 0: none, all go to the thread."""

    def __init__(self, events: int = 0) -> None:
        self.events = events
        self._late = 0

    def record(self, seconds: float) -> None:
        """Record the seconds of a predict on the event loop. After three late ones in a row, disable it."""
        self._late = self._late + 1 if seconds > LATE_SECONDS else 0
        if self._late == LATE_IN_A_ROW:
            self.events = 0
            logger.warning("the model takes longer than it did at first: from now on it has a thread")


def measure(service: ModelService[Any]) -> InlineBudget:
    """Measure a model with its task's example, by a dozen predicts at most."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):  # as in serving
        one = _seconds(service, 1)
        if one > SHORT_SECONDS:
            return InlineBudget()
        each = max((_seconds(service, _FEW) - one) / (_FEW - 1), 1e-7)
    return InlineBudget(1 + int((SHORT_SECONDS - one) / each))


def _seconds(service: ModelService[Any], events: int) -> float:
    """Return the fastest time of a predict of so many events, as on an otherwise idle core."""
    examples, arrived = [service.task.example] * events, [datetime.now(UTC)] * events
    fastest = float("inf")
    for _ in range(_TRIES):
        began = time.perf_counter()
        service.score_events(examples, arrived)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def one_core() -> None:
    """Limit scikit-learn's OpenMP to one core in this thread.

    The other cores serve HTTP, and for a few hundred events its threads wait for each other longer than they
    work.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="openmp")
