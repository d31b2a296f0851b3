"""Rules on the event source mapping's settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import override

from threeways.ops.doctor import rule
from threeways.ops.doctor.grants import destination
from threeways.ops.doctor.stack import Stack

UNLIMITED = -1
PARAMETERS = "https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"


class StartsAtLatest(rule.KinesisRule):
    """LATEST skips records that arrive while the mapping is being created."""

    id = "E9701"
    shortdesc = "StartingPosition LATEST"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"
    fix = "StartingPosition: TRIM_HORIZON, or AT_TIMESTAMP with a StartingPositionTimestamp."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings that start at LATEST."""
        for consumer in stack.consumers:
            if consumer.settings.get("StartingPosition") == "LATEST":
                yield (
                    consumer.at("StartingPosition"),
                    (
                        "Records that arrive while the mapping is made or made anew are never read: "
                        "polling starts "
                        "minutes after the deployment, and LATEST starts where the stream is then."
                    ),
                )


class RetriesWithoutEnd(rule.KinesisRule):
    """A batch that always fails blocks its shard until its records expire."""

    id = "E9702"
    shortdesc = "Neither retries nor record age have an end"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html"
    fix = (
        "MaximumRecordAgeInSeconds: 21600, say, at most half the stream's retention, or a "
        "MaximumRetryAttempts, "
        "with an OnFailure destination."
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings with unlimited retries and record age."""
        for consumer in stack.consumers:
            retries, age = (
                consumer.number(name, UNLIMITED)
                for name in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds")
            )
            if retries == age == UNLIMITED:
                yield (
                    consumer.at("MaximumRetryAttempts"),
                    (
                        "One batch that always fails is tried again until its records expire, a day to a "
                        "year, and "
                        "nothing behind it in its shard is read meanwhile."
                    ),
                )


class NoSecondTry(rule.KinesisRule):
    """A throttle, a deployment or a short network failure loses a batch."""

    id = "E9708"
    shortdesc = "MaximumRetryAttempts is 0"
    source_url = PARAMETERS
    fix = "MaximumRecordAgeInSeconds: 21600, say, as the only end of retries; take MaximumRetryAttempts out."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings without retries."""
        for consumer in stack.consumers:
            if consumer.number("MaximumRetryAttempts", UNLIMITED) == 0:
                yield (
                    consumer.at("MaximumRetryAttempts"),
                    (
                        "A batch whose first try fails, for whatever passing reason, is given up at once, "
                        "its good records too."
                    ),
                )


class NoStream(rule.KinesisRule):
    """The mapping reads nothing."""

    id = "E9709"
    shortdesc = "The event source mapping names no stream"
    source_url = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"
    fix = "the stream's ARN: in SAM's Kinesis event `Stream`, in CloudFormation's mapping `EventSourceArn`."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings without a source."""
        for consumer in stack.consumers:
            if consumer.source is None:
                yield consumer.path, "It does not say which stream it reads: it cannot be deployed."


class NoFailureDestination(rule.KinesisRule):
    """Records that are given up are lost without a trace."""

    id = "E9703"
    shortdesc = "No destination for records that are given up"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"
    fix = (
        "DestinationConfig: {OnFailure: {Type: S3, Destination: the ARN of an S3 bucket}}, which keeps the "
        "records too. Type is SAM's alone, which makes the permission from it; plain CloudFormation has no "
        "Type there, and the function's role needs s3:PutObject and s3:ListBucket on the bucket."
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings without an on-failure destination."""
        for consumer in stack.consumers:
            destinations = consumer.settings.get("DestinationConfig", {})
            on_failure = destinations.get("OnFailure", {}) if isinstance(destinations, dict) else None
            if isinstance(on_failure, dict) and not on_failure.get(
                "Destination"
            ):  # Lambda answers {} for none
                yield (
                    consumer.at("DestinationConfig"),
                    (
                        "When retries or age run out, or a record is over Lambda's 6 MB, the records are "
                        "skipped and "
                        "nothing says which."
                    ),
                )


class NoPartialResponses(rule.KinesisRule):
    """One record that fails makes the whole batch come again."""

    id = "E9704"
    shortdesc = "No ReportBatchItemFailures"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"
    fix = (
        "FunctionResponseTypes: [ReportBatchItemFailures], and answer "
        '{"batchItemFailures": [{"itemIdentifier": the lowest sequence number that failed}]}.'
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings without ReportBatchItemFailures."""
        for consumer in stack.consumers:
            types = consumer.settings.get("FunctionResponseTypes", [])
            if isinstance(types, list) and "ReportBatchItemFailures" not in types:
                yield (
                    consumer.at("FunctionResponseTypes"),
                    (
                        "When one record fails, all of its batch is done again, what had succeeded too, each "
                        "time."
                    ),
                )


class NoBisecting(rule.KinesisRule):
    """The other records of a batch are given up with a record that kills the function."""

    id = "W9705"
    shortdesc = "BisectBatchOnFunctionError is off"
    source_url = PARAMETERS
    fix = "BisectBatchOnFunctionError: true. Halving uses up no retries."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings that do not bisect batches."""
        for consumer in stack.consumers:
            if str(consumer.settings.get("BisectBatchOnFunctionError", False)).lower() == "false":
                yield (
                    consumer.at("BisectBatchOnFunctionError"),
                    (
                        "When the function dies over a batch (time, memory, a crash), the same batch "
                        "comes again; its "
                        "good records are given up with the one that did it."
                    ),
                )


class DestinationWithoutRecords(rule.KinesisRule):
    """SQS and SNS get the records' position, not the records."""

    id = "W9706"
    shortdesc = "The failure destination keeps no records"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"
    fix = "an S3 bucket as OnFailure's Destination, or something that fetches the records at once."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings whose on-failure destination is a queue or topic."""
        for consumer in stack.consumers:
            target = destination(consumer, stack)
            if target and target.service in ("sqs", "sns"):
                yield (
                    consumer.at("DestinationConfig"),
                    (
                        "An SQS queue or SNS topic gets the shard and the sequence numbers of what was "
                        "given up, not the "
                        "records: once they expire from the stream they are lost."
                    ),
                )


class TooOldAtTheFirstTry(rule.KinesisRule):
    """Records can exceed the record age before the first try is over."""

    id = "E9707"
    shortdesc = "MaximumRecordAgeInSeconds within window and timeout"
    source_url = PARAMETERS
    fix = "a MaximumRecordAgeInSeconds of many times the window and the timeout together."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings whose record age is within the batch window plus the timeout."""
        for consumer in stack.consumers:
            age = consumer.number("MaximumRecordAgeInSeconds", UNLIMITED)
            window = consumer.number("MaximumBatchingWindowInSeconds", 0)
            timeout = consumer.function.number("Timeout", 3) if consumer.function else None
            if age is None or window is None or timeout is None or age == UNLIMITED:
                continue
            if age <= window + timeout:
                yield (
                    consumer.at("MaximumRecordAgeInSeconds"),
                    (
                        f"Collecting a batch may take {window} s and a try {timeout} s: when that fails, "
                        "the records "
                        f"are over {age} s old and are given up without another try."
                    ),
                )
