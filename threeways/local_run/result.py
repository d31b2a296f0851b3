"""What a run comes to: its ledger, and the few predictions worth showing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from threeways.local_run.ledger import PLACES, Account, Ledger, percentile, rmse
from threeways.local_run.stack import ReadBack
from threeways.scoring.events import Events
from threeways.scoring.task import Task


@dataclass(frozen=True)
class Result:
    """All that was read back of a run. interrupted: it was ended before all was sent."""

    task: Task[Any]
    events: Events
    account: Account
    back: ReadBack
    batches: int
    cold_start: float
    version: str | None
    interrupted: bool = False

    def predicted(self) -> list[tuple[int, float]]:
        """Return (position, prediction) for each predicted event that training would keep."""
        found = []
        for event_id, received in self.account.predictions.items():
            sent = self.account.sent.get(event_id)
            if sent is not None and sent.index is not None and self.events.counted[sent.index]:
                found.append((sent.index, received.value))
        return found

    def pairs(self) -> list[tuple[int, float, float]]:
        """Return (position, prediction, truth) for those of them whose truth is known."""
        truth = self.events.truth
        known = ((index, value, float(truth[index])) for index, value in self.predicted())
        return [one for one in known if math.isfinite(one[2])]


def ledger_of(result: Result) -> Ledger:
    """Return the account in numbers."""
    account = result.account
    places = account.whereabouts()
    counts = {place: len(ids) for place, ids in places.items()}
    given_up = [*places["quarantined"], *places["abandoned"]]
    latencies = account.latencies()
    seconds, rides_per_s = account.throughput()
    pairs = result.pairs()
    return Ledger(
        sent=len(account.sent),
        **{place: counts[place] for place in PLACES},
        duplicates=account.duplicates,
        batches=result.batches,
        cold_start_s=result.cold_start,
        seconds=seconds,
        rides_per_s=rides_per_s,
        latency_p50_s=percentile(latencies, 50),
        latency_p99_s=percentile(latencies, 99),
        model_version=result.version,
        rmse=rmse([(predicted, true) for _, predicted, true in pairs]),
        rmse_rides=len(pairs),
        broken=sum(sent.index is None for sent in account.sent.values()),
        rides_given_up=sum(account.sent[event_id].index is not None for event_id in given_up),
        interrupted=result.interrupted,
    )
