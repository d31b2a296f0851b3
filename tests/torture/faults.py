"""The faults that can strike, where, and a schedule of them that can be printed and replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

type Fault = str
"""A text; `Failed` entries of a call are `failed 0,2`, a record that lacks memory is `starved 1`."""
FAILED = "failed "
STARVED = "starved "


class Strikes(StrEnum):
    """Where a fault can strike. Each kind of point is counted by itself, from 0, for the whole run.

    The quarantine is put from a thread beside the delivery: the order of the two services' calls is not
    determined, the order of each one's own is.
    """

    START = "start"  # of an invocation
    PREDICT = "predict"
    PUT_RECORDS = "PutRecords"
    PUT_OBJECT = "PutObject"  # in quarantine
    END = "end"  # of an invocation: its answer
    DESTINATION = "destination"  # PutObject there, by the mapping


CALLS = frozenset({Strikes.PUT_RECORDS, Strikes.PUT_OBJECT})
"""The function's own."""

THROTTLED = "throttled"
HTTP_500 = "HTTP 500"
RESET_BEFORE, RESET_AFTER = "reset before", "reset after"
SLOW, SLOW_STORED, SLOW_LATE = "slow, not stored", "slow, stored", "slow, stored late"
KILLED_BEFORE, KILLED_AFTER = "killed before", "killed after"
CLOCK = "stored, then the time is up"
DENIED = "denied"
"""Asking again cannot help within the invocation; Hypothesis alone uses it."""
CANNOT_START = "the model's bucket is unreachable"
TIMED_OUT = "timed out after all was done"

STORES = frozenset({"", RESET_AFTER, SLOW_STORED, KILLED_AFTER, CLOCK})
"""The call's data are stored, whatever its caller hears of it; "" is no fault."""
ANSWERED_LATE = frozenset({SLOW, SLOW_STORED, SLOW_LATE})
CALL = (
    THROTTLED, HTTP_500, RESET_BEFORE, RESET_AFTER, SLOW, SLOW_STORED, SLOW_LATE,
    KILLED_BEFORE, KILLED_AFTER, CLOCK,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One place in a run where a fault can strike. size: entries of the call, or rows of the prediction."""

    where: Strikes
    number: int
    size: int = 1


def faults_at(point: Point) -> tuple[Fault, ...]:
    """Every fault that can strike at a point."""
    match point.where:
        case Strikes.START:
            return (THROTTLED, CANNOT_START)
        case Strikes.END:
            return (KILLED_AFTER, TIMED_OUT)
        case Strikes.PREDICT:
            return tuple(f"{STARVED}{row}" for row in range(point.size))
        case Strikes.PUT_OBJECT:
            return CALL
        case Strikes.DESTINATION:
            return (THROTTLED, HTTP_500, RESET_BEFORE, RESET_AFTER)
        case Strikes.PUT_RECORDS:
            return CALL + tuple(_subsets(point.size))


def _subsets(size: int) -> Iterator[Fault]:
    """Every non-empty subset of a call's entries, failed; all of them included."""
    for count in range(1, size + 1):
        for entries in combinations(range(size), count):
            yield FAILED + ",".join(map(str, entries))


def positions(fault: Fault, kind: str) -> frozenset[int]:
    """The entries or rows that a `failed` or `starved` fault strikes."""
    if not fault.startswith(kind):
        return frozenset()
    return frozenset(int(text) for text in fault.removeprefix(kind).split(","))


@dataclass(frozen=True)
class Schedule:
    """One run: the batch, as `inputs` writes it, and the faults by place and number.

    quarantine_first: which of the two that run beside each other goes first. All that matters of their order
    is what was stored when the invocation is killed or its time is up, and the two orders have all of that.
    Its text can be given to `world.replay`.
    """

    batch: str
    faults: Mapping[tuple[Strikes, int], Fault] = field(default_factory=dict)
    quarantine_first: bool = True

    def __str__(self) -> str:
        first = "quarantine" if self.quarantine_first else "delivery"
        struck = [f"{where} {number}: {fault}" for (where, number), fault in self.faults.items()]
        return "; ".join([f"{self.batch} | {first} first", *struck])

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """The schedule of such a text."""
        head, *struck = text.split("; ")
        batch, _, first = head.partition(" | ")
        faults = {}
        for item in struck:
            point, _, fault = item.partition(": ")
            where, number = point.split(" ")
            faults[Strikes(where), int(number)] = fault
        return cls(batch, faults, first == "quarantine first")
