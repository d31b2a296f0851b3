"""What the template promises: permissions, keys, retention, alarms, parameters."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_stream_telemetry import TWO_INVOCATIONS, printed
from transformed import TEMPLATE, of_type, packaged, transformed

from threeways.aws.cloudformation.document import parse
from threeways.emulator.template_values import Resolver

DOCUMENT = parse(TEMPLATE.read_text())
KEY = "arn:aws:kms:us-east-1:123456789012:key/0d1e"
TOPIC = "arn:aws:sns:us-east-1:123456789012:page"
FOLLOWING = """
from threeways.lifecycle.events import FollowEvent
from threeways.lifecycle.telemetry import Metrics
for kind in ("swapped", "refused", "unreadable"):
    Metrics("rides", "predictor")(FollowEvent(kind, kind))
"""
CHOSEN = {"InputStream", "OutputStream"}
"""Resources that `resolved` leaves out where their condition fails; the others' tests look at them anyway."""


class _Anything(dict[str, str]):
    """Every resource's attribute, as `<Resource.Attribute>`."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def resolved(**given: str) -> dict[str, Any]:
    """Resources and outputs with parameters and conditions put in; a resource's Ref is its logical id."""
    parameters = {name: body["Default"] for name, body in DOCUMENT["Parameters"].items()} | given
    references = {
        **{name: name for name in [*DOCUMENT["Resources"], "PredictorInput", "PredictorAliaslive"]},
        **parameters,
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "AWS::StackName": "rides",
        "AWS::AccountId": "123456789012",
    }
    resolver = Resolver(references, _Anything(), DOCUMENT["Conditions"])
    there = {
        name: body
        for name, body in DOCUMENT["Resources"].items()
        if name not in CHOSEN or resolver.is_there(body.get("Condition"), name)
    }
    made: dict[str, Any] = resolver.resolve({"Resources": there, "Outputs": DOCUMENT["Outputs"]}, "template")
    return made


