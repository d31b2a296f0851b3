"""Keep which ids have been met: sets of them at 8 bytes an id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.task import EventId

type Keys = NDArray[np.int64]
type Mask = NDArray[np.bool_]


def keys_of(ids: Sequence[EventId]) -> Keys:
    """(n,) a number for each id: an integer itself, a text's 64-bit hash, valid in this process alone."""
    if set(map(type, ids)) <= {int}:
        return np.array(ids, dtype=np.int64)
    return np.array([one if type(one) is int else hash(one) for one in ids], dtype=np.int64)


class IdSet:
    """A growing set of ids: sorted arrays, each at least twice as long as the next."""

    def __init__(self) -> None:
        self._parts: list[Keys] = []

    def add(self, ordered: Keys) -> None:
        """Take keys of `keys_of`, sorted."""
        if len(ordered):
            self._parts.append(ordered)
        while len(self._parts) > 1 and len(self._parts[-2]) < 2 * len(self._parts[-1]):
            last, before = self._parts.pop(), self._parts.pop()
            self._parts.append(np.sort(np.concatenate([before, last]), kind="stable"))

    def holds(self, keys: Keys) -> Mask:
        """(n,) which of the keys are in it; sorted ones are found soonest."""
        found = np.zeros(len(keys), bool)
        for part in self._parts:
            at = np.searchsorted(part, keys)
            found |= part[np.minimum(at, len(part) - 1)] == keys
        return found


class Repeats:
    """Finds the ids of a run that were there before."""

    def __init__(self) -> None:
        self._met = IdSet()

    def among(self, ids: Sequence[EventId]) -> Mask:
        """(n,) which of a chunk's ids an earlier one of it, or a chunk before, has."""
        keys = keys_of(ids)
        ordered = np.sort(keys)
        repeated = np.zeros(len(keys), bool)
        if (ordered[1:] == ordered[:-1]).any():
            repeated[:] = True
            repeated[np.unique(keys, return_index=True)[1]] = False
        if self._met.holds(ordered).any():
            repeated |= self._met.holds(keys)
        self._met.add(ordered)
        return repeated
