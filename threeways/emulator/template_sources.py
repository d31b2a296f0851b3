"""Read the tables, queues and schedules of a template, and the events that they are.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html and
docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.queue_settings import from_sqs_event
from threeways.emulator.mapping.settings import from_event
from threeways.emulator.resources import QUEUE, TABLE, Resource
from threeways.emulator.schedule import Kind, from_schedule
from threeways.emulator.stack import Trigger
from threeways.emulator.template_mappings import Declared
from threeways.emulator.template_values import Resolver
from threeways.errors import LocalError

_PROPERTIES = {
    TABLE: (
        "KeySchema", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes", "StreamSpecification", "TimeToLiveSpecification",
    ),
    QUEUE: (
        "FifoQueue", "ContentBasedDeduplication", "DelaySeconds", "MaximumMessageSize",
        "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "VisibilityTimeout",
    ),
}  # fmt: skip
"""What matters here; encryption, tags and the like don't."""
_TABLE_STREAM = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/([a-zA-Z0-9_.-]{3,255})/stream/.+"
)
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:([a-zA-Z0-9_-]{1,80}(?:\.fifo)?)")


def resolved(resource: Resource, resolver: Resolver) -> Resource:
    """Return a table or queue with those of its properties that matter here, resolved; others as they are."""
    if resource.kind not in _PROPERTIES:
        return resource
    given = {
        name: resource.properties[name] for name in _PROPERTIES[resource.kind] if name in resource.properties
    }
    return replace(resource, body={"Properties": resolver.resolve(given, resource.logical_id)})


def trigger(declared: Declared, function: FunctionConfig) -> Trigger:
    """Return a function's event of another kind than Kinesis. Raises LocalError with its place."""
    where, given = declared.where, declared.properties
    try:
        if declared.kind == "DynamoDB":
            return Trigger(where, function, _named(given.get("Stream"), _TABLE_STREAM), from_event(given))
        if declared.kind == "SQS":
            return Trigger(where, function, _named(given.get("Queue"), _QUEUE), from_sqs_event(given))
        kind = cast("Kind", declared.kind)
        settings = from_schedule(kind, given, where.replace(".Events.", ""))
    except LocalError as error:
        raise LocalError(f"template: {where}: {error}") from None
    return Trigger(where, function, settings.name, settings)


def _named(arn: Any, form: re.Pattern[str]) -> str:
    found = form.fullmatch(str(arn))
    if found is None:
        what = "a table's stream: `!GetAtt Table.StreamArn`" if form is _TABLE_STREAM else "a queue"
        raise LocalError(f"it reads {arn}, which is not the ARN of {what}")
    return found[1]
