"""What will bite a join, found in join.yaml with one thing changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from threeways.ops.deploy.stack import Stack
from threeways.ops.doctor import awaited
from threeways.ops.doctor.check import examine

TEMPLATE = (Path(__file__).parents[2] / "join.yaml").read_text()
FILTER = """            FilterCriteria:
              Filters:
                - Pattern: '{"dynamodb": {"NewImage": {"outbox": {"N": [{"exists": true}]}}}}'
"""
REDRIVE = """      RedrivePolicy:
        deadLetterTargetArn: !GetAtt TimersDeadLetters.Arn
        maxReceiveCount: 10
"""
CONSUMES = """    Default: "true"
    AllowedValues: ["true", "false"]
"""
JOIN = """
import msgspec
from threeways.join.join import Decision, Join

class Order(msgspec.Struct):
    id: str

class Seen(msgspec.Struct):
    id: str

join: Join[Order] = Join(
    name="orders", subject=Order, example=Order("1"), verdicts={"stock": Seen, "fraud": Seen},
    expected=frozenset({"stock", "fraud"}), deadline=1.0, keep_days=8,
    decide=lambda found, expected, expired: Decision("ship"), effects=lambda order, decided: (),
)
"""


@pytest.fixture(scope="module", autouse=True)
def orders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("own")
    (folder / "watched_own").mkdir()
    (folder / "watched_own" / "orders.py").write_text(JOIN)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)
    yield
    patch.undo()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("", "", None),
        ("VisibilityTimeout: 360", "VisibilityTimeout: 300", "W9751"),
        ("VisibilityTimeout: 360\n", "DelaySeconds: 0\n", "W9751"),
        (REDRIVE, "", "W9752"),
        (FILTER, "", "W9753"),
        ("[Consumes, ENABLED, DISABLED]", "[Consumes, DISABLED, ENABLED]", "E9754"),
        ("Schedule: rate(1 minute)", "Schedule: rate(1 minute)\n            Enabled: false", "E9754"),
        (CONSUMES, CONSUMES.replace("Default: \"true\"", "Default: \"false\""), "E9754"),
    ],
)  # fmt: skip
def test_a_fault_of_a_join_is_found_by_its_rule(old: str, new: str, rule: str | None) -> None:
    assert old in TEMPLATE
    findings = examine(TEMPLATE.replace(old, new, 1), "join.yaml")
    assert {finding.id for finding in findings} == ({rule} if rule else set())
    assert all(finding.page.startswith("https://docs.aws.amazon.com/") for finding in findings)


@pytest.mark.parametrize(("hours", "rule"), [(191, set()), (192, {"E9755"})])
def test_a_stream_that_outlasts_the_decisions_is_found(hours: int, rule: set[str]) -> None:
    text = TEMPLATE.replace(
        '    Default: ""\n    AllowedPattern: ^([A',
        "    Default: watched_own.orders\n    AllowedPattern: ^([A",
        1,
    )
    text = text.replace("MaxValue: 168", "MaxValue: 9000").replace(
        "    Default: 24\n", f"    Default: {hours}\n", 1
    )
    findings = examine(text, "join.yaml")
    assert {finding.id for finding in findings} == rule
    assert len(findings) == (2 if rule else 0), "both streams"


def test_a_plain_template_s_queue_and_schedule_are_read_as_well() -> None:
    resources: dict[str, Any] = {
        "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Failures": {"Type": "AWS::S3::Bucket"},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30, "RedrivePolicy": {}}},
        "F": {"Type": "AWS::Lambda::Function", "Properties": {
            "Role": "arn:aws:iam::123456789012:role/r", "Handler": "a.b", "Runtime": "python3.13",
            "Timeout": 30,
            "Code": {"S3Bucket": "b", "S3Key": "k"},
            "Environment": {"Variables": {"JOIN_TABLE_NAME": "t", "JOIN": "nowhere.join"}}}},
        "Reads": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}, "FunctionName": {"Ref": "F"}}},
        "Records": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]}, "FunctionName": {"Ref": "F"},
            "StartingPosition": "TRIM_HORIZON", "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True, "MaximumRecordAgeInSeconds": 3600,
            "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}}}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {
            "ScheduleExpression": "rate(1 minute)", "State": "ENABLED",
            "Targets": [{"Arn": {"Fn::GetAtt": ["F", "Arn"]}, "Id": "one"}]}},
    }  # fmt: skip
    assert {finding.id for finding in examine(json.dumps({"Resources": resources}), "t")} == {"W9751"}
    resources["Rule"]["Properties"]["State"] = "DISABLED"
    found = {finding.id for finding in examine(json.dumps({"Resources": resources}), "t")}
    assert found == {"W9751", "E9754"}


class Account:
    """Who reads a stream: functions with these variables."""

    def __init__(self, *variables: dict[str, str]) -> None:
        self.variables = variables

    def get_paginator(self, name: str) -> Account:
        return self

    def paginate(self, **where: str) -> list[dict[str, Any]]:
        return [{"EventSourceMappings": [{"FunctionArn": str(n)} for n in range(len(self.variables))]}]

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return {"Environment": {"Variables": self.variables[int(FunctionName)]}}


@pytest.mark.parametrize(
    ("variables", "lacking"),
    [
        ([{"TASK": "stock"}, {"TASK": "shop.fraud"}], None),
        ([{"TASK": "nsfw"}, {"TASK": "shop.fraud"}], "stock"),
        ([{"TASK": "", "MODEL_NAME": "fraud"}, {"JOIN": "orders"}], "stock"),
        ([], "fraud, stock"),
    ],
)
def test_an_expected_consumer_that_is_not_deployed_is_named(
    variables: list[dict[str, str]], lacking: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"EventsStreamArn": "arn", "VerdictsStreamArn": "other"}
    stack = Stack("shop", "CREATE_COMPLETE", {"Join": "watched_own.orders"}, outputs)
    monkeypatch.setattr(awaited, "look", lambda name, client: stack)
    findings = awaited.missing("shop", lambda service: Account(*variables))
    assert [
        finding.what.partition(" expects verdicts of ")[2].partition(", and no")[0] for finding in findings
    ] == ([lacking] if lacking else [])
    monkeypatch.setattr(awaited, "look", lambda name, client: Stack("rides", "CREATE_COMPLETE"))
    assert awaited.missing("rides", lambda service: Account()) == []
