"""A template's event source mappings, in either form, and what is invoked by them.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threeways.emulator.function import InProcessFunction, LocalFunction
from threeways.emulator.mapping import Clients, EventSourceMapping, MappingSettings
from threeways.emulator.provision import provision
from threeways.emulator.server import Emulator
from threeways.emulator.template import load
from threeways.errors import LocalError

TEMPLATE = """
Globals: {Function: {AutoPublishAlias: live, Handler: app.handler}}
Parameters: {Paused: {Type: String, Default: "no"}}
Conditions: {IsPaused: !Equals [!Ref Paused, "yes"]}
Resources:
  Rides: {Type: "AWS::Kinesis::Stream", Properties: {Name: NAME-rides}}
  Orders: {Type: "AWS::Kinesis::Stream", Properties: {Name: NAME-orders}}
  Failures: {Type: "AWS::S3::Bucket", Properties: {BucketName: NAME-failures}}
  Tip:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: tip}
  Plain:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: plain, AutoPublishAlias: !Ref AWS::NoValue}
  Standing:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref TipAliaslive
      EventSourceArn: !GetAtt Rides.Arn
      StartingPosition: TRIM_HORIZON
      BatchSize: "7"
      MaximumRetryAttempts: 0
      DestinationConfig: {OnFailure: {Destination: !GetAtt Failures.Arn}}
      Tags: [{Key: team, Value: tips}]
