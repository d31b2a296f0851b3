"""Which rule finds what, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from templates import RAW, SEEDED, SOUND

from threeways.errors import TemplateError
from threeways.ops.doctor.check import RULES, Finding, examine

OURS = Path(__file__).parents[2] / "template.yaml"


def found(text: str, **asked: int) -> set[str]:
    return {finding.id for finding in examine(text, "template", **asked)}


def test_all_of_ten_and_more_seeded_faults_are_found_by_their_rules() -> None:
    findings = examine(SEEDED, "seeded.yaml", rate=2500)
    assert {finding.id for finding in findings} == {
        "E9701",
        "E9702",
        "E9703",
        "E9704",
        "W9705",
        "W9708",
        "W9712",
        "E9721",
        "W9722",
        "W9723",
        "E9724",
        "W9731",
    }
    assert sum(finding.id == "E9721" for finding in findings) == 2
    assert sum(finding.id == "W9731" for finding in findings) == 2


def test_nothing_is_found_on_our_own_template() -> None:
    assert examine(OURS.read_text(), "template.yaml") == []


def test_plain_cloudformation_in_json_is_read_as_well() -> None:
    assert found(RAW) == {"W9706", "E9711", "E9721"}


def test_a_finding_names_its_line_and_place_what_happens_the_mend_and_awss_page() -> None:
    [latest] = [finding for finding in examine(SEEDED, "seeded.yaml") if finding.id == "E9701"]
    lines = SEEDED.splitlines()
    assert latest.line is not None
    assert "StartingPosition" in lines[latest.line - 1]
    assert latest.where == "Resources/Consumer/Properties/Events/Records/Properties/StartingPosition"
    assert "TRIM_HORIZON" in latest.fix
    for finding in [*examine(SEEDED, "seeded.yaml", rate=9999), *examine(RAW, "raw.json")]:
        assert finding.page.startswith("https://docs.aws.amazon.com/")
        assert len(finding.what) > 40
        assert len(finding.fix) > 20


CASES = [
    ("StartingPosition: TRIM_HORIZON", "StartingPosition: LATEST", "E9701"),
    ("StartingPosition: TRIM_HORIZON", "StartingPosition: !If [Never, TRIM_HORIZON, LATEST]", "E9701"),
    ("MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: -1", "E9702"),
    (
        "Type: S3, Destination: !GetAtt Failures.Arn",
        "Type: SQS, Destination: arn:aws:sqs:us-east-1:1:q",
        "W9706",
    ),
    (
        "DestinationConfig: {OnFailure: {Type: S3, Destination: !GetAtt Failures.Arn}}",
        "Enabled: true",
        "E9703",
    ),
    ("{OnFailure: {Type: S3, Destination: !GetAtt Failures.Arn}}", "{OnFailure: {}}", "E9703"),
    ("Type: S3, Destination", "Destination", "E9732"),
    ("MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: 3600, MaximumRetryAttempts: 0", "E9708"),
    ("MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: 3600, MaximumRetryAttempts: 1", None),
    ("            Stream: !GetAtt Orders.Arn\n", "", "E9709"),
    ("Stream: !GetAtt Orders.Arn", "Stream: !GetAtt Nowhere.Arn", "E9741"),
    ("Stream: !GetAtt Orders.Arn", "Stream: !Ref Nowhere", "E9741"),
    ("Destination: !GetAtt Failures.Arn", "Destination: !GetAtt Nowhere.Arn", "E9741"),
    ("${Failures.Arn}/*", "${Nowhere.Arn}/*", "E9741"),
    ("${Failures.Arn}/*", "${ConsumerRole.Arn}/${AWS::Region}/${!Shell}/*", None),
    ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", "E9704"),
    ("BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false", "W9705"),
    (
        "MaximumRecordAgeInSeconds: 3600",
        "MaximumRecordAgeInSeconds: 60, MaximumBatchingWindowInSeconds: 29",
        None,
    ),
    ("MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: 43201", "E9711"),
    (
        "BisectBatchOnFunctionError: true",
        "BisectBatchOnFunctionError: true\n            ParallelizationFactor: 2",
        "W9708",
    ),
    (
        "BisectBatchOnFunctionError: true",
        "BisectBatchOnFunctionError: true\n            ParallelizationFactor: 1",
        None,
    ),
    ("ShardCount: 2", "ShardCount: 2, RetentionPeriodHours: 48", None),
    ("ShardCount: 2", "ShardCount: 2, RecordDistributionStrategy: AUTO", "W9716"),
    ("ShardCount: 2", "ShardCount: 2, RecordDistributionStrategy: USER_PARTITION_KEY", None),
    ("Timeout: 30", "MemorySize: 512", "W9722"),
    ("Timeout: 30", "Timeout: 3600", "E9707"),
    ("Runtime: python3.13", "Runtime: python3.8", "W9723"),
    ("Timeout: 30", "Timeout: 30\n      ReservedConcurrentExecutions: 1", "E9724"),
    ("Timeout: 30", "Timeout: 30\n      ReservedConcurrentExecutions: 2", None),
    ("Timeout: 30", "Timeout: 30\n      DeadLetterQueue: {Type: SQS, TargetArn: x}", "E9721"),
    ('"s3:PutObject", Resource: !Sub "${Failures.Arn}/*"', '"s3:*", Resource: !GetAtt Failures.Arn', "W9731"),
    ('"s3:PutObject", Resource: !Sub "${Failures.Arn}/*"', '"s3:PutObject", Resource: "*"', "W9731"),
    ("Effect: Deny, Action", "Effect: Allow, NotAction", "W9731"),
    ("- Statement:\n", "- AmazonKinesisFullAccess\n        - Statement:\n", "W9731"),
]


@pytest.mark.parametrize(("old", "new", "rule"), CASES)
def test_one_change_of_a_sound_template_is_one_finding(old: str, new: str, rule: str | None) -> None:
    assert old in SOUND
    text = SOUND.replace(old, new.replace(", Maximum", "\n            Maximum"), 1)
    text = text.replace("Resources:\n", "Conditions: {Never: !Equals [a, b]}\nResources:\n", 1)
    assert found(text) == ({rule} if rule else set())


def test_a_sound_template_has_no_finding() -> None:
    assert found(SOUND) == set()


@pytest.mark.parametrize(
    ("rate", "size", "bites"), [(2000, 1000, False), (2001, 1000, True), (500, 5000, True), (0, 9999, False)]
)
def test_shards_are_held_against_records_and_bytes_a_second(rate: int, size: int, bites: bool) -> None:
    """docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
    assert found(SOUND, rate=rate, record_bytes=size) == ({"W9712"} if bites else set())


