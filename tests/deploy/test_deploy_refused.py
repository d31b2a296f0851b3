"""Bad input: each stopped before anything is changed, with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from deploy_lab import STACK, Lab, client

from threeways.errors import (
    ArtifactMissing,
    ArtifactUnreachable,
    LocationError,
    SettingsError,
    ThreewaysError,
    UsageError,
)
from threeways.ops import account
from threeways.ops.deploy.stack import Stack, require_usable

pytest_plugins = ["deploy_fixtures"]
ARN = "arn:aws:kinesis:us-east-1:123456789012"


@pytest.fixture(autouse=True)
def _nothing_was_changed(lab: Lab) -> Any:
    yield
    assert "push" not in lab.tools.done
    assert "deploy" not in lab.tools.done
    assert client("ecr").describe_repositories()["repositories"] == []
    assert not lab.answers_file.exists()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ShardCount=0", "ShardCount=0: give 1 to 10000. Shards of each stream"),
        ("ShardCount=many", "give a number"),
        ("StreamMode=BOTH", "give one of PROVISIONED, ON_DEMAND"),
        ("AlarmTopicArn=me@example.com", "the ARN of a standard SNS topic"),
        ("Colour=red", "no such parameter; it has ModelLocation"),
        ("ModelSha256=", "MODEL= names the model"),
        ("nonsense", "write Name=value"),
        ("A='", "cannot be read"),
    ],
)
def test_parameters_that_the_template_refuses(lab: Lab, given: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        lab.deploy(parameters=given)


def test_a_task_that_is_not_there(lab: Lab) -> None:
    with pytest.raises(SettingsError, match="no_such_task"):
        lab.deploy(parameters="Task=no_such_task")


def test_an_image_for_the_wrong_architecture(lab: Lab) -> None:
    lab.tools.built_for["mine"] = "arm64"
    with pytest.raises(UsageError, match=r"built for arm64, .* run on x86_64.*make image ARCH=x86_64"):
        lab.deploy(image="mine")
    assert lab.tools.done == ["require"]


@pytest.mark.parametrize("step", ["require", "build", "prove"])
def test_no_engine_a_build_that_fails_and_a_model_that_the_image_refuses(lab: Lab, step: str) -> None:
    lab.tools.faults[step] = UsageError(f"no {step}")
    with pytest.raises(UsageError, match=f"no {step}"):
        lab.deploy()
    assert client("cloudformation").list_stacks()["StackSummaries"] == []


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            without.delenv(name)
        without.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers them
        with pytest.raises(LocationError, match=r"Unable to locate credentials.*AWS_PROFILE"):
            lab.deploy()


def test_a_model_that_is_not_there_or_that_the_function_would_refuse(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model is registered as models:/nobody@champion: make train"):
        lab.deploy(model="models:/nobody@champion")
    with pytest.raises((ArtifactMissing, ArtifactUnreachable), match="no-such-bucket"):
        lab.deploy(model="s3://no-such-bucket/model")
    with pytest.raises(ArtifactMissing, match="no MLmodel"):
        lab.deploy(model=str(tmp_path))
    (tmp_path / "MLmodel").write_text("flavors: {}")
    with pytest.raises(ThreewaysError):
        lab.deploy(model=str(tmp_path))


def test_a_repository_that_cannot_be_used(lab: Lab) -> None:
    uri = "123456789012.dkr.ecr.{}.amazonaws.com/mine"
    for given, reason in (
        ("mine", "is no ECR repository"),
        (uri.format("eu-west-1"), "Lambda wants one in us-east-1"),
        (uri.format("us-east-1"), "cannot be used"),
    ):
        with pytest.raises((UsageError, LocationError), match=reason):
            lab.deploy(repository=given)


def test_a_stream_that_is_somebody_else_s(lab: Lab) -> None:
    client("kinesis").create_stream(StreamName="ride_predictions", ShardCount=1)
    with pytest.raises(UsageError, match="PARAMETERS=OutputStreamName="):
        lab.deploy()


def test_an_input_stream_that_is_there_can_be_read_instead_of_made(lab: Lab) -> None:
    client("kinesis").create_stream(StreamName="ride_events", ShardCount=1)
    read_it = rf"PARAMETERS=InputStreamName=…, or .* PARAMETERS=InputStreamArn={ARN}:stream/ride_events$"
    with pytest.raises(UsageError, match=read_it):
        lab.deploy()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("InputStreamArn=ride_events", "the ARN of a Kinesis stream"),
        (f"InputStreamArn={ARN}:stream/in/consumer/fan:1", r"not of a consumer of one"),
        (
            f"InputStreamArn={ARN}:stream/none",
            "is not there: give the output InputStreamArn of the stack that makes",
        ),
        (
            f"InputStreamArn={ARN.replace('us-east', 'eu-west')}:stream/in",
            "is in eu-west-1, .*REGION=eu-west-1",
        ),
        (
            f"InputStreamArn={ARN.replace('1234', '9999')}:stream/in",
            "is in account 999956789012, the stack in 1234",
        ),
        (f"InputStreamArn={ARN}:stream/in InputStreamName=mine", "give one of them"),
        (f"InputStreamArn={ARN}:stream/out OutputStreamName=out", "out would be both input and output"),
        ("InputStreamName=one OutputStreamName=one", "one would be both input and output.*OutputStreamName="),
        ("Task=no-task", "a task's short name, or the path of a module"),
        (f"Task={'a' * 256}", "give 255 characters at most"),
    ],
)
def test_streams_and_tasks_that_cannot_be_consumed(lab: Lab, given: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        lab.deploy(parameters=given)


def test_a_stack_of_another_kind(lab: Lab) -> None:
    queue = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    client("cloudformation").create_stack(StackName=STACK, TemplateBody=queue)
    with pytest.raises(UsageError, match="it is none of `make deploy`'s"):
        lab.deploy()


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        ("ROLLBACK_COMPLETE", "make destroy STACK=rides"),
        ("CREATE_FAILED", "make destroy STACK=rides"),
        ("DELETE_FAILED", "make destroy STACK=rides"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name rides"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
    ],
)
def test_a_stack_in_a_state_that_cannot_be_deployed_to(status: str, mend: str) -> None:
    with pytest.raises(UsageError, match=f"{status}: .*{mend}"):
        require_usable(Stack(STACK, status))


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_in_a_state_that_can(status: str) -> None:
    require_usable(Stack(STACK, status))


def test_without_a_terminal_and_answers_it_says_what_to_give(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no terminal to ask on: name the stack, STACK="):
        lab.deploy(stack=None)
    with pytest.raises(UsageError, match="is no stack's name"):
        lab.deploy(stack="my_stack")
    with pytest.raises(UsageError, match="is no AWS region"):
        lab.deploy(region="moon")


def test_no_region(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            without.delenv(name)
        with pytest.raises(UsageError, match="set AWS_REGION or REGION="):
            lab.deploy()


def test_the_region_given_is_the_one_that_is_used() -> None:
    client_of = account.of_region("eu-central-1")
    assert client_of("s3") is client_of("s3")
    assert client_of("cloudformation").meta.region_name == "eu-central-1"


def test_a_model_bucket_that_is_gone(lab: Lab) -> None:
    """Of a stack that is there: everything it needs is looked at before anything else is done."""
    outputs = {name: {"Value": "gone-bucket"} for name in ("ModelBucket", "InputStreamName")}
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    with pytest.raises(LocationError, match="model bucket gone-bucket is not there or not yours"):
        lab.deploy()
