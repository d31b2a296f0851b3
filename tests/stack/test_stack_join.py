"""What join.yaml promises: what is read, made and permitted, its alarms, and that it runs here."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from transformed import of_type, transformed

from threeways.aws.cloudformation.document import parse
from threeways.emulator.mapping import MappingSettings
from threeways.emulator.mapping.filters import of_table
from threeways.emulator.provision import provision
from threeways.emulator.schedule import ScheduleSettings
from threeways.emulator.server import Emulator
from threeways.emulator.template import load
from threeways.emulator.template_values import Resolver
from threeways.join.functions import ALWAYS
from threeways.join.judge import PERIOD, _metrics
from threeways.join.telemetry import AGES, COUNTS
from threeways.lifecycle.live import Live
from threeways.stream.telemetry import NAMESPACE

TEMPLATE = Path(__file__).parents[2] / "join.yaml"
DOCUMENT = parse(TEMPLATE.read_text())
FUNCTIONS = {"Joiner": "join_events", "Publisher": "publish", "Expirer": "expire", "Sweeper": "sweep"}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0d1e"
TOPIC = "arn:aws:sns:us-east-1:123456789012:page"
EVENTS = "arn:aws:kinesis:us-east-1:123456789012:stream/uploads"
VERDICTS = "arn:aws:kinesis:us-east-1:123456789012:stream/verdicts"


class _Anything(dict[str, str]):
    """Every resource's attribute, as `<Resource.Attribute>`."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def resolved(**given: str) -> dict[str, Any]:
    """Resources and outputs with parameters and conditions put in; a resource's Ref is its logical id."""
    mappings = ("JoinerSubjects", "JoinerVerdicts", "PublisherOutbox")
    references = {
        **{name: name for name in [*DOCUMENT["Resources"], *mappings]},
        **{name: str(body["Default"]) for name, body in DOCUMENT["Parameters"].items()},
        **given,
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "AWS::StackName": "uploads-join",
        "AWS::AccountId": "123456789012",
    }
    resolver = Resolver(references, _Anything(), DOCUMENT["Conditions"])
    there = {
        name: body
        for name, body in DOCUMENT["Resources"].items()
        if resolver.is_there(body.get("Condition"), name)
    }
    made: dict[str, Any] = resolver.resolve({"Resources": there, "Globals": DOCUMENT["Globals"]}, "template")
    return made


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: str, **given: str) -> dict[str, dict[str, Any]]:
    """The statements of a role, by Sid."""
    [policy] = resolved(**given)["Resources"][role]["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_it_is_made_and_read_here_as_it_is_deployed(emulator: Emulator) -> None:
    stack = load(TEMPLATE, {"Join": "any"}, name=f"join-{uuid.uuid4().hex[:8]}")
    provision(stack, emulator)
    assert {one.where: one.source.name.rpartition("-")[2] for one in stack.mappings} == {
        "Joiner.Events.Subjects": "events",
        "Joiner.Events.Verdicts": "verdicts",
    }
    assert all(one.settings.report_batch_item_failures and one.settings.bisect for one in stack.mappings)
    triggers = {one.where: one for one in stack.triggers}
    assert triggers["Publisher.Events.Outbox"].source == stack.tables["Table"].name
    assert triggers["Expirer.Events.Due"].source == stack.queues["Timers"].name
    sweep = triggers["Sweeper.Events.EachMinute"].settings
    assert isinstance(sweep, ScheduleSettings)
    assert (sweep.expression, sweep.enabled) == ("rate(1 minute)", True)
    function = stack.mappings[0].function
    assert function == stack.mappings[1].function
    assert function.handler == "threeways.join.functions.join_events"
    assert function.environment == {
        "JOIN": "any",
        "JOIN_POLICY": "",
        "JOIN_TABLE_NAME": stack.tables["Table"].name,
        "JOIN_QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/123456789012/{stack.queues['Timers'].name}",
        "DECISIONS_STREAM_NAME": stack.streams["DecisionsStream"].name,
        "QUARANTINE_LOCATION": f"s3://{stack.buckets['QuarantineBucket'].name}/quarantine",
        "POWERTOOLS_SERVICE_NAME": stack.streams["DecisionsStream"].name.removesuffix("-decisions"),
    }
    dynamodb = emulator.client("dynamodb")
    table = dynamodb.describe_table(TableName=stack.tables["Table"].name)["Table"]
    [index] = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("due", {"ProjectionType": "KEYS_ONLY"})
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_streams_that_are_there_are_read_instead() -> None:
    stack = load(TEMPLATE, {"EventsStreamArn": EVENTS, "VerdictsStreamArn": VERDICTS})
    assert [one.source.arn for one in stack.mappings] == [EVENTS, VERDICTS]
    assert set(stack.streams) == {"DecisionsStream"}
    read = statements("JoinerRole", EventsStreamArn=EVENTS, VerdictsStreamArn=VERDICTS)
    assert read["ReadEventsAndVerdicts"]["Resource"] == [EVENTS, VERDICTS]
    for which, arn in (("Events", EVENTS), ("Verdicts", VERDICTS)):
        condition = read[f"Decrypt{which}"]["Condition"]
        assert condition == {"StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": arn}}
    assert not {"DecryptEvents", "DecryptVerdicts"} & statements("JoinerRole").keys()


