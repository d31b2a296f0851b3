"""What a run comes to: its ledger, and the few predictions worth showing."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.local_run.ledger import PLACES, Account, Ledger, percentile, rmse
from threeways.local_run.rides import TRUTH, Rides
from threeways.local_run.stack import ReadBack


@dataclass(frozen=True)
class Result:
    """All that was read back of a run. output: what its task predicts. interrupted: before all was sent."""

    rides: Rides
    account: Account
    back: ReadBack
    batches: int
    cold_start: float
    version: str | None
    output: str = TRUTH
    interrupted: bool = False

    def predicted(self) -> list[tuple[int, float]]:
        """(ride, prediction) for each predicted ride that training would keep."""
        found = []
        for event_id, received in self.account.predictions.items():
            sent = self.account.sent.get(event_id)
            if sent is not None and sent.index is not None and self.rides.kept[sent.index]:
                found.append((sent.index, received.value))
        return found

    def pairs(self) -> list[tuple[int, float, float]]:
        """The same with what is true, (ride, prediction, truth); none where the output's truth is unknown."""
        if self.output != TRUTH:
            return []
        return [(index, value, float(self.rides.minutes[index])) for index, value in self.predicted()]


def ledger_of(result: Result) -> Ledger:
    """The account in numbers."""
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
