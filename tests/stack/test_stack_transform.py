"""What AWS makes of the template: AWS's own translator, then moto's CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from transformed import IMAGE, TEMPLATE, of_type, packaged, transformed, without_what_moto_lacks

from threeways.emulator.mapping.settings import from_event
from threeways.emulator.template import load

MODEL = {"ModelLocation": "s3://models/1/abc/artifacts/model", "ModelSha256": "a" * 64, "RunId": "abc"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        yield


def deploy(**parameters: str) -> dict[str, str]:
    """Instantiate the stack in moto; its outputs."""
    return create("rides", **parameters)


def create(name: str, **parameters: str) -> dict[str, str]:
    """The same, of a name."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(without_what_moto_lacks(transformed(packaged()))),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.usefixtures("aws")
def test_the_transformed_template_makes_the_pipeline() -> None:
    outputs = deploy(**MODEL, ShardCount="2", RetentionHours="48", InputStreamName="rides-in")
    kinesis, functions = boto3.client("kinesis"), boto3.client("lambda")
    summary = kinesis.describe_stream_summary(StreamName="rides-in")["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 48)
    [mapping] = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["EventSourceArn"] == outputs["InputStreamArn"] == summary["StreamARN"]
    configuration = functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    variables = configuration["Environment"]["Variables"]
    assert variables["PREDICTIONS_STREAM_NAME"] == outputs["OutputStreamName"] == "ride_predictions"
    assert variables["QUARANTINE_LOCATION"] == outputs["QuarantineLocation"]
    assert (variables["MODEL_LOCATION"], variables["MODEL_SHA256"]) == (MODEL["ModelLocation"], "a" * 64)
    buckets = {bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]}
    assert outputs["ModelBucket"] in buckets
    assert outputs["DeploymentsBucket"] in buckets
    assert len(buckets) == 4


@pytest.mark.usefixtures("aws")
def test_a_second_stack_is_a_second_consumer_with_everything_but_the_input_its_own() -> None:
    first = create("rides", **MODEL)
    arn = first["InputStreamArn"]
    second = create("tips", **MODEL, InputStreamArn=arn, OutputStreamName="tips")
    shared = {"InputStreamName", "InputStreamArn"}
    assert {name for name in first if first[name] == second[name]} == shared
    functions = boto3.client("lambda")
    reading = functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert len({mapping["FunctionArn"] for mapping in reading}) == len(reading) == 2
    assert set(boto3.client("kinesis").list_streams()["StreamNames"]) == {
        "ride_events", "ride_predictions", "tips",
    }  # fmt: skip
    boto3.client("cloudformation").delete_stack(StackName="tips")
    assert set(boto3.client("kinesis").list_streams()["StreamNames"]) == {"ride_events", "ride_predictions"}


ANSWERED_ONLY = {
    "EventSourceArn",
    "EventSourceMappingArn",
    "FunctionArn",
    "LastModified",
    "ResponseMetadata",
    "State",
    "StateTransitionReason",
    "UUID",
}
"""What Lambda answers of a mapping that is none of its settings."""


@pytest.mark.parametrize(
    "parameters",
    [MODEL, {**MODEL, "BatchSize": "77", "BatchWindowSeconds": "5", "ParallelizationFactor": "3"}],
)
@pytest.mark.usefixtures("aws")
def test_the_local_mapping_has_the_very_settings_of_the_deployed_one(
    parameters: dict[str, str],
) -> None:
    """Read here from the template, and there from Lambda's answer about the stack's mapping."""
    deploy(**parameters)
    [deployed] = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    settings = {name: value for name, value in deployed.items() if name not in ANSWERED_ONLY}
    there = from_event({**settings, "Stream": deployed["EventSourceArn"]})
    local = load(TEMPLATE, parameters)
    failures = boto3.client("s3").list_buckets()["Buckets"]
    assert there.destination in {bucket["Name"] for bucket in failures if "failuresbucket" in bucket["Name"]}
    assert replace(there, destination=local.buckets["FailuresBucket"].name) == local.mapping


@pytest.mark.parametrize(
    ("parameters", "enabled"),
    [({}, False), (MODEL, True), ({**MODEL, "Consume": "false"}, False)],
)
def test_rides_wait_until_there_is_a_model_and_while_the_consumer_is_paused(
    parameters: dict[str, str], enabled: bool
) -> None:
    assert load(TEMPLATE, parameters).mapping.enabled is enabled


def versions(document: dict[str, Any], parameters: dict[str, str] | None = None) -> list[str]:
    return list(of_type(transformed(document, parameters), "AWS::Lambda::Version"))


def test_another_model_written_as_literals_is_another_version() -> None:
    """docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html"""
    one, same = versions(packaged(MODEL)), versions(packaged(MODEL))
    assert one == same
    assert versions(packaged({**MODEL, "ModelSha256": "b" * 64})) != one
    assert versions(packaged(MODEL, IMAGE.replace(":1", ":2"))) != one


def test_any_other_setting_is_another_version_too() -> None:
    slower = packaged(MODEL)
    slower["Resources"]["Predictor"]["Properties"]["Timeout"] = 61
    assert versions(slower) != versions(packaged(MODEL))


def test_another_model_by_parameter_alone_is_no_other_version() -> None:
    """Why the model's location and digest are written into the packaged template."""
    assert versions(packaged(), MODEL) == versions(packaged(), {**MODEL, "ModelSha256": "b" * 64})


def test_the_mapping_calls_the_alias_and_a_new_version_is_rolled_back_on_alarm() -> None:
    made = transformed(packaged(MODEL))
    mapping = made["Resources"]["PredictorInput"]["Properties"]
    assert mapping["FunctionName"] == {"Ref": "PredictorAliaslive"}
    [group] = of_type(made, "AWS::CodeDeploy::DeploymentGroup").values()
    assert group["AlarmConfiguration"]["Alarms"] == [
        {"Name": {"Ref": "FunctionErrors"}},
        {"Name": {"Ref": "QuarantineRate"}},
    ]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}
