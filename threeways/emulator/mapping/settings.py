"""An event source mapping's settings, from a template's Kinesis or DynamoDB event.

docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html, services-ddb-params.html and
docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-kinesis.html,
sam-property-function-dynamodb.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from threeways.emulator.mapping import filters
from threeways.emulator.mapping.filters import Filter
from threeways.errors import LocalError

UNLIMITED = -1
"""No limit: the default of `MaximumRetryAttempts` and `MaximumRecordAgeInSeconds`."""
FAN_OUT = "/consumer/"
"""In the ARN of a stream's consumer: docs.aws.amazon.com/kinesis/latest/APIReference/API_Consumer.html."""
REPORT = "ReportBatchItemFailures"
type Position = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
_ARNS = {"S3": "arn:aws:s3:::", "SQS": "arn:aws:sqs:", "SNS": "arn:aws:sns:"}
_MEND = "here; take it out of the template's Kinesis event, or test what needs it on AWS"


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """The settings of a mapping.

    batch_size: records. window: seconds that a batch may wait for more. maximum_record_age: seconds.
    destination: for discarded records: an S3 bucket's name, or the ARN of an SQS queue or SNS topic.
    parallelization_factor: lanes, and so concurrent invocations, a shard.
    starting_timestamp: epoch seconds, only for AT_TIMESTAMP. filters: a record has to match one of them, if
    there are any. fan_out: it reads as a consumer of the stream, with limits of its own.
    """

    starting_position: Position = "TRIM_HORIZON"
    batch_size: int = 100
    window: float = 0
    enabled: bool = True
    report_batch_item_failures: bool = False
    bisect: bool = False
    maximum_retry_attempts: int = UNLIMITED
    maximum_record_age: int = UNLIMITED
    destination: str | None = None
    parallelization_factor: int = 1
    starting_timestamp: float | None = None
    filters: tuple[Filter, ...] = ()
    fan_out: bool = False


class _OnFailure(msgspec.Struct, forbid_unknown_fields=True):
    Destination: str
    Type: Literal["S3", "SQS", "SNS"] | None = None


class _Destinations(msgspec.Struct, forbid_unknown_fields=True):
    OnFailure: _OnFailure | None = None


class _Filter(msgspec.Struct, forbid_unknown_fields=True):
    Pattern: str


class _Filters(msgspec.Struct, forbid_unknown_fields=True):
    Filters: list[_Filter] = []


class _Metrics(msgspec.Struct, forbid_unknown_fields=True):
    Metrics: list[Literal["EventCount"]] = []


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """The supported properties, with AWS's names and ranges, resolved."""

    Stream: str
    StartingPosition: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
    StartingPositionTimestamp: float | None = None
    BatchSize: Annotated[int, Meta(ge=1, le=10_000)] = 100
    MaximumBatchingWindowInSeconds: Annotated[int, Meta(ge=0, le=300)] = 0
    Enabled: bool = True
    FunctionResponseTypes: list[Literal["ReportBatchItemFailures"]] = []
    BisectBatchOnFunctionError: bool = False
    MaximumRetryAttempts: Annotated[int, Meta(ge=-1, le=10_000)] = UNLIMITED
    MaximumRecordAgeInSeconds: Annotated[int, Meta(ge=-1, le=604_800)] = UNLIMITED
    ParallelizationFactor: Annotated[int, Meta(ge=1, le=10)] = 1
    DestinationConfig: _Destinations = msgspec.field(default_factory=_Destinations)
    FilterCriteria: _Filters = msgspec.field(default_factory=_Filters)
    MetricsConfig: _Metrics = msgspec.field(default_factory=_Metrics)


def from_event(properties: Mapping[str, Any], where: str = "") -> MappingSettings:
    """Return the settings of a Kinesis event whose intrinsic functions are resolved.

    where: its place in a template. Raises LocalError, naming place and property, for anything that AWS would
    refuse or that is not supported here.
    """
    try:
        return _settings(properties)
    except LocalError as error:
        raise LocalError(f"template: {where}: {error}" if where else str(error)) from None


def _settings(properties: Mapping[str, Any]) -> MappingSettings:
    try:
        # Parameters are always strings; CloudFormation accepts "500" for 500, too.
        event = msgspec.convert(dict(properties), _Event, strict=False)
    except msgspec.ValidationError as error:
        raise LocalError(f"the Kinesis event's settings: {_explained(str(error))}") from None
    if 0 <= event.MaximumRecordAgeInSeconds < 60:
        raise LocalError("MaximumRecordAgeInSeconds is -1 (for ever) or 60 to 604800")
    if event.StartingPosition == "AT_TIMESTAMP" and ":dynamodb:" in event.Stream:
        raise LocalError(
            "a table's stream is read from TRIM_HORIZON or LATEST on; AT_TIMESTAMP is for Kinesis"
        )
    if (event.StartingPosition == "AT_TIMESTAMP") != (event.StartingPositionTimestamp is not None):
        raise LocalError(
            "StartingPositionTimestamp (Unix time, seconds) goes with StartingPosition AT_TIMESTAMP,"
            " and only with it: give both or neither"
        )
    return MappingSettings(
        starting_position=event.StartingPosition,
        batch_size=event.BatchSize,
        window=event.MaximumBatchingWindowInSeconds,
        enabled=event.Enabled,
        report_batch_item_failures=REPORT in event.FunctionResponseTypes,
        bisect=event.BisectBatchOnFunctionError,
        maximum_retry_attempts=event.MaximumRetryAttempts,
        maximum_record_age=event.MaximumRecordAgeInSeconds,
        destination=_destination(event.DestinationConfig.OnFailure),
        parallelization_factor=event.ParallelizationFactor,
        starting_timestamp=event.StartingPositionTimestamp,
        filters=filters.read(
            [one.Pattern for one in event.FilterCriteria.Filters], table=":dynamodb:" in event.Stream
        ),
        fan_out=FAN_OUT in event.Stream,
    )


def _explained(message: str) -> str:
    if "unknown field" in message:
        return f"{message}: that property is not supported {_MEND}"
    return f"{message}; see AWS's page on the parameters of Kinesis event source mappings for its range"


def _destination(on_failure: _OnFailure | None) -> str | None:
    if on_failure is None:
        return None
    arn = on_failure.Destination
    kind = next((kind for kind, start in _ARNS.items() if arn.startswith(start)), None)
    if kind is None or on_failure.Type not in {None, kind}:
        raise LocalError(
            f"the on-failure destination {arn} is not the ARN of an {on_failure.Type or 'S3, SQS or SNS'}"
            f" resource: S3 buckets, SQS queues and SNS topics are supported {_MEND}"
        )
    if arn.endswith(".fifo"):
        raise LocalError(f"the on-failure destination {arn} is FIFO, which AWS refuses: name a standard one")
    return arn.removeprefix(_ARNS["S3"])
