"""CloudWatch metrics of a function that follows a pointer, beside those of its invocations."""

from __future__ import annotations

import logging

from threeways.lifecycle.events import FollowEvent, log

NAMESPACE = "Threeways"
METRICS = {"swapped": "ModelSwaps", "refused": "ModelsRefused", "unreadable": "PointerUnreadable"}
"""An event's kind -> the metric that counts it."""

logger = logging.getLogger(__name__)


class Metrics:
    """Logs and counts events, in the embedded metric format. service, function: the metrics' dimensions."""

    def __init__(self, service: str, function: str) -> None:
        self._service, self._function = service, function

    def __call__(self, event: FollowEvent) -> None:
        """Report an event. Raises nothing."""
        log(event)
        try:
            from aws_lambda_powertools.metrics import EphemeralMetrics

            metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
            metrics.add_dimension("function_name", self._function)
            metrics.add_metric(name=METRICS[event.kind], unit="Count", value=1)
            metrics.flush_metrics()
        except Exception:
            logger.exception("a metric is lost")
