"""What is to go wrong in a system's run, and how often: FAULTS of `make torture SYSTEM=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from threeways.chaos.relay import Disturbance
from threeways.emulator.faults import Kind, Rates
from threeways.errors import UsageError

SLOW_SECONDS = 4.0
SPREAD = 2.0
GUARANTEED_WITHIN = 60
"""Each kind strikes once within so many calls of its operation, so that a short run meets them all."""
_FAULTS = {
    "consumer": (0.02, "a call: a consumer is SIGKILLed in a PutRecords, or that is throttled or reset"),
    "silent": (0.3, "the share of the run for which one consumer says nothing, to its end: deadlines decide"),
    "duplicate": (0.05, "a verdict: it comes twice"),
    "reorder": (0.2, "a verdict: it comes up to two seconds later than others"),
    "late": (0.02, "a verdict: it comes after the deadline"),
    "table": (0.01, "a call: the table throttles, fails, resets the connection, or answers too slowly"),
    "joiner": (0.001, "a call: who writes to the table is SIGKILLed, half of the time after it was stored"),
    "publisher": (0.02, "a call: who puts decisions is SIGKILLed, half of the time after they were stored"),
    "timer": (0.05, "a call: the queue refuses timers"),
    "queue": (
        0.1,
        "the share of the run for which the queue is down, and what it held is lost: sweeps decide",
    ),
    "reshard": (6, "how often a stream is split or merged"),
}
DEFAULTS: Mapping[str, float] = MappingProxyType({name: chance for name, (chance, _) in _FAULTS.items()})


@dataclass(frozen=True)
class SystemPlan:
    """Chances, shares and counts by name, as in DEFAULTS."""

    chances: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.chances[name]

    def __str__(self) -> str:
        changed = [f"{name}={chance:g}" for name, chance in self.chances.items() if chance]
        return ",".join(changed if len(changed) == len(DEFAULTS) else ["none", *changed])

    def of_consumer(self, seed: int) -> Rates:
        """Make the schedule of a consumer's calls."""
        chance = self["consumer"] / 5
        kinds = (Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.THROTTLED, Kind.PARTIAL, Kind.RESET_AFTER)
        return _rates(seed, {"PutRecords": dict.fromkeys(kinds, chance)})

    def of_join(self, seed: int) -> Rates:
        """Make the schedule of the calls of one of the join's functions."""
        table = dict.fromkeys((Kind.THROTTLED, Kind.ERROR), self["table"] / 3)
        connection = dict.fromkeys(
            (Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.SLOW_BEFORE, Kind.SLOW_AFTER), self["table"] / 12
        )
        killed = dict.fromkeys((Kind.KILL_BEFORE, Kind.KILL_AFTER), self["joiner"] / 2)
        put = dict.fromkeys(
            (Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.THROTTLED, Kind.PARTIAL), self["publisher"] / 4
        )
        return _rates(
            seed,
            {
                "UpdateItem": table | connection | killed,
                "GetItem": table,
                "Query": table,
                "PutRecords": put,
                "SendMessageBatch": dict.fromkeys((Kind.ERROR, Kind.RESET_AFTER), self["timer"] / 2),
            },
        )

    def of_verdicts(self, deadline: float) -> Disturbance:
        """Return what befalls verdicts on their way."""
        return Disturbance(self["duplicate"], self["reorder"], self["late"], SPREAD, deadline + 1)


def _rates(seed: int, rates: Mapping[str, Mapping[Kind, float]]) -> Rates:
    return Rates(seed=seed, rates=rates, slow_seconds=SLOW_SECONDS, guaranteed_within=GUARANTEED_WITHIN)


def parse(text: str | None) -> SystemPlan:
    """`name=number,…` over the defaults; `none` before them sets the others to 0. Raises UsageError."""
    chances = dict(DEFAULTS)
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        if part == "none":
            chances = dict.fromkeys(DEFAULTS, 0.0)
            continue
        name, _, number = part.partition("=")
        if name not in DEFAULTS:
            raise UsageError(f"FAULTS: {part!r} is no fault. {usage()}")
        most = 100 if name == "reshard" else 1
        try:
            chances[name] = float(number)
        except ValueError:
            chances[name] = -1.0
        if not 0 <= chances[name] <= most:
            raise UsageError(f"FAULTS: {part!r} has no number from 0 to {most}. {usage()}")
    return SystemPlan(chances)


def usage() -> str:
    """Return how FAULTS is written, with every fault, its default and its meaning."""
    known = "\n".join(f"  {name}={chance:g}  {meaning}" for name, (chance, meaning) in _FAULTS.items())
    return (
        "Write FAULTS=name=number,name=number, with none before them to have those alone,"
        f" FAULTS=none,late=0.05. These there are, with their defaults:\n{known}"
    )
