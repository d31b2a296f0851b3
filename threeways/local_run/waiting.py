"""How long the oldest event has waited that a consumer is not done with."""

from __future__ import annotations

import time
from collections.abc import Mapping

from threeways.local_run.ledger import Sent


def is_unread(event_id: str, positions: Mapping[str, str | None]) -> bool:
    """Return whether a record lies behind its shard's position, or on a shard that has none."""
    shard, _, sequence = event_id.partition(":")
    done = positions.get(shard)
    return done is None or int(sequence) > int(done)


class Waiting:
    """A consumer's iterator age as it is now; 0 where it is done with everything.

    The mapping's own is that of its last batch, and stays where nothing more comes.
    """

    def __init__(self) -> None:
        self._done = 0
        """So many of the events in the order of their puts are done."""

    def age(self, sent: Mapping[str, Sent], positions: Mapping[str, str | None]) -> float:
        """Return seconds. sent: event id -> what was put, in order. positions: by shard, what is done."""
        for event_id, one in list(sent.items())[self._done :]:
            if is_unread(event_id, positions):
                return max(0.0, time.time() - one.at)
            self._done += 1
        return 0.0
