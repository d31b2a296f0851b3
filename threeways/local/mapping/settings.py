"""An event source mapping's settings, as a template's Kinesis event gives them.

docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-kinesis.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from threeways.errors import LocalError

FOR_EVER = -1
"""What `MaximumRetryAttempts` and `MaximumRecordAgeInSeconds` are by default: no limit."""
REPORT = "ReportBatchItemFailures"
_S3 = "arn:aws:s3:::"
_MEND = "here; take it out of the template's Kinesis event, or test what needs it on AWS"


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """batch_size: records. window: seconds that a batch may wait for more. maximum_record_age: seconds.

    destination: the name of the S3 bucket that discarded records go to, or None.
    """

    starting_position: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"
    batch_size: int = 100
    window: float = 0
    enabled: bool = True
    report_batch_item_failures: bool = False
    bisect: bool = False
    maximum_retry_attempts: int = FOR_EVER
    maximum_record_age: int = FOR_EVER
    destination: str | None = None


class _OnFailure(msgspec.Struct, forbid_unknown_fields=True):
    Destination: str
    Type: str = "S3"


class _Destinations(msgspec.Struct, forbid_unknown_fields=True):
    OnFailure: _OnFailure | None = None


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """The properties that are supported, in AWS's names and ranges. What they hold is resolved already."""

    Stream: str
    StartingPosition: Literal["TRIM_HORIZON", "LATEST"]
    BatchSize: Annotated[int, Meta(ge=1, le=10_000)] = 100
    MaximumBatchingWindowInSeconds: Annotated[int, Meta(ge=0, le=300)] = 0
    Enabled: bool = True
    FunctionResponseTypes: list[Literal["ReportBatchItemFailures"]] = []
    BisectBatchOnFunctionError: bool = False
    MaximumRetryAttempts: Annotated[int, Meta(ge=-1, le=10_000)] = FOR_EVER
    MaximumRecordAgeInSeconds: Annotated[int, Meta(ge=-1, le=604_800)] = FOR_EVER
    ParallelizationFactor: Annotated[int, Meta(ge=1, le=10)] = 1
    DestinationConfig: _Destinations = msgspec.field(default_factory=_Destinations)


def from_event(properties: Mapping[str, Any]) -> MappingSettings:
    """The settings of a Kinesis event whose intrinsic functions are resolved.

    Raises LocalError, naming the property, for whatever AWS would refuse or is not supported here.
    """
    try:
        event = msgspec.convert(dict(properties), _Event)
    except msgspec.ValidationError as error:
        raise LocalError(f"the Kinesis event's settings: {_explained(str(error))}") from None
    if event.ParallelizationFactor != 1:
        raise LocalError(f"ParallelizationFactor over 1 is not supported {_MEND}")
    if 0 <= event.MaximumRecordAgeInSeconds < 60:
        raise LocalError("MaximumRecordAgeInSeconds is -1 (for ever) or 60 to 604800")
    return MappingSettings(
        starting_position=event.StartingPosition,
        batch_size=event.BatchSize,
        window=event.MaximumBatchingWindowInSeconds,
        enabled=event.Enabled,
        report_batch_item_failures=REPORT in event.FunctionResponseTypes,
        bisect=event.BisectBatchOnFunctionError,
        maximum_retry_attempts=event.MaximumRetryAttempts,
        maximum_record_age=event.MaximumRecordAgeInSeconds,
        destination=_bucket(event.DestinationConfig.OnFailure),
    )


def _explained(message: str) -> str:
    if "unknown field" in message:
        return f"{message}: that property is not supported {_MEND}"
    return f"{message}; see AWS's page on the parameters of Kinesis event source mappings for its range"


def _bucket(on_failure: _OnFailure | None) -> str | None:
    if on_failure is None:
        return None
    if on_failure.Type != "S3" or not on_failure.Destination.startswith(_S3):
        raise LocalError(
            f"the on-failure destination {on_failure.Destination}: only S3 buckets are supported {_MEND}"
        )
    return on_failure.Destination.removeprefix(_S3)
