"""Schedule faults: listed call by call, or drawn from a seed."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Protocol


class Kind(StrEnum):
    """A fault's kind; `before` and `after` refer to the service's handling of the request.

    throttled: the whole call is refused: ProvisionedThroughputExceededException, or S3's 503 SlowDown. error:
    the service's internal error, HTTP 500. partial: some entries of a PutRecords fail and are not stored.
    reset: the connection is reset. slow: no answer for `seconds`. kill: the caller is killed.
    """

    THROTTLED = "throttled"
    ERROR = "error"
    PARTIAL = "partial"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    SLOW_BEFORE = "slow_before"
    SLOW_AFTER = "slow_after"
    KILL_BEFORE = "kill_before"
    KILL_AFTER = "kill_after"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. positions: the entries that a partial failure fails. seconds: the delay of a slow call."""

    kind: Kind
    positions: frozenset[int] = frozenset()
    seconds: float = 0.0


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
            rng = random.Random(f"{self.seed} {operation} {call}")  # noqa: S311 - a schedule, not a secret
            guaranteed = self._guaranteed(operation).get(call)
            if guaranteed is None and self.clock() < self._until.get(operation, 0.0):
                return Fault(Kind.RESET_BEFORE)
            drawn = guaranteed or self._draw(operation, rng)
            if drawn == _OUTAGE:
                self._until[operation] = self.clock() + self.outage_seconds
                self.began[operation] += 1
                return Fault(Kind.RESET_BEFORE)
        return None if drawn is None else self._fault(Kind(drawn), rng, entries)

    def _guaranteed(self, operation: str) -> dict[int, str]:
        """Return the calls with a guaranteed fault: call -> kind."""
        kinds = [kind.value for kind, rate in self.rates.get(operation, {}).items() if rate]
        kinds += [_OUTAGE] if self.outages.get(operation) else []
        rng = random.Random(f"{self.seed} {operation}")  # noqa: S311 - as above
        if self.guaranteed_within < len(kinds):
            return {}
        return dict(zip(rng.sample(range(self.guaranteed_within), len(kinds)), kinds, strict=True))

    def _draw(self, operation: str, rng: random.Random) -> str | None:
        rates = {kind.value: rate for kind, rate in self.rates.get(operation, {}).items()}
        rates[_OUTAGE] = self.outages.get(operation, 0.0)
        left = rng.random()
        for kind, rate in rates.items():
            if left < rate:
                return kind
            left -= rate
        return None

    def _fault(self, kind: Kind, rng: random.Random, entries: int) -> Fault:
        if kind is Kind.PARTIAL:
            count = rng.randint(1, max(1, entries if rng.random() < 0.5 else entries // 20))
            return Fault(kind, frozenset(rng.sample(range(entries), min(count, entries))))
        return Fault(kind, seconds=self.slow_seconds * rng.uniform(0.5, 1.5))


_OUTAGE = "outage"
