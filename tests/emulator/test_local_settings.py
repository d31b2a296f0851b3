from __future__ import annotations

from typing import Any

import pytest

from threeways.emulator.mapping.settings import MappingSettings, from_event
from threeways.errors import LocalError

LEAST = {"Stream": "arn:aws:kinesis:us-east-1:123456789012:stream/s", "StartingPosition": "TRIM_HORIZON"}


def test_the_defaults_are_awss() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
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
        parallelization_factor=1,
        starting_timestamp=None,
    )


def test_every_supported_property_is_read() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    given = {
        **LEAST,
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 1_700_000_000.5,
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 300,
        "Enabled": False,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 10_000,
        "MaximumRecordAgeInSeconds": 60,
        "ParallelizationFactor": 10,
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "DestinationConfig": {"OnFailure": {"Type": "S3", "Destination": "arn:aws:s3:::failures"}},
    }
    assert from_event(given) == MappingSettings(
        starting_position="AT_TIMESTAMP",
        starting_timestamp=1_700_000_000.5,
        batch_size=10_000,
        window=300,
        enabled=False,
        report_batch_item_failures=True,
        bisect=True,
        maximum_retry_attempts=10_000,
        maximum_record_age=60,
        parallelization_factor=10,
        destination="failures",
    )


@pytest.mark.parametrize(
    ("on_failure", "destination"),
    [
        ({"Type": "S3", "Destination": "arn:aws:s3:::failures"}, "failures"),
        ({"Destination": "arn:aws:s3:::failures"}, "failures"),
        ({"Type": "SQS", "Destination": "arn:aws:sqs:us-east-1:1:q"}, "arn:aws:sqs:us-east-1:1:q"),
        ({"Destination": "arn:aws:sns:us-east-1:1:t"}, "arn:aws:sns:us-east-1:1:t"),
    ],
)
def test_a_failure_destination_is_a_bucket_a_queue_or_a_topic_by_its_arn(
    on_failure: dict[str, str], destination: str
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    settings = from_event({**LEAST, "DestinationConfig": {"OnFailure": on_failure}})
    assert settings.destination == destination


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FilterCriteria", {"Filter": []}),
        ("TumblingWindowInSeconds", 30),
        ("StartingPositionTimestamp", 1),
        ("StartingPosition", "AT_TIMESTAMP"),
        ("ParallelizationFactor", 0),
        ("ParallelizationFactor", 11),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:1:key/k"),
        ("MetricsConfig", {"Metrics": ["KafkaMetrics"]}),
        ("BatchSize", 0),
        ("BatchSize", 10_001),
        ("BatchSize", "many"),
        ("MaximumBatchingWindowInSeconds", 301),
        ("MaximumRetryAttempts", -2),
        ("MaximumRecordAgeInSeconds", 59),
        ("MaximumRecordAgeInSeconds", 604_801),
        ("FunctionResponseTypes", ["Something"]),
        ("DestinationConfig", {"OnSuccess": {}}),
        ("DestinationConfig", {"OnFailure": {"Type": "S3", "Destination": "arn:aws:sqs:us-east-1:1:q"}}),
        ("DestinationConfig", {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:1:q.fifo"}}),
        ("DestinationConfig", {"OnFailure": {"Destination": "arn:aws:kafka:us-east-1:1:cluster/c"}}),
    ],
)
def test_what_is_not_supported_or_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    with pytest.raises(LocalError) as refusal:
        from_event({**LEAST, name: value})
    words = str(refusal.value)
    assert name in words or (name == "DestinationConfig" and "destination" in words)


def test_a_timestamp_goes_with_at_timestamp_and_with_nothing_else() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    for position, more in (("AT_TIMESTAMP", {}), ("LATEST", {"StartingPositionTimestamp": 1})):
        with pytest.raises(LocalError, match="both or neither"):
            from_event({**LEAST, "StartingPosition": position, **more})


def test_a_batch_size_over_ten_needs_no_window_as_awss_own_default_of_100_has_none() -> None:
    """docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html

    It says for queues and streams alike that a BatchSize over 10 needs a window of a second at least, against
    the streams' own defaults of 100 and 0, which AWS takes: not enforced here.
    """
    assert from_event({**LEAST, "BatchSize": 10_000}).window == 0


def test_a_position_is_required() -> None:
    with pytest.raises(LocalError, match="StartingPosition"):
        from_event({"Stream": "arn"})
