from __future__ import annotations

from typing import Any

import pytest

from threeways.errors import LocalError
from threeways.local.mapping.settings import MappingSettings, from_event

LEAST = {"Stream": "arn:aws:kinesis:us-east-1:123456789012:stream/s", "StartingPosition": "TRIM_HORIZON"}


def test_the_defaults_are_awss() -> None:
    assert from_event(LEAST) == MappingSettings(
        starting_position="TRIM_HORIZON",
        batch_size=100,
        window=0,
        enabled=True,
        report_batch_item_failures=False,
        bisect=False,
        maximum_retry_attempts=-1,
        maximum_record_age=-1,
        destination=None,
    )


def test_every_supported_property_is_read() -> None:
    given = {
        **LEAST,
        "StartingPosition": "LATEST",
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 300,
        "Enabled": False,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 10_000,
        "MaximumRecordAgeInSeconds": 60,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {"Type": "S3", "Destination": "arn:aws:s3:::failures"}},
    }
    assert from_event(given) == MappingSettings(
        "LATEST", 10_000, 300, False, True, True, 10_000, 60, "failures"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FilterCriteria", {"Filters": []}),
        ("TumblingWindowInSeconds", 30),
        ("StartingPositionTimestamp", 1),
        ("StartingPosition", "AT_TIMESTAMP"),
        ("ParallelizationFactor", 2),
        ("BatchSize", 0),
        ("BatchSize", 10_001),
        ("BatchSize", "many"),
        ("MaximumBatchingWindowInSeconds", 301),
        ("MaximumRetryAttempts", -2),
        ("MaximumRecordAgeInSeconds", 59),
        ("MaximumRecordAgeInSeconds", 604_801),
        ("FunctionResponseTypes", ["Something"]),
        ("DestinationConfig", {"OnSuccess": {}}),
        ("DestinationConfig", {"OnFailure": {"Type": "SQS", "Destination": "arn:aws:sqs:us-east-1:1:q"}}),
    ],
)
def test_what_is_not_supported_or_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(LocalError) as refusal:
        from_event({**LEAST, name: value})
    words = str(refusal.value)
    assert name in words or (name == "DestinationConfig" and "destination" in words)


def test_a_position_is_required() -> None:
    with pytest.raises(LocalError, match="StartingPosition"):
        from_event({"Stream": "arn"})
