"""What happens to a process that follows a pointer, for its log and its metrics."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FollowEvent:
    """One thing that happened.

    kind: swapped, the model of the pointer serves now; refused, it stays out; unreadable, the pointer could
    not be read, or is none. what: in words. version: of the model that serves now. refused: the version that
    stays out. seconds: that loading took.
    """

    kind: Literal["swapped", "refused", "unreadable"]
    what: str
    version: str | None = None
    refused: str | None = None
    seconds: float | None = None


type Report = Callable[[FollowEvent], None]


def log(event: FollowEvent) -> None:
    """Write an event to the log, and nothing else."""
    level = logging.INFO if event.kind == "swapped" else logging.WARNING
    told = {"serving": event.version, "refused": event.refused, "load_s": event.seconds}
    logger.log(level, "%s", event.what, extra={name: one for name, one in told.items() if one is not None})


class Counted:
    """Logs events, and counts them by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, event: FollowEvent) -> None:
        """Report an event."""
        log(event)
        self.counts[event.kind] += 1
