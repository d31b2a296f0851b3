"""Run what invokes a template's function beside a Kinesis stream: a table's stream, a queue, a schedule."""

from __future__ import annotations

import time
from collections.abc import Callable

from threeways.aws import errors
from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import InvocationResult
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.mapping import (
    Clients,
    EventSourceMapping,
    MappingEvent,
    QueueMapping,
    QueueSettings,
    as_kinesis,
)
from threeways.emulator.schedule import ScheduleRule, ScheduleSettings
from threeways.emulator.stack import Trigger
from threeways.errors import LocalError


def mapping_of(
    trigger: Trigger,
    emulator: Endpoint,
    invoke: Callable[[bytes], InvocationResult],
    *,
    on_event: Callable[[MappingEvent], None] | None = None,
    clock: Callable[[], float] = time.time,
    backoff: Callable[[int], float] = MAPPING_BACKOFF.after,
) -> EventSourceMapping | QueueMapping | ScheduleRule:
    """Return what feeds a function from a trigger, not yet started. invoke: the trigger's function's.

    The stack's resources exist. Raises LocalError where they don't, or where a table has no stream.
    """
    settings, function = trigger.settings, trigger.function
    if isinstance(settings, ScheduleSettings):
        return ScheduleRule(invoke, settings, region=emulator.region, on_event=on_event, clock=clock)
    sqs = emulator.client("sqs")
    if isinstance(settings, QueueSettings):
        return QueueMapping(
            sqs,
            queue_url_of(emulator, trigger.source),
            invoke,
            settings,
            function_timeout=function.timeout,
            on_event=on_event,
            backoff=backoff,
        )
    return EventSourceMapping(
        as_kinesis(emulator.client("dynamodbstreams")),
        stream_of(emulator, trigger.source),
        invoke,
        settings,
        clients=Clients(emulator.client("s3"), sqs, emulator.client("sns")),
        function_arn=function.arn,
        on_event=on_event,
        clock=clock,
        backoff=backoff,
    )


def stream_of(emulator: Endpoint, table: str) -> str:
    """Return the ARN of a table's stream. Raises LocalError where there is no such table, or it has none."""
    with errors.named(lambda error: LocalError(f"the table {table} cannot be read: {error}")):
        arn = emulator.client("dynamodb").describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if arn is None:
        raise LocalError(f"the table {table} has no stream: give it a StreamSpecification")
    return str(arn)


def queue_url_of(emulator: Endpoint, name: str) -> str:
    """Return the URL of a queue. Raises LocalError where there is no such queue."""
    with errors.named(lambda error: LocalError(f"the queue {name} cannot be read: {error}")):
        return str(emulator.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
