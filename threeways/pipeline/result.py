"""What a run comes to: its ledger, and the few predictions worth showing."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.pipeline.ledger import PLACES, Account, Ledger, percentile, rmse
from threeways.pipeline.rides import Rides
from threeways.pipeline.stage import ReadBack


@dataclass(frozen=True)
class Result:
    """All that was read back of a run."""

    rides: Rides
    account: Account
    back: ReadBack
    batches: int
    cold_start: float
    version: str | None

    def pairs(self) -> list[tuple[int, float, float]]:
        """(ride, minutes predicted, minutes true) for each predicted ride that training would keep."""
        pairs = []
        for event_id, received in self.account.predictions.items():
            sent = self.account.sent.get(event_id)
            if sent is not None and sent.index is not None and self.rides.kept[sent.index]:
                pairs.append((sent.index, received.value, float(self.rides.minutes[sent.index])))
        return pairs


def ledger_of(result: Result) -> Ledger:
    """The account in numbers."""
    account = result.account
    counts = {place: len(ids) for place, ids in account.whereabouts().items()}
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
    )
