"""No deployment replaces or removes a stream or a bucket: it is refused, and nothing of it is executed."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from deploy_lab import STACK, Lab, client

from threeways.errors import UsageError
from threeways.ops.deploy import change_set, package
from threeways.ops.deploy.history import Deployment, History

pytest_plugins = ["deploy_fixtures"]


def changed(kind: str = "AWS::Kinesis::Stream", **more: Any) -> dict[str, Any]:
    """A `Change` as DescribeChangeSet answers it."""
    found = {"LogicalResourceId": "InputStream", "PhysicalResourceId": "ride_events", "ResourceType": kind}
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": "Modify", **found, "Scope": [], "Details": [], **more},
    }


def detail(name: str, recreation: str, cause: str | None = None) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
    source = {"ChangeSource": "ParameterReference", "CausingEntity": cause} if cause else {}
    return {"Target": target, "Evaluation": "Static", **source}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            changed(
                Replacement="True",
                Scope=["Properties"],
                Details=[
                    detail("Name", "Always", "InputStreamName"),
                    detail("Name", "Always"),
                    detail("RetentionPeriodHours", "Never", "RetentionHours"),
                ],
            ),
            "replace the stream InputStream (ride_events) by another, since Name (InputStreamName) changes",
        ),
        (
            changed("AWS::S3::Bucket", Replacement="Conditional", Details=[detail("BucketName", "Always")]),
            "perhaps replace the bucket InputStream (ride_events) by another, since BucketName changes",
        ),
        (
            changed(Replacement="True", PolicyAction="ReplaceAndRetain"),
            "replace the stream InputStream (ride_events) by another, since its definition changes",
        ),
        (changed(Action="Remove", PolicyAction="Delete"), "remove the stream InputStream (ride_events)"),
        (
            changed("AWS::S3::Bucket", Action="Remove", PolicyAction="Retain"),
            "remove the bucket InputStream (ride_events); it would stay in the account, without a stack",
        ),
        (changed(Action="Dynamic"), "perhaps remove or replace the stream InputStream (ride_events)"),
    ],
)
def test_a_stream_or_bucket_that_would_be_replaced_or_removed_is_named(
    change: dict[str, Any], said: str
) -> None:
    """docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html"""
    assert change_set.lost(change) == said


@pytest.mark.parametrize(
    "change",
    [
        changed(Replacement="False", Details=[detail("ShardCount", "Never", "ShardCount")]),
        changed("AWS::Lambda::EventSourceMapping", Replacement="True"),
        changed("AWS::Lambda::Version", Action="Remove", PolicyAction="Retain"),
        changed(Action="Add", PhysicalResourceId=""),
        changed(Action="Import"),
        changed(Action="SyncWithActual"),
        {"Type": "Resource"},
    ],
)
def test_anything_else_may_change(change: dict[str, Any]) -> None:
    assert change_set.lost(change) is None


CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/look/1"


def asked(*answers: dict[str, Any]) -> Any:
    """A CloudFormation that answers DescribeChangeSet so, each held against AWS's own model of the API."""
    made = boto3.client("cloudformation", region_name="us-east-1")
    stubber = Stubber(made)
    stubber.add_response("create_change_set", {"Id": CHANGE_SET, "StackId": "s"})
    for answer in answers:
        stubber.add_response("describe_change_set", answer)
    stubber.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
    stubber.activate()
    return made, stubber


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_set, "PATIENCE", {"Delay": 0, "MaxAttempts": 5})


