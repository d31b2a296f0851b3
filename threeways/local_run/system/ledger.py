"""The ledger of a system's run: its figures, and whether it is a good one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from threeways.local_run.ledger import percentile
from threeways.local_run.system.account import PLACES, Account, faults
from threeways.local_run.system.quality import Quality


class Seconds(msgspec.Struct, frozen=True):
    """Durations in seconds; None where there were none."""

    p50: float | None = None
    p99: float | None = None
    worst: float | None = None


class SystemLedger(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a run: sent = decided + quarantined + abandoned + pending + lost.

    sent: events of subjects, acknowledged by the stream. decided: those whose decision lies on the decisions
    stream. quarantined, abandoned: by the join. pending: undecided, still on the stream or in the table.
    decisions_max: decisions of one subject and revision at most. revisions: decisions that supersede another.
    late_verdicts: those that came after the first decision. effects: messages by kind, each once;
    duplicates: those that repeat an id. deadline_s: seconds past the deadline at which the `expired` ones
    were decided, which it brought. decision_s: from the event to its decision, of all; told_s: from there
    to its message. late: decided later than allowed by the clock; slower: how many times slower this machine
    ran a process meanwhile, at most, None where none was late. Those of which that is not the reason are a
    fault. outcomes: of the decided, by the last decision whose message came; revisions and expired
    are of the same. quality: by category. faults: broken rules by name, and how often. given_up: of the
    events that were not broken on purpose those in quarantine or abandoned.
    """

    sent: int
    decided: int
    quarantined: int
    abandoned: int
    pending: int
    lost: int
    broken: int
    given_up: int
    decisions_max: int
    revisions: int
    late_verdicts: int
    expired: int
    effects: dict[str, int]
    duplicates: int
    outcomes: dict[str, int]
    deadline: float
    deadline_s: Seconds
    decision_s: Seconds
    told_s: Seconds
    late: int = 0
    slower: float | None = None
    quality: dict[str, Quality]
    faults: dict[str, int] = {}
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether a run that came to its end broke a rule, lost an event or left one pending.

        An interrupted run is not judged: what it broke or lost is told beside its ledger.
        """
        return not (self.interrupted or self.sound)

    @property
    def sound(self) -> bool:
        """Whether everything that was sent is decided, or in quarantine, as it should be."""
        return not (self.faults or self.lost or self.pending)

    @property
    def share_given_up(self) -> float:
        """The share of the events, broken ones left out, that were given up."""
        return self.given_up / max(1, self.sent - self.broken)

    def figures(self, subject: str) -> dict[str, Any]:
        """Return it as JSON values, by a system's word for its subjects."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return {
            f"{subject}s": told.pop("sent"),
            **{place: told.pop(place) for place in PLACES},
            f"decisions_per_{subject}_max": told.pop("decisions_max"),
            **told,
        }


def ledger_of(
    account: Account,
    quality: Mapping[str, Quality],
    *,
    interrupted: bool = False,
    seconds: float = 0.0,
) -> SystemLedger:
    """Return the account in figures."""
    places = account.whereabouts
    effects, duplicates = account.effects()
    given_up = [*places["quarantined"], *places["abandoned"]]
    outcomes = Counter(one[-1].outcome for one in account.decided.values() if one)
    of_key = {account.keys[event_id]: one for event_id, one in account.decided.items() if one}
    several = [len(one) for revisions in account.decisions.values() for one in revisions.values()]
    return SystemLedger(
        sent=len(account.sent),
        **{place: len(ids) for place, ids in places.items()},
        broken=sum(one.index is None for one in account.sent.values()),
        given_up=sum(account.sent[one].index is not None for one in given_up),
        decisions_max=max(several, default=0),
        revisions=sum(len(one) - 1 for one in of_key.values()),
        late_verdicts=account.late_verdicts(),
        expired=sum(one[0].expired for one in of_key.values()),
        effects=effects,
        duplicates=duplicates,
        outcomes=dict(sorted(outcomes.items())),
        deadline=account.deadline,
        deadline_s=_seconds(account.seconds_past_deadline()),
        decision_s=_seconds(account.seconds_to_decision()),
        told_s=_seconds(account.seconds_to_told()),
        late=len(account.late),
        slower=round(max(account.late.values()), 2) if account.late else None,
        quality=dict(quality),
        faults={name: len(keys) for name, keys in faults(account).items()},
        interrupted=interrupted,
        seconds=round(seconds, 3),
    )


def _seconds(values: Sequence[float]) -> Seconds:
    if not values:
        return Seconds()
    p50, p99 = (percentile(values, one) or 0.0 for one in (50, 99))
    return Seconds(round(p50, 3), round(p99, 3), round(max(values), 3))
