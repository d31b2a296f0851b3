"""A deployed stack, examined as it is now: against moto."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.awslambda.models import lambda_backends

from threeways.errors import TemplateError
from threeways.ops.doctor import other_consumers
from threeways.ops.doctor.check import examine
from threeways.ops.doctor.deployed import fetch

STACK = {
    "Parameters": {"Start": {"Type": "String", "Default": "TRIM_HORIZON"}},
    "Resources": {
        "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "orders", "ShardCount": 2}},
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]},
                "FunctionName": {"Ref": "Consumer"},
                "StartingPosition": {"Ref": "Start"},
                "BatchSize": 100,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "BisectBatchOnFunctionError": True,
                "MaximumRecordAgeInSeconds": 3600,
                "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
            },
        },
    },
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        yield


def client(service: str) -> Any:
    make: Any = boto3.client
    return make(service)


def deploy(stack: dict[str, Any], role: Any = None, **parameters: str) -> None:
    """The stack, with a function beside what it says."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    made = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(*_): ...")
    s3 = client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="code.zip", Body=code.getvalue())
    function = {
        "Role": role or made,
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Timeout": 30,
        "Code": {"S3Bucket": "code", "S3Key": "code.zip"},
    }
    consumer = {"Consumer": {"Type": "AWS::Lambda::Function", "Properties": function}}
    client("cloudformation").create_stack(
        StackName="rides",
        TemplateBody=json.dumps({**stack, "Resources": {**stack["Resources"], **consumer}}),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )


def found(**asked: int) -> set[str]:
    return {finding.id for finding in examine(fetch("rides", client), "rides", **asked)}


def mapping() -> str:
    [mapping] = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return str(mapping["UUID"])


def function() -> str:
    [function] = client("lambda").list_functions()["Functions"]
    return str(function["FunctionName"])


@pytest.mark.usefixtures("aws")
def test_a_sound_stack_has_no_finding() -> None:
    deploy(STACK)
    assert found() == set()


@pytest.mark.usefixtures("aws")
def test_a_parameters_value_counts_and_not_its_default() -> None:
    deploy(STACK, Start="LATEST")
    assert found() == {"E9701"}


@pytest.mark.usefixtures("aws")
def test_settings_count_as_they_are_now_and_not_as_they_were_deployed() -> None:
    deploy(STACK)
    functions = client("lambda")
    functions.update_event_source_mapping(UUID=mapping(), MaximumRecordAgeInSeconds=-1)
    functions.update_function_configuration(FunctionName=function(), Timeout=3, Runtime="python3.8")
    functions.put_function_concurrency(FunctionName=function(), ReservedConcurrentExecutions=1)
    functions.put_function_event_invoke_config(FunctionName=function(), MaximumRetryAttempts=1)
    assert found() == {"E9702", "W9723", "E9724", "E9721"}


@pytest.mark.usefixtures("aws")
def test_a_stream_counts_with_the_shards_and_the_retention_that_it_has_now() -> None:
    deploy(STACK)
    assert found(rate=2000) == set()
    kinesis = client("kinesis")
    kinesis.update_shard_count(StreamName="orders", TargetShardCount=1, ScalingType="UNIFORM_SCALING")
    assert found(rate=2000) == {"W9712"}
    client("lambda").update_event_source_mapping(UUID=mapping(), MaximumRecordAgeInSeconds=86400)
    assert found() == {"E9711"}
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    assert found() == set()


@pytest.mark.usefixtures("aws")
def test_a_stream_of_another_stack_is_looked_up_too() -> None:
    client("kinesis").create_stream(StreamName="their-orders", ShardCount=1)
    stack = json.loads(json.dumps(STACK))
    del stack["Resources"]["Orders"]
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/their-orders"
    stack["Resources"]["Mapping"]["Properties"]["EventSourceArn"] = arn
    deploy(stack)
    assert found() == set()
    assert found(rate=1001) == {"W9712"}