LABELS = "arn:aws:kinesis:us-east-1:123456789012:stream/ended"


def test_of_a_join_of_labels_a_third_stream_is_read_and_closed_cohorts_are_judged_each_hour() -> None:
    assert (
        not {"Judge", "JudgeRole", "LabelsStream", "JoinerLabels", "LiveBias"}
        & resolved()["Resources"].keys()
    )
    stack = load(TEMPLATE, {"Labels": "true", "Join": "any"})
    assert [one.where for one in stack.mappings][-1] == "JoinerLabels"
    verdicts, labels = stack.mappings[1:]
    assert labels.source.name.endswith("-labels")
    assert labels.settings == verdicts.settings
    assert labels.function == verdicts.function
    [judge] = [one for one in stack.triggers if one.function.logical_id == "Judge"]
    assert isinstance(judge.settings, ScheduleSettings)
    assert judge.settings.expression == f"rate({PERIOD / 3600:.0f} hour)"
    assert judge.function.handler == "threeways.join.functions.judge"
    read = statements("JoinerRole", Labels="true", LabelsStreamArn=LABELS)
    assert read["ReadEventsAndVerdicts"]["Resource"][-1] == LABELS
    assert read["DecryptLabels"]["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": LABELS}
    }
    assert "LabelsStream" not in load(TEMPLATE, {"Labels": "true", "LabelsStreamArn": LABELS}).streams
    assert "DecryptLabels" not in statements("JoinerRole", Labels="true")


def test_the_alarms_of_live_error_are_on_metrics_that_the_judge_prints() -> None:
    made = resolved(Labels="true", AlarmTopicArn=TOPIC)["Resources"]
    [cohort] = _live().close()
    printed = {name for name, _, _ in _metrics(cohort)}
    for name in ("LiveCoverage", "LiveBias", "LabelsMissing"):
        alarm = made[name]["Properties"]
        assert alarm["MetricName"] in printed
        assert alarm["Namespace"] == NAMESPACE
        assert {one["Name"] for one in alarm["Dimensions"]} == {"service", "function_name"}
        assert alarm["AlarmActions"] == [TOPIC]
        assert alarm["Period"] >= PERIOD


def _live() -> Live:
    live = Live("id", ())
    told = {"id": 1, "revision": 1, "model": "m", "version": "1", "predicted": 1.0, "actual": 2.0}
    live.add({**told, "at": "2021-02-01T08:00:00", "slices": {}})
    return live


def test_paused_nothing_is_decided_and_what_is_decided_is_still_told() -> None:
    stack = load(TEMPLATE, {"Consume": "false"})
    assert [one.settings.enabled for one in stack.mappings] == [False, False]
    assert {one.where: one.settings.enabled for one in stack.triggers} == {
        "Publisher.Events.Outbox": True, "Expirer.Events.Due": False, "Sweeper.Events.EachMinute": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ({"key": {"S": "1"}, "outbox": {"N": "1"}}, True),
        ({"key": {"S": "1"}, "version": {"N": "3"}}, False),
        (None, False),
    ],
)
def test_the_publisher_sees_the_changes_with_messages_that_wait_and_no_others(
    image: dict[str, Any] | None, told: bool
) -> None:
    [settings] = [one.settings for one in load(TEMPLATE).triggers if one.where.startswith("Publisher")]
    assert isinstance(settings, MappingSettings)
    change = {"eventName": "MODIFY", "dynamodb": {"Keys": {}} | ({"NewImage": image} if image else {})}
    assert of_table(settings.filters, json.dumps(change).encode()) is told


