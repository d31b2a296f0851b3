"""Keep which entries of a delivery are acknowledged, and which may be put next: order for each key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


class Waiting:
    """The positions of entries that are not acknowledged; iterating yields them all.

    keys: each entry's order key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._acknowledged = bytearray(len(keys))
        self._heads: Sequence[int] = range(len(keys))
        self._behind: dict[int, int] = {}
        """Position -> the next position of the same key."""
        if len(set(keys)) == len(keys):
            return
        last: dict[str, int] = {}
        for position, key in enumerate(keys):
            if key in last:
                self._behind[last[key]] = position
            last[key] = position
        followers = set(self._behind.values())
        self._heads = [position for position in self._heads if position not in followers]

    def __iter__(self) -> Iterator[int]:
        return (position for position, done in enumerate(self._acknowledged) if not done)

    def heads(self) -> Sequence[int]:
        """Return each key's first waiting position, in order."""
        if 0 not in self._acknowledged:
            return ()
        if 1 in self._acknowledged:
            put = [self._behind.get(one) if self._acknowledged[one] else one for one in self._heads]
            self._heads = sorted([one for one in put if one is not None])
        return self._heads

    def acknowledge(self, positions: Iterable[int]) -> None:
        """Mark some heads as acknowledged: their keys' next entries may be put."""
        for position in positions:
            self._acknowledged[position] = 1


class WaitingEvents:
    """The same for events of several entries each: all of one wait for all of the event before of its key.

    keys: each entry's order key. events: the number of each entry's event, ascending.
    """

    def __init__(self, keys: Sequence[str], events: Sequence[int]) -> None:
        self._entries: list[set[int]] = []
        """Of each event those that are not acknowledged."""
        self._event_of: list[int] = []
        event_keys: list[str] = []
        last: int | None = None
        for position, (key, event) in enumerate(zip(keys, events, strict=True)):
            if event != last:
                self._entries.append(set())
                event_keys.append(key)
                last = event
            self._entries[-1].add(position)
            self._event_of.append(len(self._entries) - 1)
        self._events = Waiting(event_keys)

    def __iter__(self) -> Iterator[int]:
        return (position for left in self._entries for position in sorted(left))

    def heads(self) -> Sequence[int]:
        """Return the waiting entries of each key's first event that has some, in order."""
        return [position for event in self._events.heads() for position in sorted(self._entries[event])]

    def acknowledge(self, positions: Iterable[int]) -> None:
        """Mark some heads as acknowledged."""
        for position in positions:
            event = self._event_of[position]
            self._entries[event].discard(position)
            if not self._entries[event]:
                self._events.acknowledge([event])