def test_a_stream_on_demand_begins_with_what_four_shards_carry() -> None:
    text = SOUND.replace("{ShardCount: 2}", "{StreamModeDetails: {StreamMode: ON_DEMAND}}")
    assert found(text, rate=4000) == set()
    assert found(text, rate=4001) == {"W9712"}


def test_async_settings_are_meant_where_something_else_calls_the_function() -> None:
    text = SEEDED.replace("      Events:\n", "      Events:\n        Clock: {Type: Schedule}\n", 1)
    assert "E9721" not in found(text)


def test_what_only_a_deployment_can_tell_is_no_finding() -> None:
    unknown = "Position: {Type: String}"
    text = SEEDED.replace("Position: {Type: String, Default: LATEST}", unknown)
    assert "E9701" not in found(text)
    imported = SOUND.replace("Stream: !GetAtt Orders.Arn", "Stream: !ImportValue Orders")
    assert found(imported, rate=9999) == set()


def test_queues_and_tables_are_none_of_its_business() -> None:
    text = RAW.replace('{"Fn::GetAtt": ["Orders", "Arn"]}', '"arn:aws:dynamodb:us-east-1:1:table/t/stream/s"')
    with pytest.raises(TemplateError, match="no event source mapping that reads Kinesis"):
        examine(text, "raw.json")


def test_a_resource_silences_a_rule_by_cfn_lints_own_metadata() -> None:
    document = json.loads(RAW)
    document["Resources"]["Mapping"]["Metadata"] = {"cfn-lint": {"config": {"ignore_checks": ["W9706"]}}}
    assert found(json.dumps(document)) == {"E9711", "E9721"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: [", "t cannot be read as a template, line 2"),
        ("Resources: abc", "has no Resources"),
        ("Resources: {1: {Type: AWS::S3::Bucket}}", "no event source mapping that reads Kinesis"),
        ("Resources: {A: {Type: AWS::S3::Bucket}}\nGlobals: abc", "Globals must be a mapping"),
        ("Resources: {A: {2012-10-17: b}}", "a key in A should be a string, and YAML reads it as datetime"),
        ("- a list", "t cannot be read as a template"),
        ("", "has no Resources"),
        (
            "Conditions: {No: !Equals [a, b]}\nResources: {}",
            "t cannot be read as a template: .*should be a string",
        ),
        ("A: {}", "has no Resources"),
        ("Resources: {B: {Type: AWS::S3::Bucket}}", "no event source mapping that reads Kinesis"),
    ],
)
def test_what_is_no_template_of_a_consumer_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        examine(text, "t")