def test_each_function_is_the_same_image_with_another_command() -> None:
    made = of_type(resolved(), "AWS::Serverless::Function")
    assert {
        name: body["ImageConfig"]["Command"][0].removeprefix("threeways.join.functions.")
        for name, body in made.items()
    } == FUNCTIONS
    builds = [DOCUMENT["Resources"][name]["Metadata"] for name in FUNCTIONS]
    assert {one["DockerBuildTarget"] for one in builds} == {"join"}


def test_the_queue_shows_a_message_again_after_six_timeouts_and_its_dead_letters_last() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    made = resolved()
    queues = of_type(made, "AWS::SQS::Queue")
    assert queues["Timers"]["VisibilityTimeout"] >= 6 * made["Globals"]["Function"]["Timeout"]
    assert queues["Timers"]["RedrivePolicy"]["deadLetterTargetArn"] == "<TimersDeadLetters.Arn>"
    assert queues["Timers"]["RedrivePolicy"]["maxReceiveCount"] >= 5
    assert {queue["MessageRetentionPeriod"] for queue in queues.values()} == {14 * 86_400}


@pytest.mark.parametrize("role", [f"{name}Role" for name in FUNCTIONS])
def test_a_role_names_its_actions_and_resources(role: str) -> None:
    """docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""
    wild = set()
    for statement in statements(role, KmsKeyArn=KEY).values():
        assert all("*" not in action for action in listed(statement["Action"]))
        if "*" in listed(statement["Resource"]):
            wild |= set(listed(statement["Action"]))
    tracing = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    streams = {"JoinerRole": {"kinesis:ListStreams"}, "PublisherRole": {"dynamodb:ListStreams"}}
    assert wild == tracing | streams.get(role, set())


def test_only_who_publishes_may_put_decisions_and_nobody_may_delete_a_key() -> None:
    may: dict[str, set[str]] = {}
    for name in FUNCTIONS:
        for statement in statements(f"{name}Role").values():
            for action in listed(statement["Action"]):
                may.setdefault(action, set()).add(name)
    assert may["kinesis:PutRecords"] == {"Publisher", "Sweeper"}
    assert may["dynamodb:UpdateItem"] == set(FUNCTIONS)
    assert may["dynamodb:Query"] == {"Sweeper"}
    assert may["sqs:SendMessage"] == {"Joiner", "Expirer"}
    assert not {action for action in may if "Delete" in action} - {"sqs:DeleteMessage"}
    assert not {action for action in may if action in {"dynamodb:PutItem", "dynamodb:Scan"}}


@pytest.mark.exhaustive
def test_sam_adds_no_role_and_no_managed_policy_of_its_own() -> None:
    made = transformed(packaged())
    assert set(of_type(made, "AWS::IAM::Role")) == {f"{name}Role" for name in (*FUNCTIONS, "Judge")}
    assert "ManagedPolicyArns" not in json.dumps(made)


def packaged() -> dict[str, Any]:
    """The template as `sam package` leaves it: the image's URI in place of each function's Metadata."""
    from samtranslator.yaml_helper import yaml_parse

    document: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    for name in (*FUNCTIONS, "Judge"):
        del document["Resources"][name]["Metadata"]
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/three-ways-join:1"
        document["Resources"][name]["Properties"]["ImageUri"] = image
    return document


def test_everything_is_encrypted_by_a_key_of_ones_own_where_there_is_one() -> None:
    own, awss = resolved(KmsKeyArn=KEY), resolved()
    for document, key in ((own, KEY), (awss, None)):
        for stream in of_type(document, "AWS::Kinesis::Stream").values():
            assert stream["StreamEncryption"] == {
                "EncryptionType": "KMS",
                "KeyId": key or "alias/aws/kinesis",
            }
        for bucket in of_type(document, "AWS::S3::Bucket").values():
            [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID") == key
        for queue in of_type(document, "AWS::SQS::Queue").values():
            assert (queue.get("KmsMasterKeyId"), queue.get("SqsManagedSseEnabled")) == (
                key,
                None if key else True,
            )
        table = document["Resources"]["Table"]["Properties"]
        assert (table["SSESpecification"]["SSEEnabled"], table["SSESpecification"].get("KMSMasterKeyId")) == (
            True,
            key,
        )
        assert document["Globals"]["Function"].get("KmsKeyArn") == key
        assert document["Resources"]["JoinLog"]["Properties"].get("KmsKeyId") == key
    for name in FUNCTIONS:
        assert statements(f"{name}Role", KmsKeyArn=KEY)["UseTheKey"]["Resource"] == KEY
        assert "UseTheKey" not in statements(f"{name}Role")


def test_what_cannot_be_made_again_outlives_the_stack() -> None:
    kept = {name for name, body in DOCUMENT["Resources"].items() if body.get("DeletionPolicy") == "Retain"}
    assert kept == {"Table", "QuarantineBucket", "FailuresBucket", "DeploymentsBucket"}
    table = resolved()["Resources"]["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "TableName" not in table  # another stack of that name gets a table of its own


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [metric["MetricStat"]["Metric"] for metric in alarm["Metrics"] if "MetricStat" in metric]


ALARMS = of_type(resolved(AlarmTopicArn=TOPIC), "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_tells_somebody(name: str) -> None:
    """docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    alarm = ALARMS[name]
    happened, _, runbook = alarm["AlarmDescription"].partition(" Runbook: ")
    assert happened.endswith((".", "?"))
    assert len(runbook) > 40
    assert len(alarm["AlarmDescription"]) <= 1024
    assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
    silence = {"NoEvents", "SweeperSilent"}
    assert alarm["TreatMissingData"] == ("breaching" if name in silence else "notBreaching")
    assert "AlarmActions" not in resolved()["Resources"][name]["Properties"]


