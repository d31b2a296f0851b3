"""A template's tables, queues and schedules: made, and feeding functions, as they are deployed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from threeways.emulator.function import InProcessFunction
from threeways.emulator.mapping import MappingSettings, QueueSettings
from threeways.emulator.provision import provision
from threeways.emulator.schedule import ManualClock, ScheduleSettings
from threeways.emulator.server import Emulator
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.emulator.triggers import mapping_of
from threeways.errors import LocalError

TEMPLATE = """
Globals: {Function: {AutoPublishAlias: live, Handler: app.handler, Timeout: 5}}
Parameters: {Units: {Type: String, Default: "5"}}
Resources:
  Decisions:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: NAME-decisions
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions:
        - {AttributeName: id, AttributeType: S}
        - {AttributeName: due, AttributeType: "N"}
        - {AttributeName: open, AttributeType: S}
      ProvisionedThroughput: {ReadCapacityUnits: !Ref Units, WriteCapacityUnits: 5}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      SSESpecification: {SSEEnabled: true}
      GlobalSecondaryIndexes:
        - IndexName: by-due
          KeySchema: [{AttributeName: open, KeyType: HASH}, {AttributeName: due, KeyType: RANGE}]
          Projection: {ProjectionType: KEYS_ONLY}
          ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: "5"}
  Deadlines:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: NAME-deadlines
      VisibilityTimeout: "30"
      DelaySeconds: 0
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Lost.Arn, maxReceiveCount: 3}
      KmsMasterKeyId: !GetAtt Key.Arn
  Lost: {Type: "AWS::SQS::Queue", Properties: {QueueName: NAME-lost}}
  Failures: {Type: "AWS::S3::Bucket", Properties: {BucketName: NAME-failures}}
  Publisher:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {TABLE: !Ref Decisions, QUEUE: !Ref Deadlines}}
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Decisions.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 50
            DestinationConfig: {OnFailure: {Type: S3, Destination: !GetAtt Failures.Arn}}
  Timer:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Due:
          Type: SQS
          Properties:
            {Queue: !GetAtt Deadlines.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}
        Sweep: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
        Daily:
          Type: ScheduleV2
          Properties: {ScheduleExpression: "cron(0 3 * * ? *)", ScheduleExpressionTimezone: Europe/Berlin}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    name = f"t{uuid.uuid4().hex[:8]}"

    def written(old: str = "", new: str = "") -> Path:
        assert old in TEMPLATE
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE.replace(old, new, 1).replace("NAME", name))
        return path

    return written


def test_events_are_read_with_their_settings_and_what_they_invoke(write: Callable[..., Path]) -> None:
    stack = load(write())
    table, queue = stack.tables["Decisions"], stack.queues["Deadlines"]
    assert stack.mappings == ()
    found = {trigger.where: trigger for trigger in stack.triggers}
    assert {where: (one.source, one.settings) for where, one in found.items()} == {
        "Publisher.Events.Changes": (
            table.name,
            MappingSettings(batch_size=50, destination=stack.buckets["Failures"].name),
        ),
        "Timer.Events.Due": (queue.name, QueueSettings(5, report_batch_item_failures=True)),
        "Timer.Events.Sweep": (
            "TimerSweep",
            ScheduleSettings("Schedule", "rate(1 minute)", "TimerSweep"),
        ),
        "Timer.Events.Daily": (
            "TimerDaily",
            ScheduleSettings("ScheduleV2", "cron(0 3 * * ? *)", "TimerDaily", "Europe/Berlin"),
        ),
    }
    assert found["Timer.Events.Due"].function.arn.endswith(":function:three-ways-timer:live")
    assert found["Publisher.Events.Changes"].function.environment == {
        "TABLE": table.name,
        "QUEUE": f"https://sqs.us-east-1.amazonaws.com/123456789012/{queue.name}",
    }