"""
EVENT = "{Type: Kinesis, Properties: {Stream: !GetAtt %s.Arn, StartingPosition: LATEST}}"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(old: str = "", new: str = "", text: str = TEMPLATE) -> Path:
        assert old in text
        path = tmp_path / "template.yaml"
        path.write_text(text.replace(old, new, 1).replace("NAME", tmp_path.name.replace("_", "-").lower()))
        return path

    return written


def test_a_standalone_mapping_is_read_like_a_function_s_event(write: Callable[..., Path]) -> None:
    stack = load(write())
    [mapping] = stack.mappings
    assert mapping.where == "Standing"
    assert mapping.source == stack.streams["Rides"]
    assert mapping.settings == MappingSettings(
        batch_size=7, maximum_retry_attempts=0, destination=stack.buckets["Failures"].name
    )
    assert stack.function.name == "tip"


@pytest.mark.parametrize(
    ("named", "invoked"),
    [
        ("!Ref TipAliaslive", "tip:live"),
        ("!Ref Tip.Alias", "tip:live"),
        ("!Ref Tip.Version", "tip:1"),
        ("tip:live", "tip:live"),
        (f"{ARN}tip:live", "tip:live"),
        ("123456789012:function:tip", "tip"),
        ("!Ref Tip", "tip"),
        ("!GetAtt Tip.Arn", "tip"),
        ("!Ref Plain", "plain"),
        ("plain:$LATEST", "plain:$LATEST"),
    ],
)
def test_it_invokes_what_it_names_a_function_or_its_alias(
    write: Callable[..., Path], named: str, invoked: str
) -> None:
    assert load(write("!Ref TipAliaslive", named)).function.arn == ARN + invoked


def test_a_function_s_event_invokes_the_alias_that_it_publishes(write: Callable[..., Path]) -> None:
    """docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html"""
    events = f"{{FunctionName: tip, Events: {{In: {EVENT % 'Rides'}}}}}"
    event, standing = load(write("{FunctionName: tip}", events)).mappings
    assert (event.where, event.function.arn) == ("Tip.Events.In", f"{ARN}tip:live")
    assert standing.where == "Standing"
    project = load(Path(__file__).parents[2] / "template.yaml")
    assert project.function.arn.endswith(":live")


def test_many_functions_read_one_stream_and_one_function_many(write: Callable[..., Path]) -> None:
    fan_in = f"{{Events: {{A: {EVENT % 'Rides'}, B: {EVENT % 'Orders'}}}, FunctionName: plain, "
    stack = load(write("{FunctionName: plain, ", fan_in))
    read = {one.where: (one.function.name, one.source.logical_id) for one in stack.mappings}
    assert read == {
        "Plain.Events.A": ("plain", "Rides"),
        "Plain.Events.B": ("plain", "Orders"),
        "Standing": ("tip", "Rides"),
    }
    with pytest.raises(LocalError, match=r"has 3 event source mappings from Kinesis, .*Standing; this takes"):
        _ = stack.function


def test_a_mapping_whose_condition_does_not_hold_is_not_there(write: Callable[..., Path]) -> None:
    path = write("EventSourceMapping\n", "EventSourceMapping\n    Condition: IsPaused\n")
    assert len(load(path, {"Paused": "yes"}).mappings) == 1
    with pytest.raises(
        LocalError, match=r"0 functions' Kinesis events and 0 AWS::Lambda::EventSourceMapping"
    ):
        load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("!Ref TipAliaslive", "other", r"Standing\.FunctionName is other, which is no .*it has tip, plain"),
        ("!Ref TipAliaslive", "tip:beta", r"Standing\.FunctionName names beta of Tip, .* has the alias live"),
        ("!Ref TipAliaslive", "plain:live", "names live of Plain, which has no alias"),
        (
            "!GetAtt Rides.Arn",
            "arn:aws:mq:us-east-1:123456789012:broker:q",
            "Standing reads arn:.*no stream",
        ),
        ('BatchSize: "7"', "BatchSize: 0", "template: Standing: .*BatchSize"),
        ('BatchSize: "7"', "Bathcsize: 7", "template: Standing: .*Bathcsize"),
    ],
)
def test_what_cannot_run_is_refused_with_its_place(
    write: Callable[..., Path], old: str, new: str, message: str
) -> None:
    with pytest.raises(LocalError, match=message):
        load(write(old, new))


def test_the_alias_is_in_the_context_and_in_the_failure_document(
    write: Callable[..., Path], tmp_path: Path, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/python-context.html,
    docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    stack = load(write())
    said = "f'{context.invoked_function_arn} {context.function_version}'"
    (tmp_path / "app.py").write_text(f"def handler(event, context):\n    raise ValueError({said})\n")
    provision(stack, emulator)
    kinesis, s3 = emulator.client("kinesis"), emulator.client("s3")
    kinesis.put_record(StreamName=stack.source.name, Data=b"1", PartitionKey="k")
    bucket = stack.buckets["Failures"].name
    messages: list[str] = []
    with LocalFunction(stack.function, environment=emulator.environment()) as function:
        mapping = EventSourceMapping(
            kinesis,
            stack.source.name,
            function.invoke,
            stack.mapping,
            clients=Clients(s3),
            function_arn=function.arn,
            on_event=lambda event: messages.append(event.message),
        )
        with mapping:
            while not mapping.counts().discarded:
                assert mapping.counts().failed <= 1
    assert f"{ARN}tip:live 1" in messages[0]
    [found] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    document = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert document["requestContext"]["functionArn"] == f"{ARN}tip:live"
    assert document["responseContext"]["executedVersion"] == "1"


def test_a_function_with_two_streams_has_a_checkpoint_in_each_and_one_does_not_hold_the_other(
    write: Callable[..., Path], emulator: Emulator
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html"""
    fan_in = f"{{Events: {{A: {EVENT % 'Rides'}, B: {EVENT % 'Orders'}}}, FunctionName: plain, "
    stack = load(write("{FunctionName: plain, ", fan_in.replace("LATEST", "TRIM_HORIZON")))
    provision(stack, emulator)
    kinesis = emulator.client("kinesis")
    [rides, orders] = [one for one in stack.mappings if one.function.name == "plain"]
    for place in (rides, orders):
        for number in range(3):
            kinesis.put_record(StreamName=place.source.name, Data=b"%d" % number, PartitionKey="k")
    seen: list[str] = []

    def handler(event: Any, context: Any) -> None:
        source = event["Records"][0]["eventSourceARN"]
        seen.append(source)
        if source == orders.source.arn:
            raise ValueError("no orders today")

    function = InProcessFunction(handler)
    running = {
        place.where: EventSourceMapping(kinesis, place.source.name, function.invoke, place.settings)
        for place in (rides, orders)
    }
    with running[rides.where], running[orders.where]:
        while not running[rides.where].drained() or orders.source.arn not in seen:
            assert len(seen) < 100
        assert not running[orders.where].drained()
    assert list(running[orders.where].positions().values()) == [None]
    assert None not in running[rides.where].positions().values()
