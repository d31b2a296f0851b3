"""Report each invocation as one structured log line and one set of CloudWatch metrics.

Metrics are written to standard output in the embedded metric format, which CloudWatch extracts from the log:
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from threeways.aws.calls import Context

NAMESPACE = "Threeways"


@dataclass
class Invocation:
    """One invocation's figures.

    events: records in the batch, a KPL-aggregated one counted by its user records.
    predictions: scored and acknowledged (or `TEST_RUN`).
    quarantined: acknowledged by the quarantine, by error code. unfinished: reported to AWS to be sent again.
    retries: attempts at `PutRecords` entries and quarantine objects beyond their first.
    oldest_age: the oldest record's age in seconds when the invocation began. scattered: user keys of
    aggregated records that came under several partition keys, where the mapping may have several lanes.
    messages: acknowledged ones, None where each prediction is one. without_messages: events that have none.
    counts_failed: records of counts that could not be put.
    """

    events: int = 0
    predictions: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    retries: int = 0
    oldest_age: float = 0.0
    scattered: int = 0
    messages: int | None = None
    without_messages: int = 0
    counts_failed: int = 0


class Telemetry(Protocol):
    """Where the handler reports its invocations."""

    def report(self, invocation: Invocation, context: Context | None) -> None:
        """Report an invocation; called once for each, before the answer is returned."""

    def serves(self, version: str | None, runtime: str) -> None:
        """Take note of another model, which serves from the next invocation on."""


class PowertoolsTelemetry:
    """Reports through AWS Lambda Powertools.

    runtime: what serves the model, `onnx` or `sklearn`. service: the metrics' dimension of that name; None:
    the task. A deployed function's is its stack: alarms name that, whatever the task calls itself.
    docs.aws.amazon.com/powertools/python/latest/core/logger/ and …/core/metrics/
    """

    def __init__(
        self, task: str, model_version: str | None, runtime: str = "unknown", service: str | None = None
    ) -> None:
        self._service = service or task
        self._model_version = model_version or "unknown"
        self._runtime = runtime
        self._cold = True
        self._logger = logger_of(task=task, model_version=self._model_version, runtime=runtime)

    def serves(self, version: str | None, runtime: str) -> None:
        """Name another model from now on."""
        self._model_version, self._runtime = version or "unknown", runtime
        self._logger.append_keys(model_version=self._model_version, runtime=runtime)

    def report(self, invocation: Invocation, context: Context | None) -> None:
        """Print the metrics, then one log line."""
        from aws_lambda_powertools.metrics import EphemeralMetrics

        cold, self._cold = self._cold, False
        request_id = context.aws_request_id if context else None
        # Two stacks of an account may serve the same task: their metrics must stay separate.
        function = str(getattr(context, "function_name", "unknown"))
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        metrics.add_dimension("function_name", function)
        for name, unit, value in (
            ("Events", "Count", invocation.events),
            ("Predictions", "Count", invocation.predictions),
            ("Quarantined", "Count", invocation.quarantined.total()),
            ("Unfinished", "Count", invocation.unfinished),
            ("Retries", "Count", invocation.retries),
            ("ColdStart", "Count", int(cold)),
            ("OldestRecordAge", "Milliseconds", round(invocation.oldest_age * 1000)),
        ):
            metrics.add_metric(name=name, unit=unit, value=value)
        if invocation.scattered:
            metrics.add_metric(name="KeysAcrossLanes", unit="Count", value=invocation.scattered)
        if invocation.counts_failed:
            metrics.add_metric(name="CountsFailed", unit="Count", value=invocation.counts_failed)
        more = {}
        if invocation.messages is not None:
            metrics.add_metric(name="Messages", unit="Count", value=invocation.messages)
            metrics.add_metric(name="WithoutMessages", unit="Count", value=invocation.without_messages)
            more = {"messages": invocation.messages, "without_messages": invocation.without_messages}
        metrics.add_metadata("ModelVersion", self._model_version)
        metrics.add_metadata("Runtime", self._runtime)
        metrics.add_metadata("RequestId", request_id)
        metrics.flush_metrics()
        print_quarantined(invocation.quarantined, self._service, function)
        self._logger.info(
            "batch",
            extra={
                "events": invocation.events,
                "predictions": invocation.predictions,
                "quarantined": dict(invocation.quarantined),
                "unfinished": invocation.unfinished,
                "retries": invocation.retries,
                "oldest_age_s": round(invocation.oldest_age, 3),
                "keys_across_lanes": invocation.scattered,
                **more,
                "cold_start": cold,
                "request_id": request_id,
            },
        )


def logger_of(**keys: str) -> Any:
    """Return Powertools' logger of this package; each of its lines has these keys."""
    from aws_lambda_powertools import Logger

    logger = Logger(service="threeways", utc=True, use_rfc3339=True)
    logger.append_keys(**keys)
    logging.getLogger("threeways").propagate = False  # Lambda's root handler would print it again
    return logger


def print_quarantined(counts: Mapping[str, int], service: str, function: str) -> None:
    """Print the metric of quarantined records by error code. service, function: its other dimensions."""
    from aws_lambda_powertools.metrics import EphemeralMetrics

    for code, count in sorted(counts.items()):
        by_reason = EphemeralMetrics(namespace=NAMESPACE, service=service)
        by_reason.add_dimension("function_name", function)
        by_reason.add_dimension("reason", code)
        by_reason.add_metric(name="QuarantinedByReason", unit="Count", value=count)
        by_reason.flush_metrics()


class NoTelemetry:
    """Reports nothing: for scripts and tests."""

    def report(self, invocation: Invocation, context: Context | None) -> None:
        """Do nothing."""

    def serves(self, version: str | None, runtime: str) -> None:
        """Do nothing."""