def test_each_way_to_fail_has_an_alarm() -> None:
    watched = {
        (metric["MetricName"], dimension["Value"])
        for alarm in ALARMS.values()
        for metric in metrics(alarm)
        for dimension in metric["Dimensions"]
    }
    assert watched >= {
        ("Overdue", "Sweeper"),
        ("OutboxAge", "Sweeper"),
        ("Failed", "Joiner"),
        ("Failed", "Sweeper"),
        ("Expired", "Sweeper"),
        ("Late", "Joiner"),
        ("ApproximateNumberOfMessagesVisible", "<TimersDeadLetters.QueueName>"),
        ("IteratorAge", "Joiner"),
        ("IteratorAge", "Publisher"),
        ("Invocations", "Sweeper"),
        ("WriteThrottleEvents", "due"),
        ("DroppedEventCount", "JoinerSubjects"),
        ("DroppedEventCount", "JoinerVerdicts"),
        ("DroppedEventCount", "PublisherOutbox"),
        *(("Errors", name) for name in FUNCTIONS),
        *(("Throttles", name) for name in FUNCTIONS),
    }


def test_the_functions_emit_the_metrics_that_alarms_and_dashboard_watch() -> None:
    body = json.loads(resolved()["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    shown = {
        metric[1]
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == NAMESPACE
    }
    watched = {
        metric["MetricName"]
        for alarm in ALARMS.values()
        for metric in metrics(alarm)
        if metric["Namespace"] == NAMESPACE
    }
    assert watched | shown <= {*COUNTS, *AGES}
    assert {"Overdue", "OutboxAge"} <= set(ALWAYS), "an alarm on it has data each minute"


def test_what_an_alarm_tells_to_run_or_to_raise_is_there() -> None:
    text = " ".join(alarm["AlarmDescription"] for alarm in ALARMS.values())
    named = set(re.findall(r"\b(?:[A-Z][a-z0-9]+){2,}\b", text))
    known = {*DOCUMENT["Parameters"], *DOCUMENT["Resources"], *DOCUMENT["Outputs"], "EventBridge"}
    assert named <= known, named - known


def test_the_dashboard_shows_every_alarm() -> None:
    body = json.loads(resolved()["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    assert body["widgets"][0]["properties"]["alarms"] == [f"<{name}.Arn>" for name in ALARMS]


def test_each_parameter_is_described_bounded_and_has_a_default() -> None:
    for name, body in DOCUMENT["Parameters"].items():
        assert len(body["Description"]) > 20, name
        bound = (
            {"AllowedValues", "AllowedPattern"} if body["Type"] == "String" else {"AllowedValues", "MinValue"}
        )
        assert bound & set(body), name
        if "AllowedPattern" in body:
            assert re.search(body["AllowedPattern"], str(body["Default"])), name
