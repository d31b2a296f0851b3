"""Schedule faults: listed call by call, or drawn from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from threeways.emulator.faults.fault import Fault, Kind


class Schedule(Protocol):
    """Decides on the fault of each call. Thread-safe."""

    def next(self, operation: str, entries: int) -> Fault | None:
        """Return this call's fault, or None. operation: such as `PutRecords`. entries: of a PutRecords."""


class Script:
    """Faults listed by operation, for its next calls in order; then none. None lets a call pass."""

    def __init__(self, **faults: Iterable[Fault | None]) -> None:
        self._faults = {operation: deque(several) for operation, several in faults.items()}
        self._lock = Lock()

    def next(self, operation: str, entries: int) -> Fault | None:  # noqa: ARG002 - the protocol's
        """Return the next fault of the operation."""
        with self._lock:
            left = self._faults.get(operation)
            return left.popleft() if left else None


@dataclass
class Rates:
    """Random faults, reproducible by seed: an operation's k-th call meets what the seed and k determine.

    rates: operation -> kind -> probability a call, 0-1. outages: operation -> probability that a call begins
    an outage, in which each call of the operation is reset for outage_seconds. slow_seconds: the mean delay
    of a slow call. guaranteed_within: each kind with a rate occurs at least once within so many calls of its
    operation; 0: no guarantee. clock: seconds.
    """

    seed: int
    rates: Mapping[str, Mapping[Kind, float]]
    outages: Mapping[str, float] = field(default_factory=dict)
    outage_seconds: float = 10.0
    slow_seconds: float = 6.0
    guaranteed_within: int = 0
    clock: Callable[[], float] = time.monotonic
    began: Counter[str] = field(default_factory=Counter)
    """Outages begun, by operation."""
    _calls: Counter[str] = field(default_factory=Counter)
    _until: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def next(self, operation: str, entries: int) -> Fault | None:
        """Draw this call's fault."""
        with self._lock:
            call = self._calls[operation]
            self._calls[operation] += 1
            dice = random.Random(f"{self.seed} {operation} {call}")  # noqa: S311 - a schedule, not a secret
            guaranteed = self._guaranteed(operation).get(call)
            if guaranteed is None and self.clock() < self._until.get(operation, 0.0):
                return Fault(Kind.RESET_BEFORE)
            drawn = guaranteed or self._draw(operation, dice)
            if drawn == _OUTAGE:
                self._until[operation] = self.clock() + self.outage_seconds
                self.began[operation] += 1
                return Fault(Kind.RESET_BEFORE)
        return None if drawn is None else self._fault(Kind(drawn), dice, entries)

    def _guaranteed(self, operation: str) -> dict[int, str]:
        """Return the calls with a guaranteed fault: call -> kind."""
        kinds = [kind.value for kind, rate in self.rates.get(operation, {}).items() if rate]
        kinds += [_OUTAGE] if self.outages.get(operation) else []
        dice = random.Random(f"{self.seed} {operation}")  # noqa: S311 - as above
        if self.guaranteed_within < len(kinds):
            return {}
        return dict(zip(dice.sample(range(self.guaranteed_within), len(kinds)), kinds, strict=True))

    def _draw(self, operation: str, dice: random.Random) -> str | None:
        rates = {kind.value: rate for kind, rate in self.rates.get(operation, {}).items()}
        rates[_OUTAGE] = self.outages.get(operation, 0.0)
        left = dice.random()
        for kind, rate in rates.items():
            if left < rate:
                return kind
            left -= rate
        return None

    def _fault(self, kind: Kind, dice: random.Random, entries: int) -> Fault:
        if kind is Kind.PARTIAL:
            count = dice.randint(1, max(1, entries if dice.random() < 0.5 else entries // 20))
            return Fault(kind, frozenset(dice.sample(range(entries), min(count, entries))))
        return Fault(kind, seconds=self.slow_seconds * dice.uniform(0.5, 1.5))


_OUTAGE = "outage"
