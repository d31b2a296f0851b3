"""The join: a ride is `known` once both consumers have told their number, else `partly` known."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from threeways.join.join import Decided, Decision, Effect, Join, Verdicts
from threeways.scoring.decoding import Id


class Ride(msgspec.Struct, frozen=True):
    """What is decided about."""

    ride_id: Id


class Predicted(msgspec.Struct, frozen=True):
    """A verdict: that there is one is enough."""

    ride_id: Id


def decide(verdicts: Verdicts, expected: frozenset[str], expired: bool) -> Decision | None:
    """Wait for both."""
    if expected <= verdicts.keys():
        return Decision("known")
    return Decision("partly") if expired else None


def effects(ride: Ride, decided: Decided) -> Iterator[Effect]:
    """Tell each decision, and of a ride that is known that it is."""
    yield Effect("told", {"outcome": decided.outcome})
    if decided.outcome == "known":
        yield Effect("known", {})


SOURCES = frozenset({"ride_duration_prediction_model", "ride_tip_prediction_model"})

join = Join(
    name="both", subject=Ride, id="ride_id", example=Ride(1), verdicts=dict.fromkeys(SOURCES, Predicted),
    expected=SOURCES, deadline=8.0, decide=decide, effects=effects,
)  # fmt: skip
