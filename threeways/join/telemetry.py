"""Report a join's invocations: CloudWatch metrics in the embedded metric format, and a log line."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from threeways.aws.calls import Context
from threeways.join.join import Decided
from threeways.join.state import Step
from threeways.stream.telemetry import NAMESPACE, logger_of, print_quarantined

COUNTS = (
    "Events", "Keys", "Decided", "Expired", "Revisions", "Late", "Unmatched", "Quarantined", "Unfinished",
    "TimersFailed", "Failed", "ClockAhead", "Published", "Overdue",
)  # fmt: skip
"""The metrics that are counts."""
AGES = ("DecisionLatency", "PastDeadline", "OverdueAge", "OutboxAge")
"""The metrics that are milliseconds, the longest of an invocation."""


@dataclass
class Tally:
    """One invocation's figures.

    counts: by the names of COUNTS. Decided: first decisions; Expired: those of them that were made after the
    deadline; Revisions: later ones. Late: verdicts that came after a decision. Unmatched: keys without a
    subject at their deadline. Failed: keys whose `decide` or `effects` raised. ClockAhead: records from more
    than a minute in the future. Overdue: keys that a sweep leaves undecided past their deadline.
    ages: in seconds. DecisionLatency: from a key's first event to its decision; PastDeadline: from the
    deadline to a decision that it made; OverdueAge: since the deadline of the oldest undecided key of a
    sweep; OutboxAge: of the oldest decision whose effects wait.
    """

    counts: Counter[str] = field(default_factory=Counter)
    ages: dict[str, float] = field(default_factory=dict)
    quarantined: Counter[str] = field(default_factory=Counter)

    def age(self, name: str, seconds: float) -> None:
        """Note an age; the longest is kept."""
        self.ages[name] = max(seconds, self.ages.get(name, 0.0))

    def made(self, steps: Iterable[Step]) -> None:
        """Count what was committed."""
        for step in steps:
            if not isinstance(step, Decided):
                self.counts["Unmatched"] += 1
            elif step.revision > 1:
                self.counts["Revisions"] += 1
            else:
                self.counts["Decided"] += 1
                self.age("DecisionLatency", step.decided_at - step.opened_at)
                if step.expired:
                    self.counts["Expired"] += 1
                    self.age("PastDeadline", step.decided_at - step.due)


class Telemetry(Protocol):
    """Where the handlers report."""

    def report(self, handler: str, tally: Tally, context: Context | None) -> None:
        """Report an invocation; called once for each, before the answer is returned."""


class PowertoolsTelemetry:
    """Reports through AWS Lambda Powertools. service: the metrics' dimension of that name.

    A count of 0 is reported where `always` names it, so that an alarm on it has data.
    """

    def __init__(self, join: str, service: str | None = None, always: Iterable[str] = ()) -> None:
        self._service = service or join
        self._always = frozenset(always)
        self._logger = logger_of(join=join)

    def report(self, handler: str, tally: Tally, context: Context | None) -> None:
        """Print the metrics, then one log line."""
        from aws_lambda_powertools.metrics import EphemeralMetrics

        function = str(getattr(context, "function_name", "unknown"))
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        metrics.add_dimension("function_name", function)
        for name in COUNTS:
            if tally.counts[name] or name in self._always:
                metrics.add_metric(name=name, unit="Count", value=tally.counts[name])
        for name in AGES:
            if name in tally.ages or name in self._always:
                metrics.add_metric(
                    name=name, unit="Milliseconds", value=round(tally.ages.get(name, 0) * 1000)
                )
        metrics.add_metadata("RequestId", context.aws_request_id if context else None)
        if metrics.metric_set:
            metrics.flush_metrics()
        print_quarantined(tally.quarantined, self._service, function)
        self._logger.info(
            handler,
            extra={
                "counts": {name: count for name, count in sorted(tally.counts.items()) if count},
                "ages_s": {name: round(age, 3) for name, age in sorted(tally.ages.items())},
                "quarantined": dict(tally.quarantined),
                "request_id": context.aws_request_id if context else None,
            },
        )


class NoTelemetry:
    """Reports nothing: for scripts and tests."""

    def report(self, handler: str, tally: Tally, context: Context | None) -> None:
        """Do nothing."""


def reported(telemetry: Telemetry, handler: str, tally: Tally, context: Context | None) -> None:
    """Report; a telemetry failure is logged and never causes redelivery."""
    try:
        telemetry.report(handler, tally, context)
    except Exception:
        logging.getLogger(__name__).exception("the invocation's metrics are lost")
