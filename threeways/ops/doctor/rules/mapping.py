"""Rules on the event source mapping's settings."""

from __future__ import annotations

from threeways.ops.doctor.grants import destination, on_failure
from threeways.ops.doctor.rule import of_consumer
from threeways.ops.doctor.rules.stream import polled
from threeways.ops.doctor.stack import Consumer, Stack

UNLIMITED = -1
PARAMETERS = "lambda/latest/dg/services-kinesis-parameters.html"
DESTINATION = "lambda/latest/dg/kinesis-on-failure-destination.html"


@of_consumer(
    "E9701",
    "StartingPosition LATEST",
    at="StartingPosition",
    page="lambda/latest/dg/services-kinesis-create.html",
    fix="StartingPosition: TRIM_HORIZON, or AT_TIMESTAMP with a StartingPositionTimestamp.",
    what=(
        "Records that arrive while the mapping is made or made anew are never read: polling starts minutes "
        "after the deployment, and LATEST starts where the stream is then."
    ),
)
def starts_at_latest(consumer: Consumer, _: Stack) -> bool:
    """LATEST skips records that arrive while the mapping is being created."""
    return consumer.properties.get("StartingPosition") == "LATEST"


@of_consumer(
    "E9702",
    "Neither retries nor record age have an end",
    at="MaximumRetryAttempts",
    page="lambda/latest/dg/invocation-eventsourcemapping.html",
    fix=(
        "MaximumRecordAgeInSeconds: 21600, say, at most half the stream's retention, or a "
        "MaximumRetryAttempts, with an OnFailure destination."
    ),
    what=(
        "One batch that always fails is tried again until its records expire, a day to a year, and nothing "
        "behind it in its shard is read meanwhile."
    ),
)
def retries_without_end(consumer: Consumer, _: Stack) -> bool:
    """A batch that always fails blocks its shard until its records expire."""
    ends = ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds")
    return all(consumer.number(name, UNLIMITED) == UNLIMITED for name in ends)


@of_consumer(
    "E9708",
    "MaximumRetryAttempts is 0",
    at="MaximumRetryAttempts",
    page=PARAMETERS,
    fix="MaximumRecordAgeInSeconds: 21600, say, as the only end of retries; take MaximumRetryAttempts out.",
    what=(
        "A batch whose first try fails, for whatever passing reason, is given up at once, its good records "
        "too."
    ),
)
def no_second_try(consumer: Consumer, _: Stack) -> bool:
    """A throttle, a deployment or a short network failure loses a batch."""
    return consumer.number("MaximumRetryAttempts", UNLIMITED) == 0


@of_consumer(
    "E9709",
    "The event source mapping names no stream",
    page="lambda/latest/api/API_CreateEventSourceMapping.html",
    fix="the stream's ARN: in SAM's Kinesis event `Stream`, in CloudFormation's mapping `EventSourceArn`.",
    what="It does not say which stream it reads: it cannot be deployed.",
)
def no_stream(consumer: Consumer, _: Stack) -> bool:
    """The mapping reads nothing."""
    return consumer.source is None


@of_consumer(
    "E9703",
    "No destination for records that are given up",
    at="DestinationConfig",
    page=DESTINATION,
    fix=(
        "DestinationConfig: {OnFailure: {Type: S3, Destination: the ARN of an S3 bucket}}, which keeps the "
        "records too. Type is SAM's alone, which makes the permission from it; plain CloudFormation has no "
        "Type there, and the function's role needs s3:PutObject and s3:ListBucket on the bucket."
    ),
    what=(
        "When retries or age run out, or a record is over Lambda's 6 MB, the records are skipped and "
        "nothing says which."
    ),
)
def no_failure_destination(consumer: Consumer, _: Stack) -> bool:
    """Records that are given up are lost without a trace."""
    found = on_failure(consumer)  # Lambda answers {} for none
    return found is not None and not found.get("Destination")


@of_consumer(
    "E9704",
    "No ReportBatchItemFailures",
    at="FunctionResponseTypes",
    page="lambda/latest/dg/services-kinesis-batchfailurereporting.html",
    fix=(
        "FunctionResponseTypes: [ReportBatchItemFailures], and answer "
        '{"batchItemFailures": [{"itemIdentifier": the lowest sequence number that failed}]}.'
    ),
    what="When one record fails, all of its batch is done again, what had succeeded too, each time.",
)
def no_partial_responses(consumer: Consumer, _: Stack) -> bool:
    """One record that fails makes the whole batch come again."""
    types = consumer.properties.get("FunctionResponseTypes", [])
    return isinstance(types, list) and "ReportBatchItemFailures" not in types


@of_consumer(
    "W9705",
    "BisectBatchOnFunctionError is off",
    at="BisectBatchOnFunctionError",
    page=PARAMETERS,
    fix="BisectBatchOnFunctionError: true. Halving uses up no retries.",
    what=(
        "When the function dies over a batch (time, memory, a crash), the same batch comes again; its good "
        "records are given up with the one that did it."
    ),
)
def no_bisecting(consumer: Consumer, _: Stack) -> bool:
    """The other records of a batch are given up with a record that kills the function."""
    return str(consumer.properties.get("BisectBatchOnFunctionError", False)).lower() == "false"


@of_consumer(
    "W9706",
    "The failure destination keeps no records",
    at="DestinationConfig",
    page=DESTINATION,
    fix="an S3 bucket as OnFailure's Destination, or something that fetches the records at once.",
    what=(
        "An SQS queue or SNS topic gets the shard and the sequence numbers of what was given up, not the "
        "records: once they expire from the stream they are lost."
    ),
)
def destination_without_records(consumer: Consumer, stack: Stack) -> bool:
    """SQS and SNS get the records' position, not the records."""
    target = destination(consumer, stack)
    return target is not None and target.service in ("sqs", "sns")


@of_consumer(
    "E9707",
    "MaximumRecordAgeInSeconds within window and timeout",
    at="MaximumRecordAgeInSeconds",
    page=PARAMETERS,
    fix="a MaximumRecordAgeInSeconds of many times the window and the timeout together.",
)
def too_old_at_the_first_try(consumer: Consumer, _: Stack) -> str | None:
    """Records can exceed the record age before the first try is over."""
    age = consumer.number("MaximumRecordAgeInSeconds", UNLIMITED)
    window = consumer.number("MaximumBatchingWindowInSeconds", 0)
    timeout = consumer.function.number("Timeout", 3) if consumer.function else None
    if age is None or window is None or timeout is None or age == UNLIMITED or age > window + timeout:
        return None
    return (
        f"Collecting a batch may take {window} s and a try {timeout} s: when that fails, the records are "
        f"over {age} s old and are given up without another try."
    )


@of_consumer(
    "E9717",
    "A filter on a polling mapping drops records that the KPL aggregates",
    at="FilterCriteria",
    page="lambda/latest/dg/with-kinesis-filtering.html",
    fix=(
        "an AWS::Kinesis::StreamConsumer (enhanced fan-out) as the source, which filters what is in "
        "aggregated records, or producers that do not aggregate (AggregationEnabled = false). If none does, "
        "silence this rule here."
    ),
    what=(
        "A polling mapping's filter sees an aggregated record of the Kinesis Producer Library as it is, "
        "which is no JSON: none of the user records in it reaches the function, and all count as done."
    ),
)
def filter_of_aggregates(consumer: Consumer, stack: Stack) -> bool:
    """Records of KPL producers are dropped without a word where a polling mapping filters."""
    return bool(consumer.mapping("FilterCriteria").get("Filters")) and polled(consumer, stack) is not None
