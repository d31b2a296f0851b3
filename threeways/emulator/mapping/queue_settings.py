"""The settings of a mapping from an SQS queue, from a template's SQS event.

docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html and
docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-sqs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from threeways.emulator.mapping.settings import REPORT
from threeways.errors import LocalError

POLLERS = 5
"""Batches at once, to begin with: docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html."""
_MOST_WITHOUT_WINDOW = 10


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The settings of a mapping from a queue.

    batch_size: messages. window: seconds that a batch may wait for more. concurrency: invocations at once.
    """

    batch_size: int = 10
    window: float = 0
    enabled: bool = True
    report_batch_item_failures: bool = False
    concurrency: int = POLLERS


class _Scaling(msgspec.Struct, forbid_unknown_fields=True):
    MaximumConcurrency: Annotated[int, Meta(ge=2, le=1000)] | None = None


class _Metrics(msgspec.Struct, forbid_unknown_fields=True):
    Metrics: list[Literal["EventCount"]] = []


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """The supported properties, with AWS's names and ranges, resolved."""

    Queue: str
    BatchSize: Annotated[int, Meta(ge=1, le=10_000)] = 10
    MaximumBatchingWindowInSeconds: Annotated[int, Meta(ge=0, le=300)] = 0
    Enabled: bool = True
    FunctionResponseTypes: list[Literal["ReportBatchItemFailures"]] = []
    ScalingConfig: _Scaling = msgspec.field(default_factory=_Scaling)
    MetricsConfig: _Metrics = msgspec.field(default_factory=_Metrics)


def from_sqs_event(properties: Mapping[str, Any]) -> QueueSettings:
    """Return the settings of an SQS event whose intrinsic functions are resolved.

    Raises LocalError, naming the property, for anything that AWS would refuse or that is not supported here.
    """
    try:
        event = msgspec.convert(dict(properties), _Event, strict=False)
    except msgspec.ValidationError as error:
        raise LocalError(f"the SQS event's settings: {_explained(str(error))}") from None
    if event.Queue.endswith(".fifo"):
        raise LocalError(
            f"the queue {event.Queue} is FIFO, which is not supported here: take a standard queue, or test"
            " what needs its order on AWS"
        )
    if event.BatchSize > _MOST_WITHOUT_WINDOW and not event.MaximumBatchingWindowInSeconds:
        raise LocalError(
            f"a queue's BatchSize over {_MOST_WITHOUT_WINDOW} needs MaximumBatchingWindowInSeconds of 1 or"
            " more, without which AWS refuses it: give both"
        )
    return QueueSettings(
        batch_size=event.BatchSize,
        window=event.MaximumBatchingWindowInSeconds,
        enabled=event.Enabled,
        report_batch_item_failures=REPORT in event.FunctionResponseTypes,
        concurrency=min(event.ScalingConfig.MaximumConcurrency or POLLERS, POLLERS),
    )


def _explained(message: str) -> str:
    if "unknown field" in message:
        return f"{message}: that property is not supported here; take it out of the template's SQS event"
    return f"{message}; see AWS's page on the parameters of SQS event source mappings for its range"
