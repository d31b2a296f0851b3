"""Rules on the event source mapping's settings."""

from __future__ import annotations

from threeways.ops.doctor.grants import destination, on_failure
from threeways.ops.doctor.rule import of_consumer
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
)
def starts_at_latest(consumer: Consumer, _: Stack) -> str | None:
    """LATEST skips records that arrive while the mapping is being created."""
    if consumer.properties.get("StartingPosition") != "LATEST":
        return None
    return (
        "Records that arrive while the mapping is made or made anew are never read: polling starts minutes "
        "after the deployment, and LATEST starts where the stream is then."
    )


@of_consumer(
    "E9702",
    "Neither retries nor record age have an end",
    at="MaximumRetryAttempts",
    page="lambda/latest/dg/invocation-eventsourcemapping.html",
    fix=(
        "MaximumRecordAgeInSeconds: 21600, say, at most half the stream's retention, or a "
        "MaximumRetryAttempts, with an OnFailure destination."
    ),
)
def retries_without_end(consumer: Consumer, _: Stack) -> str | None:
    """A batch that always fails blocks its shard until its records expire."""
    ends = ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds")
    if any(consumer.number(name, UNLIMITED) != UNLIMITED for name in ends):
        return None
    return (
        "One batch that always fails is tried again until its records expire, a day to a year, and nothing "
        "behind it in its shard is read meanwhile."
    )


@of_consumer(
    "E9708",
    "MaximumRetryAttempts is 0",
    at="MaximumRetryAttempts",
    page=PARAMETERS,
    fix="MaximumRecordAgeInSeconds: 21600, say, as the only end of retries; take MaximumRetryAttempts out.",
)
def no_second_try(consumer: Consumer, _: Stack) -> str | None:
    """A throttle, a deployment or a short network failure loses a batch."""
    if consumer.number("MaximumRetryAttempts", UNLIMITED) != 0:
        return None
    return (
        "A batch whose first try fails, for whatever passing reason, is given up at once, its good records "
        "too."
    )


@of_consumer(
    "E9709",
    "The event source mapping names no stream",
    page="lambda/latest/api/API_CreateEventSourceMapping.html",
    fix="the stream's ARN: in SAM's Kinesis event `Stream`, in CloudFormation's mapping `EventSourceArn`.",
)
def no_stream(consumer: Consumer, _: Stack) -> str | None:
    """The mapping reads nothing."""
    if consumer.source is not None:
        return None
    return "It does not say which stream it reads: it cannot be deployed."


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
)
def no_failure_destination(consumer: Consumer, _: Stack) -> str | None:
    """Records that are given up are lost without a trace."""
    found = on_failure(consumer)  # Lambda answers {} for none
    if found is None or found.get("Destination"):
        return None
    return (
        "When retries or age run out, or a record is over Lambda's 6 MB, the records are skipped and "
        "nothing says which."
    )


@of_consumer(
    "E9704",
    "No ReportBatchItemFailures",
    at="FunctionResponseTypes",
    page="lambda/latest/dg/services-kinesis-batchfailurereporting.html",
    fix=(
        "FunctionResponseTypes: [ReportBatchItemFailures], and answer "
        '{"batchItemFailures": [{"itemIdentifier": the lowest sequence number that failed}]}.'
    ),
)
def no_partial_responses(consumer: Consumer, _: Stack) -> str | None:
    """One record that fails makes the whole batch come again."""
    types = consumer.properties.get("FunctionResponseTypes", [])
    if not isinstance(types, list) or "ReportBatchItemFailures" in types:
        return None
    return "When one record fails, all of its batch is done again, what had succeeded too, each time."


@of_consumer(
    "W9705",
    "BisectBatchOnFunctionError is off",
    at="BisectBatchOnFunctionError",
    page=PARAMETERS,
    fix="BisectBatchOnFunctionError: true. Halving uses up no retries.",
)
def no_bisecting(consumer: Consumer, _: Stack) -> str | None:
    """The other records of a batch are given up with a record that kills the function."""
    if str(consumer.properties.get("BisectBatchOnFunctionError", False)).lower() != "false":
        return None
    return (
        "When the function dies over a batch (time, memory, a crash), the same batch comes again; its good "
        "records are given up with the one that did it."
    )


@of_consumer(
    "W9706",
    "The failure destination keeps no records",
    at="DestinationConfig",
    page=DESTINATION,
    fix="an S3 bucket as OnFailure's Destination, or something that fetches the records at once.",
)
def destination_without_records(consumer: Consumer, stack: Stack) -> str | None:
    """SQS and SNS get the records' position, not the records."""
    target = destination(consumer, stack)
    if target is None or target.service not in ("sqs", "sns"):
        return None
    return (
        "An SQS queue or SNS topic gets the shard and the sequence numbers of what was given up, not the "
        "records: once they expire from the stream they are lost."
    )


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
