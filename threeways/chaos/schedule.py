"""What is to go wrong, and how often: FAULTS, as the user writes it, and the schedule that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from threeways.emulator.faults import Kind, Rates
from threeways.errors import UsageError

PROMOTE = "promote"
LEAST_SECONDS, MOST_SECONDS = 0.5, 3600.0
_PROMOTED = "not by default: each so often another model is promoted, which the function follows"
OUTAGE_SECONDS, SLOW_SECONDS = 12.0, 6.0
_FAULTS = {
    "throttled": (0.02, "a whole PutRecords is refused"),
    "partial": (0.08, "some entries of a PutRecords fail and are not stored"),
    "error": (0.01, "a PutRecords gets HTTP 500"),
    "reset": (0.02, "its connection is reset, half of the time after it was stored"),
    "slow": (0.003, "its answer is slower than the client waits, half of the time before it is stored"),
    "kill": (0.003, "the function is SIGKILLed in it, half of the time after it was stored"),
    "outage": (
        0.0005,
        f"the output stream cannot be reached for {OUTAGE_SECONDS:g} s, longer than the function's timeout",
    ),
    "quarantine": (0.03, "a write to quarantine meets one of the faults above"),
    "model": (0.03, "a read of the model at the function's start does"),
}
"""Chances a call: of the function's PutRecords, then of its PutObject, then of its reads of the model."""
DEFAULTS: Mapping[str, float] = MappingProxyType({name: chance for name, (chance, _) in _FAULTS.items()})
GUARANTEED_WITHIN = 40
"""Each kind strikes once within so many calls of its operation, so that a short run meets them all."""
_OF_A_CALL = (Kind.ERROR, Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.THROTTLED)


@dataclass(frozen=True)
class Plan:
    """Chances by name, as in DEFAULTS. consumers: those of one consumer that differ, by its name.

    promote: seconds between two promotions of a model; None: the function follows no pointer.
    """

    chances: Mapping[str, float]
    consumers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    promote: float | None = None

    def of(self, consumer: str) -> Plan:
        """Return the chances of one consumer."""
        return Plan({**self.chances, **self.consumers.get(consumer, {})}, promote=self.promote)

    def schedule(self, seed: int) -> Rates:
        """Make the schedule for a seed."""
        of = self.chances
        put = {
            Kind.THROTTLED: of["throttled"],
            Kind.PARTIAL: of["partial"],
            Kind.ERROR: of["error"],
            **_halves(of["reset"], Kind.RESET_BEFORE, Kind.RESET_AFTER),
            **_halves(of["slow"], Kind.SLOW_BEFORE, Kind.SLOW_AFTER),
            **_halves(of["kill"], Kind.KILL_BEFORE, Kind.KILL_AFTER),
        }
        quarantine = dict.fromkeys((*_OF_A_CALL, Kind.SLOW_AFTER, Kind.KILL_AFTER), of["quarantine"] / 6)
        model = dict.fromkeys(_OF_A_CALL, of["model"] / len(_OF_A_CALL))
        return Rates(
            seed=seed,
            rates={"PutRecords": put, "PutObject": quarantine, "GetObject": model, "ListObjectsV2": model},
            outages={"PutRecords": of["outage"], "PutObject": of["quarantine"] / 50},
            outage_seconds=OUTAGE_SECONDS,
            slow_seconds=SLOW_SECONDS,
            guaranteed_within=GUARANTEED_WITHIN,
        )

    def __str__(self) -> str:
        changed = [f"{name}={chance:g}" for name, chance in self.chances.items() if chance]
        of_all = changed if len(changed) == len(DEFAULTS) else ["none", *changed]
        of_one = [
            f"{consumer}:{name}={chance:g}"
            for consumer, chances in self.consumers.items()
            for name, chance in chances.items()
        ]
        promoted = [] if self.promote is None else [f"{PROMOTE}={self.promote:g}s"]
        return ",".join([*of_all, *of_one, *promoted])


def parse(text: str | None, consumers: Sequence[str] = ()) -> Plan:
    """`name=chance,…` over the defaults; `none` before them sets the others to 0. Raises UsageError.

    consumers: the names of several, of which `consumer:name=chance` means one alone.
    """
    chances = dict(DEFAULTS)
    of_one: dict[str, dict[str, float]] = {}
    promote = None
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        if part == "none":
            chances, of_one, promote = dict.fromkeys(DEFAULTS, 0.0), {}, None
            continue
        if part.partition("=")[0] == PROMOTE:
            promote = _seconds(part)
            continue
        consumer, colon, fault = part.rpartition(":")
        name, _, chance = fault.partition("=")
        if colon and consumer not in consumers:
            known = f"there is {', '.join(consumers)}" if consumers else "there is one, which needs no name"
            raise UsageError(f"FAULTS: {part!r} is of no consumer here: {known}. {usage()}")
        if name not in DEFAULTS:
            raise UsageError(f"FAULTS: {part!r} is no fault. {usage()}")
        (of_one.setdefault(consumer, {}) if colon else chances)[name] = _chance(part, chance)
    plan = Plan(chances, of_one, promote)
    for one in (plan, *map(plan.of, of_one)):
        put = sum(one.chances[name] for name in DEFAULTS if name not in {"quarantine", "model"})
        if put > 1:
            raise UsageError(f"FAULTS: the chances of a PutRecords add up to {put:g}, over 1. {usage()}")
    return plan


def _seconds(part: str) -> float:
    """Return the seconds of `promote=5s`. Raises UsageError."""
    found = re.fullmatch(rf"{PROMOTE}=(\d+(?:\.\d+)?)s", part)
    if found is None or not LEAST_SECONDS <= float(found[1]) <= MOST_SECONDS:
        raise UsageError(
            f"FAULTS: {part!r} says no time between {LEAST_SECONDS:g} and {MOST_SECONDS:g} seconds, such as "
            f"{PROMOTE}=5s. {usage()}"
        )
    return float(found[1])


def _chance(part: str, text: str) -> float:
    try:
        chance = float(text)
    except ValueError:
        chance = -1.0
    if not 0 <= chance <= 1:
        raise UsageError(f"FAULTS: {part!r} has no chance between 0 and 1. {usage()}")
    return chance


def _halves(chance: float, before: Kind, after: Kind) -> dict[Kind, float]:
    return {before: chance / 2, after: chance / 2}


def usage() -> str:
    """Return how FAULTS is written, with every fault, its default and its meaning."""
    known = "\n".join(f"  {name}={chance:g}  {meaning}" for name, (chance, meaning) in _FAULTS.items())
    return (
        "Write FAULTS=name=chance,name=chance (chances a call), with none before them to have those alone,"
        " FAULTS=none,kill=0.05; of several consumers consumer:name=chance is one's alone. These there are, "
        f"with their defaults:\n{known}\n  {PROMOTE}=5s  {_PROMOTED}"
    )