def of_another_stack(number: int, source: str) -> str:
    """Have a further function read a source, as another stack would; its mapping's UUID."""
    functions = client("lambda")
    code = client("s3").get_object(Bucket="code", Key="code.zip")["Body"].read()
    role = functions.list_functions()["Functions"][0]["Role"]
    name = f"other-{number}"
    functions.create_function(
        FunctionName=name, Role=role, Handler="app.handler", Runtime="python3.13", Code={"ZipFile": code}
    )
    made = functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=source, StartingPosition="TRIM_HORIZON",
        MaximumRecordAgeInSeconds=3600, BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}}, BatchSize=10,
    )  # fmt: skip
    return str(made["UUID"])


@pytest.mark.usefixtures("aws")
def test_consumers_of_other_stacks_are_counted_and_examined() -> None:
    deploy(STACK)
    kinesis = client("kinesis")
    stream = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    own = mapping()
    second = of_another_stack(2, stream)
    assert found() == set()
    third = of_another_stack(3, stream)
    [finding] = examine(fetch("rides", client), "rides")
    assert finding.id == "W9713"
    assert "3 consumers read Orders (Mapping, OtherStackother2, OtherStackother3)" in finding.what
    fan_out = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="fast")["Consumer"][
        "ConsumerARN"
    ]
    mappings = lambda_backends["123456789012"]["us-east-1"]._event_source_mappings
    mappings[third].event_source_arn = fan_out  # moto's API takes no consumer's ARN as a source
    assert found() == set()
    client("lambda").update_event_source_mapping(UUID=second, MaximumRecordAgeInSeconds=-1)
    [finding] = examine(fetch("rides", client), "rides")
    assert (finding.id, finding.where.split("/")[1]) == ("E9702", "OtherStackother2")
    assert own in {
        one["UUID"] for one in client("lambda").list_event_source_mappings()["EventSourceMappings"]
    }


@pytest.mark.usefixtures("aws")
def test_the_stack_s_own_fan_out_is_counted_once() -> None:
    """By its ARN, for moto's CloudFormation makes no StreamConsumer."""
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    own, other = (
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"]["ConsumerARN"]
        for name in ("own", "other")
    )
    template: dict[str, Any] = {
        "Resources": {
            "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "orders"}},
            "Fan": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "own"}},
        }
    }
    assert other != own
    other_consumers.add(template, [("Fan", "AWS::Kinesis::StreamConsumer", own)], client)
    assert sorted(template["Resources"]) == ["Fan", "Fanoutother", "Orders"]


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(TemplateError, match=r"STACK=nowhere cannot be read: .*nowhere.*Correct the name"):
        fetch("nowhere", client)


@pytest.mark.usefixtures("aws")
def test_a_destination_is_found_by_its_name_and_held_against_the_role_of_the_template() -> None:
    stack = json.loads(json.dumps(STACK))
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    stack["Resources"] |= {
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Send": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "send",
                "Roles": [{"Ref": "Role"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Dead", "Arn"]},
                        }
                    ],
                },
            },
        },
    }
    settings = stack["Resources"]["Mapping"]["Properties"]
    settings["DestinationConfig"] = {"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}}
    deploy(stack, {"Fn::GetAtt": ["Role", "Arn"]})
    assert found() == {"W9706"}
    elsewhere = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:elsewhere"}}
    client("lambda").update_event_source_mapping(UUID=mapping(), DestinationConfig=elsewhere)
    assert found() == {"W9706", "E9732"}


@pytest.mark.usefixtures("aws")
def test_a_rule_that_was_turned_off_since_is_seen_as_off() -> None:
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"Name": "minute", "ScheduleExpression": "rate(1 minute)"},
    }
    resources: Any = STACK["Resources"]
    deploy({**STACK, "Resources": {**resources, "Rule": rule}})
    assert json.loads(fetch("rides", client))["Resources"]["Rule"]["Properties"]["State"] == "ENABLED"
    client("events").disable_rule(Name="minute")
    assert json.loads(fetch("rides", client))["Resources"]["Rule"]["Properties"]["State"] == "DISABLED"