@pytest.mark.parametrize(
    ("arn", "kind", "more"),
    [
        ("Decisions.StreamArn", MappingSettings, ", StartingPosition: LATEST"),
        ("Deadlines.Arn", QueueSettings, ""),
    ],
)
def test_a_standalone_mapping_of_a_table_or_queue_is_read_like_an_event(
    write: Callable[..., Path], arn: str, kind: type, more: str
) -> None:
    properties = f"{{FunctionName: !Ref Timer, EventSourceArn: !GetAtt {arn}, BatchSize: 7{more}}}"
    added = f'Resources:\n  M: {{Type: "AWS::Lambda::EventSourceMapping", Properties: {properties}}}\n'
    *_, trigger = load(write("Resources:\n", added)).triggers
    assert trigger.where == "M"
    assert isinstance(trigger.settings, kind)
    assert getattr(trigger.settings, "batch_size", None) == 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("!GetAtt Decisions.StreamArn", "!GetAtt Decisions.Arn", "Changes: it reads .* ARN of a table's"),
        ("StreamSpecification: {", "SSESpecification: {", r"asks for Decisions\.StreamArn"),
        ("Queue: !GetAtt Deadlines.Arn", "Queue: deadlines", r"Due: it reads deadlines, which is not"),
        ("BatchSize: 5,", "BatchSize: 50,", r"Due: .*MaximumBatchingWindowInSeconds"),
        ("rate(1 minute)", "rate(1 minutes)", r"Sweep: .*singular"),
        ("Europe/Berlin", "Europe/Lisboa", r"Daily: .*no time zone"),
        ("BatchSize: 50", "TumblingWindowInSeconds: 5", r"Changes: .*TumblingWindowInSeconds"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_with_its_place(
    write: Callable[..., Path], old: str, new: str, message: str
) -> None:
    with pytest.raises(LocalError, match=message):
        load(write(old, new))


@pytest.fixture
def stack(write: Callable[..., Path], emulator: Emulator) -> Stack:
    made = load(write())
    provision(made, emulator)
    return made


def test_tables_and_queues_are_made_as_the_template_says(stack: Stack, emulator: Emulator) -> None:
    dynamodb, sqs = emulator.client("dynamodb"), emulator.client("sqs")
    name = stack.tables["Decisions"].name
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["TableArn"] == stack.tables["Decisions"].arn
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-due"]
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")
    url = sqs.get_queue_url(QueueName=stack.queues["Deadlines"].name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "30"
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": stack.queues["Lost"].arn,
        "maxReceiveCount": 3,
    }


def test_all_of_them_feed_their_functions(
    stack: Stack, emulator: Emulator, eventually: Callable[..., None]
) -> None:
    dynamodb, sqs = emulator.client("dynamodb"), emulator.client("sqs")
    clock = ManualClock(1_800_000_000)
    seen: dict[str, list[Any]] = {trigger.where: [] for trigger in stack.triggers}
    queue = f"https://sqs.us-east-1.amazonaws.com/123456789012/{stack.queues['Deadlines'].name}"

    def publish(event: Any, context: Any) -> None:
        for record in event["Records"]:
            seen["Publisher.Events.Changes"].append(record["dynamodb"]["NewImage"]["id"]["S"])
            sqs.send_message(QueueUrl=queue, MessageBody="due", DelaySeconds=1)

    with ExitStack() as running:
        for trigger in stack.triggers:
            into = seen[trigger.where]
            handler = (
                publish
                if trigger.function.logical_id == "Publisher"
                else lambda event, context, into=into: into.append(event)
            )
            function = InProcessFunction(handler, trigger.function.timeout)
            running.enter_context(mapping_of(trigger, emulator, function.invoke, clock=clock))
        dynamodb.put_item(TableName=stack.tables["Decisions"].name, Item={"id": {"S": "upload-1"}})
        eventually(lambda: seen["Timer.Events.Due"])
        clock.move(60)
        eventually(lambda: seen["Timer.Events.Sweep"])
    assert seen["Publisher.Events.Changes"] == ["upload-1"]
    assert seen["Timer.Events.Due"][0]["Records"][0]["body"] == "due"
    assert seen["Timer.Events.Sweep"][0]["source"] == "aws.events"
    assert seen["Timer.Events.Daily"] == []


def test_a_templates_visibility_timeout_below_its_functions_timeout_is_refused(
    write: Callable[..., Path], emulator: Emulator
) -> None:
    made = load(write('VisibilityTimeout: "30"', "VisibilityTimeout: 4"))
    provision(made, emulator)
    (due,) = [trigger for trigger in made.triggers if isinstance(trigger.settings, QueueSettings)]
    mapping = mapping_of(due, emulator, InProcessFunction(lambda event, context: None).invoke)
    with pytest.raises(LocalError, match="VisibilityTimeout of 4 s, below the function's Timeout of 5 s"):
        mapping.start()
    mapping.stop()
