"""What a run comes to: its ledger, and the few predictions worth showing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from threeways.local_run.judging import Judgement, judge
from threeways.local_run.ledger import WITHOUT_MESSAGES, Account, Ledger, percentile
from threeways.local_run.stack import ReadBack
from threeways.scoring.calibration import Coverage, measured
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
    followed: tuple[int, int] | None = None
    """The models that took over and those that were refused, where the function follows a pointer."""

    def predicted(self) -> list[tuple[int, Any]]:
        """Return (position, prediction) for each predicted event that training would keep."""
        found = []
        for event_id, received in self.account.predictions.items():
            sent = self.account.sent.get(event_id)
            if sent is not None and sent.index is not None and self.events.counted[sent.index]:
                found.append((sent.index, received.value))
        return found

    @cached_property
    def pairs(self) -> list[tuple[int, Any, Any]]:
        """Return (position, prediction, truth) for those of them whose truth is known.

        None are of a task with messages of its own: what those say is no prediction.
        """
        if self.task.messages is not None:
            return []
        truth = self.events.truth.tolist()
        known = ((index, value, truth[index]) for index, value in self.predicted())
        return [one for one in known if one[2] is not None and one[2] == one[2]]  # NaN is unknown, too

    @cached_property
    def intervals(self) -> Mapping[int, Sequence[float]]:
        """Return position -> the interval of its prediction, of the events that have one."""
        found: dict[int, Sequence[float]] = {}
        for event_id, one in self.account.predictions.items():
            sent = self.account.sent.get(event_id)
            if one.interval is not None and sent is not None and sent.index is not None:
                found[sent.index] = one.interval
        return found

    @cached_property
    def coverage(self) -> Coverage | None:
        """Return how many of the intervals hold what was true; None where no event that is judged has one."""
        judged = [(*self.intervals[index], true) for index, _, true in self.pairs if index in self.intervals]
        if not judged:
            return None
        low, high, actual = np.array(judged, dtype=np.float64).T
        return measured(low, high, actual)

    @cached_property
    def judgement(self) -> Judgement:
        """Return how good the predictions are whose truth is known."""
        return judge([(value, true) for _, value, true in self.pairs])


def ledger_of(result: Result) -> Ledger:
    """Return the account in numbers."""
    account = result.account
    places = account.whereabouts()
    counts = {place: len(ids) for place, ids in places.items()}
    given_up = [*places["quarantined"], *places["abandoned"]]
    latencies = account.latencies()
    seconds, rides_per_s = account.throughput()
    error = result.judgement.error
    return Ledger(
        sent=len(account.sent),
        predicted=counts["predicted"],
        quarantined=counts["quarantined"],
        abandoned=counts["abandoned"],
        pending=counts["pending"],
        lost=counts["lost"],
        without_messages=counts.get(WITHOUT_MESSAGES, 0),
        messages=account.messages,
        duplicates=account.duplicates,
        batches=result.batches,
        cold_start_s=result.cold_start,
        seconds=seconds,
        rides_per_s=rides_per_s,
        latency_p50_s=percentile(latencies, 50),
        latency_p99_s=percentile(latencies, 99),
        model_version=result.version,
        rmse=error.get("rmse"),
        rmse_rides=len(result.pairs) if "rmse" in error else 0,
        task=result.task.name,
        error=error,
        broken=sum(sent.index is None for sent in account.sent.values()),
        rides_given_up=sum(account.sent[event_id].index is not None for event_id in given_up),
        interrupted=result.interrupted,
        coverage=result.coverage.share if result.coverage else None,
        mean_width=result.coverage.width if result.coverage else None,
        **_followed(result),
    )


def _followed(result: Result) -> dict[str, Any]:
    if result.followed is None:
        return {}
    versions = Counter(str(one.version) for one in result.account.predictions.values())
    return {"versions": dict(versions), "swaps": result.followed[0], "refused": result.followed[1]}