def test_the_rules_are_a_pack_for_cfn_lint_with_ids_of_their_own() -> None:
    from cfnlint.core import get_rules

    loaded = get_rules([str(RULES)], [], [])
    ours = {rule.id: rule for rule in loaded if rule.id[1:3] == "97"}
    assert len(ours) == 29
    for rule in ours.values():
        assert rule.description
        assert rule.fix
        assert rule.source_url.startswith("https://docs.aws.amazon.com/")


def test_findings_stand_in_the_order_of_their_lines() -> None:
    lines = [finding.line or 0 for finding in examine(SEEDED, "seeded.yaml", rate=2500)]
    assert lines == sorted(lines)
    assert isinstance(examine(RAW, "raw.json")[0], Finding)


def with_variables(variables: str) -> str:
    return SOUND.replace("Timeout: 30", f"Timeout: 30\n      Environment: {{Variables: {{{variables}}}}}")


@pytest.mark.parametrize(
    ("variables", "key_rate", "bites"),
    [
        ("PREDICTIONS_STREAM_NAME: out", 95, False),
        ("PREDICTIONS_STREAM_NAME: out", 96, True),
        ('PREDICTIONS_STREAM_NAME: out, AGGREGATE_PREDICTIONS: "false"', 96, True),
        ("PREDICTIONS_STREAM_NAME: out, AGGREGATE_PREDICTIONS: false", 96, True),
        ('PREDICTIONS_STREAM_NAME: out, AGGREGATE_PREDICTIONS: "true"', 1_000, False),
        ('PREDICTIONS_STREAM_NAME: out, AGGREGATE_PREDICTIONS: "true"', 1_001, True),
        ("OTHER: out", 96, False),
        ("OTHER: out", 1_001, True),
        ("PREDICTIONS_STREAM_NAME: out", 0, False),
    ],
)
def test_a_key_s_rate_is_held_against_one_put_a_call_and_a_shard(
    variables: str, key_rate: int, bites: bool
) -> None:
    assert found(with_variables(variables), key_rate=key_rate) == ({"W9714"} if bites else set())


def test_our_own_template_carries_ninety_five_rides_a_second_of_a_key() -> None:
    assert found(OURS.read_text(), key_rate=95) == set()
    assert found(OURS.read_text(), key_rate=96) == {"W9714"}


ODD: list[Any] = [
    None, 7, -1, 1.5, True, "abc", "", [], ["a"], [[]], {}, {"a": "b"}, {7: 8}, {"Ref": ["a"]}, {"Ref": 7},
    {"Fn::GetAtt": [["a"], "b"]}, {"Fn::Sub": ["${a.b.c}", 7]}, {"Fn::If": [["a"], 1, 2]}, {"Fn::Join": [1]},
    {"Fn::FindInMap": [[1], 2, 3]}, float("inf"), float("nan"),
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of all that is in a document."""
    if path:
        yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(1, 9))])
def test_whatever_stands_in_a_place_it_is_examined_or_refused_and_never_an_exception(seed: int) -> None:
    plain = {"Fn::GetAtt": "Orders.Arn"}
    document = json.loads(RAW)
    document["Transform"] = "AWS::Serverless-2016-10-31"
    document["Resources"]["Role"] = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [
        {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": plain}]}}
    ]}}  # fmt: skip
    document["Resources"]["Consumer"]["Properties"]["Role"] = {"Fn::GetAtt": "Role.Arn"}
    random = Random(seed)
    for path in random.sample(list(places(document)), 15):
        changed = json.loads(json.dumps(document))
        inside = changed
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = random.choice(ODD)
        try:
            told = "; ".join(finding.fix for finding in examine(yaml.safe_dump(changed), "t"))
        except TemplateError as error:
            told = str(error)
        assert "Unknown exception" not in told, path
