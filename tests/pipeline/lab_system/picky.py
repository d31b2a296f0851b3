"""The same join, whose `decide` raises for the rides whose number ends with 3."""

from __future__ import annotations

from dataclasses import replace

from lab_system import both
from threeways.join.join import Decision, Verdicts


def decide(verdicts: Verdicts, expected: frozenset[str], expired: bool) -> Decision | None:
    """Raise for certain values, which no proof at the start can find."""
    if any(str(one.prediction.ride_id).endswith("3") for one in verdicts.values()):
        raise ValueError("three is not supported")
    return both.decide(verdicts, expected, expired)


join = replace(both.join, name="picky", decide=decide)