@pytest.mark.usefixtures("no_waiting")
def test_every_page_of_a_change_set_is_looked_at_once_it_is_made() -> None:
    harmless, harmful = changed(Replacement="False"), changed(Action="Remove")
    done = {"Status": "CREATE_COMPLETE", "Changes": [harmless], "NextToken": "more"}
    made, stubber = asked(
        {"Status": "CREATE_PENDING"},
        {"Status": "CREATE_IN_PROGRESS", "Changes": []},
        done,
        done,
        {"Status": "CREATE_COMPLETE", "Changes": [harmful]},
    )
    with pytest.raises(UsageError, match=r"nothing was executed.*\n  remove the stream InputStream \(ride_"):
        change_set.require_kept("rides", "{}", {}, lambda _: made)
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_nothing_to_refuse(reason: str) -> None:
    made, stubber = asked({"Status": "FAILED", "StatusReason": reason})
    change_set.require_kept("rides", "{}", {}, lambda _: made)
    stubber.assert_no_pending_responses()


def test_what_cloudformation_would_not_take_is_told_before_anything_is_built() -> None:
    made, stubber = asked({"Status": "FAILED", "StatusReason": "Transform AWS::Serverless-2016-10-31 failed"})
    with pytest.raises(UsageError, match="would not take this deployment of rides: FAILED: Transform AWS"):
        change_set.require_kept("rides", "{}", {}, lambda _: made)
    stubber.assert_no_pending_responses()


def test_a_change_set_that_is_never_made_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_set, "PATIENCE", {"Delay": 0, "MaxAttempts": 1})
    made, stubber = asked({"Status": "CREATE_IN_PROGRESS"})
    with pytest.raises(UsageError, match="CREATE_IN_PROGRESS"):
        change_set.require_kept("rides", "{}", {}, lambda _: made)
    stubber.assert_no_pending_responses()


def state() -> tuple[Any, ...]:
    """What a refused deployment must leave as it was."""
    cloudformation = client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return (
        stack["StackStatus"],
        stack["Parameters"],
        sorted(client("kinesis").list_streams()["StreamNames"]),
        cloudformation.list_change_sets(StackName=STACK)["Summaries"],
    )


@pytest.mark.exhaustive
def test_another_name_or_another_s_stream_is_refused_before_anything_is_built(lab: Lab) -> None:
    lab.deploy()
    client("kinesis").create_stream(StreamName="theirs", ShardCount=1)
    before, steps = state(), len(lab.tools.done)
    with pytest.raises(UsageError) as refused:
        lab.deploy(parameters="InputStreamName=in OutputStreamName=out MemorySize=2048")
    said = str(refused.value)
    assert (
        "replace the stream InputStream (ride_events) by another, since Name (InputStreamName) changes"
        in said
    )
    assert "replace the stream OutputStream (ride_predictions)" in said
    assert "STACK=another" in said
    with pytest.raises(UsageError, match=r"remove the stream InputStream \(ride_events\)"):
        lab.deploy(parameters="InputStreamArn=arn:aws:kinesis:us-east-1:123456789012:stream/theirs")
    assert lab.tools.done[steps:] == ["require", "require"]
    assert state() == before
    assert "InputStreamName" not in lab.answers_file.read_text()
    lab.deploy(parameters="ShardCount=2 RetentionHours=48")
    assert lab.tools.given[-1]["ShardCount"] == "2"


def test_a_rollback_to_a_template_that_lacks_a_bucket_is_refused(lab: Lab) -> None:
    stack = lab.deploy()
    older: dict[str, Any] = copy.deepcopy(dict(lab.tools.templates[-1]))
    resources = older["Resources"]
    resources["Elsewhere"] = resources.pop("FailuresBucket")
    text = package.text_of(older).replace("FailuresBucket", "Elsewhere")
    current = package.id_of(stack.template)
    made = Deployment(
        "older", None, datetime.now(UTC), "m", older["Parameters"]["ModelLocation"]["Default"],
        resources["Predictor"]["Properties"]["ImageUri"], json.loads(text),
    )  # fmt: skip
    History(stack.outputs["ModelBucket"], client("s3")).add(made)
    before, steps = state(), len(lab.tools.done)
    with pytest.raises(UsageError, match=r"remove the bucket FailuresBucket \("):
        lab.rollback(to="older")
    assert lab.tools.done[steps:] == []
    assert state() == before
    assert package.id_of(stack.template) == current