def statements(**given: str) -> Iterator[dict[str, Any]]:
    for role in of_type(resolved(**given), "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_only_actions_that_take_no_resource_have_a_wildcard_and_none_is_a_wildcard() -> None:
    """docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""
    wild = set()
    for statement in statements(KmsKeyArn=KEY):
        assert all("*" not in action for action in listed(statement["Action"]))
        if "*" in listed(statement["Resource"]):
            wild |= set(listed(statement["Action"]))
    assert wild == {"kinesis:ListStreams", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_a_pointer_is_read_by_statements_of_its_own_and_written_by_nothing() -> None:
    assert not [one for one in statements() if "Pointer" in one["Sid"] or "Promoted" in one["Sid"]]
    given = list(statements(Follow="s3://pointers/team/champion.json"))
    found = {(one["Sid"], one["Action"], one["Resource"]) for one in given if "Resource" in one and (
        "Pointer" in one["Sid"] or "Promoted" in one["Sid"]
    )}  # fmt: skip
    assert found == {
        ("ReadThePointer", "s3:GetObject", "arn:aws:s3:::pointers/team/champion.json"),
        ("FetchPromotedModels", "s3:GetObject", "arn:aws:s3:::pointers/models/*"),
        ("ListPromotedModels", "s3:ListBucket", "arn:aws:s3:::pointers"),
    }
    written = [one["Resource"] for one in given if "s3:PutObject" in listed(one["Action"])]
    assert not [one for one in written if "pointers" in str(one)]


@pytest.mark.parametrize(
    "name", ["s3://b", "s3://bucket/", "s3://bucket/*", "s3://bucket/${a}", "bucket/key"]
)
def test_a_pointer_that_names_more_than_one_object_is_no_parameter(name: str) -> None:
    pattern = DOCUMENT["Parameters"]["Follow"]["AllowedPattern"]
    assert not re.fullmatch(pattern, name)
    assert re.fullmatch(pattern, "s3://bucket/team/champion.json")


def test_sam_adds_no_role_and_no_managed_policy_of_its_own() -> None:
    made = transformed(packaged())
    assert set(of_type(made, "AWS::IAM::Role")) == {
        "PredictorRole",
        "DeploymentRole",
        "BatchJobRole",
        "BatchScheduleRole",
        "MonitorJobRole",
        "MonitorScheduleRole",
        "WebServiceRole",
    }
    assert "ManagedPolicyArns" not in json.dumps(made)


def test_a_key_of_ones_own_is_used_everywhere_and_may_be_used() -> None:
    own, awss = resolved(KmsKeyArn=KEY), resolved()
    for stream in of_type(own, "AWS::Kinesis::Stream").values():
        assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": KEY}
    for stream in of_type(awss, "AWS::Kinesis::Stream").values():
        assert stream["StreamEncryption"]["KeyId"] == "alias/aws/kinesis"
    for document, expected in ((own, KEY), (awss, None)):
        for bucket in of_type(document, "AWS::S3::Bucket").values():
            [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
            assert rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID") == expected
        for name in (
            "Predictor",
            "BatchJob",
            "BatchJobSchedule",
            "MonitorJob",
            "MonitorJobSchedule",
            "WebService",
        ):
            assert document["Resources"][name]["Properties"].get("KmsKeyArn") == expected
        assert document["Resources"]["PredictorLog"]["Properties"].get("KmsKeyId") == expected
    assert [s["Resource"] for s in statements(KmsKeyArn=KEY) if s["Sid"] == "UseTheKey"] == [KEY] * 4
    assert [s for s in statements() if s["Sid"] == "UseTheKey"] == []


def test_counts_lie_beside_the_quarantine_and_only_a_stack_that_counts_may_put_them() -> None:
    def told(seconds: str) -> tuple[Any, Any, list[str]]:
        made = resolved(CountsSeconds=seconds)
        variables = made["Resources"]["Predictor"]["Properties"]["Environment"]["Variables"]
        [aside] = [one for one in statements(CountsSeconds=seconds) if one["Sid"] == "SetAside"]
        may = [one for one in aside["Resource"] if "/counts/" in str(one)]
        return variables["COUNTS_LOCATION"], variables["COUNTS_SECONDS"], may

    assert told("60") == ("s3://QuarantineBucket/counts", "60", ["<QuarantineBucket.Arn>/counts/*"])
    assert told("0") == ("", "", [])


def test_monitoring_reads_the_counts_and_writes_its_report_beside_them() -> None:
    made = resolved(MonitorSchedule="rate(1 day)", CountsSeconds="60")["Resources"]
    variables = made["MonitorJob"]["Properties"]["Environment"]["Variables"]
    counted = made["Predictor"]["Properties"]["Environment"]["Variables"]["COUNTS_LOCATION"]
    assert variables["MONITOR_COUNTS"] == counted
    [policy] = made["MonitorJobRole"]["Properties"]["Policies"]
    allowed = {one["Sid"]: one["Resource"] for one in policy["PolicyDocument"]["Statement"] if one}
    assert allowed["ReadCounts"] == "<QuarantineBucket.Arn>/counts/*"
    assert allowed["WriteReports"] == "<QuarantineBucket.Arn>/monitor/*"
    [command] = made["MonitorJob"]["Properties"]["ImageConfig"]["Command"]
    module, _, name = command.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_on_demand_streams_have_no_shard_count() -> None:
    """docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html"""
    for stream in of_type(resolved(StreamMode="ON_DEMAND", ShardCount="3"), "AWS::Kinesis::Stream").values():
        assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert "ShardCount" not in stream
    for stream in of_type(resolved(ShardCount="3"), "AWS::Kinesis::Stream").values():
        assert (stream["StreamModeDetails"], stream["ShardCount"]) == ({"StreamMode": "PROVISIONED"}, "3")


def test_streams_keep_records_at_least_twice_as_long_as_they_are_retried() -> None:
    event = DOCUMENT["Resources"]["Predictor"]["Properties"]["Events"]["Input"]["Properties"]
    assert (
        DOCUMENT["Parameters"]["RetentionHours"]["MinValue"] * 3600 >= 2 * event["MaximumRecordAgeInSeconds"]
    )


def test_every_bucket_is_private_speaks_tls_only_and_forgets_in_time() -> None:
    buckets, policies = (of_type(resolved(), f"AWS::S3::{kind}") for kind in ("Bucket", "BucketPolicy"))
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["LifecycleConfiguration"]["Rules"]
        [policy] = [policy for policy in policies.values() if policy["Bucket"] == name]
        [statement] = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert set(statement["Resource"]) == {f"<{name}.Arn>", f"<{name}.Arn>/*"}
    assert "VersioningConfiguration" in buckets["ModelBucket"]


ALARMS = of_type(resolved(AlarmTopicArn=TOPIC), "AWS::CloudWatch::Alarm")


def test_there_is_an_alarm_for_each_way_to_fail() -> None:
    watched = {metric["MetricName"] for alarm in ALARMS.values() for metric in metrics(alarm)}
    assert watched == {
        "IteratorAge",
        "Errors",
        "Throttles",
        "Events",
        "Quarantined",
        "OnFailureDestinationDeliveredEventCount",
        "DroppedEventCount",
        "NumberOfObjects",
        "WriteProvisionedThroughputExceeded",
        "IncomingRecords",
        "ModelsRefused",
        "PointerUnreadable",
    }


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [metric["MetricStat"]["Metric"] for metric in alarm["Metrics"] if "MetricStat" in metric]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_tells_somebody(name: str) -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    alarm = ALARMS[name]
    happened, _, runbook = alarm["AlarmDescription"].partition(" Runbook: ")
    assert happened.endswith((".", "?"))
    assert len(runbook) > 40
    assert len(alarm["AlarmDescription"]) <= 1024
    assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
    assert alarm["TreatMissingData"] == ("breaching" if name == "NoEvents" else "notBreaching")
    assert "AlarmActions" not in of_type(resolved(), "AWS::CloudWatch::Alarm")[name]


def test_what_an_alarm_tells_to_run_or_to_raise_is_there() -> None:
    text = " ".join(alarm["AlarmDescription"] for alarm in ALARMS.values())
    named = set(re.findall(r"\b(?:[A-Z][a-z0-9]+){2,}\b", text))
    known = {*DOCUMENT["Parameters"], *DOCUMENT["Resources"], *DOCUMENT["Outputs"]}
    assert named <= {*known, "MaximumRecordAgeInSeconds"}, named - known


def test_alarms_and_dashboard_watch_metrics_that_the_function_emits_with_their_dimensions() -> None:
    lines, _ = printed(TWO_INVOCATIONS + FOLLOWING)
    emitted = {
        (found["Namespace"], metric["Name"], tuple(sorted(found["Dimensions"][0])))
        for line in lines
        for found in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in found["Metrics"]
    }
    alarms = {
        (metric["Namespace"], metric["MetricName"], tuple(sorted(x["Name"] for x in metric["Dimensions"])))
        for alarm in ALARMS.values()
        for metric in metrics(alarm)
    }
    shown = {
        (
            metric[0],
            metric[1],
            tuple(sorted(name for name in metric[2:] if name in ("service", "function_name"))),
        )
        for widget in dashboard()["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "Threeways"
    }
    ours = {metric for metric in alarms | shown if metric[0] == "Threeways"}
    assert {name for _, name, _ in ours} >= {"Events", "Quarantined", "Predictions", "Unfinished"}
    assert ours <= emitted


def dashboard() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(resolved()["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    return made


def test_the_dashboard_shows_every_alarm() -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
    [first, *_] = dashboard()["widgets"]
    always = [name for name in ALARMS if "Condition" not in DOCUMENT["Resources"][name]]
    assert first["properties"]["alarms"] == [f"<{name}.Arn>" for name in always]


def test_the_batch_job_is_there_only_with_its_image_and_is_called_by_nobody_else() -> None:
    """docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html"""
    batch = {name: body for name, body in DOCUMENT["Resources"].items() if name.startswith("Batch")}
    assert {body["Condition"] for body in batch.values()} == {"HasBatch"}
    assert DOCUMENT["Parameters"]["BatchImageUri"]["Default"] == ""
    made = resolved()["Resources"]
    function = made["BatchJob"]["Properties"]
    assert (function["Timeout"], function["ReservedConcurrentExecutions"]) == (900, 1)
    schedule = made["BatchJobSchedule"]["Properties"]
    assert schedule["ScheduleExpressionTimezone"] == "America/New_York"
    assert json.loads(schedule["Target"]["Input"]) == {"last": "day"}
    [statement] = made["BatchScheduleRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (
        "lambda:InvokeFunction",
        schedule["Target"]["Arn"],
    )


def test_the_web_service_is_there_only_with_its_image_and_takes_signed_requests_only() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"""
    web = {name: body for name, body in DOCUMENT["Resources"].items() if name.startswith("Web")}
    assert {body["Condition"] for body in web.values()} == {"HasWeb"}
    assert DOCUMENT["Parameters"]["WebImageUri"]["Default"] == ""
    assert DOCUMENT["Outputs"]["WebServiceUrl"]["Condition"] == "HasWeb"
    made = resolved()["Resources"]
    assert made["WebServiceUrl"]["Properties"]["AuthType"] == "AWS_IAM"
    assert not [body for body in made.values() if body["Type"] == "AWS::Lambda::Permission"]
    given = made["WebService"]["Properties"]["Environment"]["Variables"]
    assert {"MODEL_LOCATION", "MODEL_SHA256", "RUN_ID"} <= set(given)
    # The adapter waits for /ready on the port that the image's service takes.
    assert f"WEB_PORT={given['AWS_LWA_PORT']}" in TEMPLATE.with_name("Dockerfile").read_text()
    assert given["AWS_LWA_READINESS_CHECK_PATH"] == "/ready"


def test_each_parameter_is_described_bounded_and_has_a_default() -> None:
    for name, body in DOCUMENT["Parameters"].items():
        assert len(body["Description"]) > 20, name
        bound = (
            {"AllowedValues", "AllowedPattern"} if body["Type"] == "String" else {"AllowedValues", "MinValue"}
        )
        assert bound & set(body), name
        if "AllowedPattern" in body:
            assert re.search(body["AllowedPattern"], str(body["Default"])), name


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("ModelLocation", "s3://models/1/abc/artifacts/model", "models/1"),
        ("ModelSha256", "0" * 64, "0" * 63),
        ("KmsKeyArn", KEY, "arn:aws:kms:us-east-1:123456789012:alias/rides"),
        (
            "AlarmTopicArn",
            "arn:aws:sns:us-east-1:123456789012:page",
            "arn:aws:sns:us-east-1:123456789012:page.fifo",
        ),
        ("InputStreamName", "rides-in", "rides in"),
        ("Task", "ride_tip", "../tasks"),
        ("Task", "my_package.my_task", "my_package..my_task"),
        ("Task", "MyPackage.tasks.tip2", "my-package.my_task"),
        ("Task", "_private", "2tips"),
        ("InputStreamArn", "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/ride_events", "ride_events"),
        ("InputStreamArn", "", "arn:aws:kinesis:us-east-1:123456789012:stream/in/consumer/fan:1"),
    ],
)
def test_a_parameters_pattern_takes_what_works_and_nothing_else(parameter: str, good: str, bad: str) -> None:
    pattern = DOCUMENT["Parameters"][parameter]["AllowedPattern"]
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


def test_every_suppression_says_why() -> None:
    for body in DOCUMENT["Resources"].values():
        for skip in body.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert skip["id"].startswith("CKV_")
            assert len(skip["comment"]) > 30
    assert "cfn-lint:" not in Path(TEMPLATE).read_text()
