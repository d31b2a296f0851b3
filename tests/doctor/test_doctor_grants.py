"""Whether the function's role may write to the failure destination."""

from __future__ import annotations

import json
from typing import Any

import pytest
from templates import SOUND

from threeways.ops.doctor.check import examine
from threeways.ops.doctor.grants import destination, refused
from threeways.ops.doctor.stack import read

DESTINATIONS = {
    "s3": ({"Type": "AWS::S3::Bucket"}, {"Fn::GetAtt": ["Kept", "Arn"]}),
    "sqs": ({"Type": "AWS::SQS::Queue"}, {"Fn::GetAtt": ["Kept", "Arn"]}),
    "sns": ({"Type": "AWS::SNS::Topic"}, {"Ref": "Kept"}),
}
ARN = {"Fn::GetAtt": ["Kept", "Arn"]}
FILES = {"Fn::Sub": "${Kept.Arn}/*"}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


BOTH = ["s3:PutObject", "s3:ListBucket"]
PUT, LIST = allow("s3:PutObject", FILES), allow("s3:ListBucket", ARN)
SEND, PUBLISH = allow("sqs:SendMessage", ARN), allow("sns:Publish", {"Ref": "Kept"})
DENY = {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}

BY_STATEMENT: list[tuple[str, list[Any], bool]] = [
    ("s3", [], False),
    ("s3", [PUT, LIST], True),
    ("s3", [PUT], False),
    ("s3", [LIST], False),
    ("s3", [allow("s3:PutObject", ARN), LIST], False),  # the bucket, and none of its objects
    ("s3", [allow("s3:PutObject", {"Fn::Sub": "${Kept.Arn}/failures/*"}), LIST], False),
    ("s3", [allow("s3:PutObject", {"Fn::Sub": "${Kept.Arn}/aws/lambda/*"}), LIST], True),
    ("s3", [allow(["S3:putobject", "s3:List*"], [ARN, {"Fn::Join": ["/", [ARN, "*"]]}])], True),
    ("s3", [allow("s3:*", "arn:aws:s3:::*")], True),
    ("s3", [allow("*", "*")], True),
    ("s3", [allow(BOTH, {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Kept}*"})], True),
    ("s3", [allow(BOTH, "arn:aws:s3:::another*")], False),
    ("s3", [allow(BOTH, {"Fn::Sub": "${Orders.Arn}*"})], False),
    ("s3", [allow(BOTH, {"Fn::ImportValue": "x"})], True),
    ("s3", [allow("s3:*", "*", Condition={"Bool": {"aws:SecureTransport": "true"}})], True),
    ("s3", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
    ("s3", [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], False),
    ("s3", [{"Effect": "Allow", "Action": "s3:*", "NotResource": FILES}], False),
    ("s3", [PUT, LIST, DENY], False),
    ("s3", [PUT, LIST, {**DENY, "Condition": {}}], True),
    ("s3", [PUT, LIST, {**DENY, "Resource": "arn:aws:s3:::another/*"}], True),
    ("sqs", [], False),
    ("sqs", [SEND], True),
    ("sqs", [allow("sqs:SendMessage", {"Ref": "Kept"})], False),  # its URL
    ("sqs", [allow("sqs:ReceiveMessage", ARN)], False),
    ("sqs", [allow("sqs:SendMessage", {"Fn::Sub": "arn:aws:sqs:*:*:${Kept.QueueName}"})], True),
    ("sns", [], False),
    ("sns", [PUBLISH], True),
    ("sns", [allow("sns:Publish", {"Fn::GetAtt": ["Kept", "TopicArn"]})], True),
    ("sns", [allow("sns:Subscribe", {"Ref": "Kept"})], False),
]  # fmt: skip


def stack(service: str, function: dict[str, Any], on_failure: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A SAM template whose function has these properties and `OnFailure` this beside its Destination."""
    kept, target = DESTINATIONS[service]
    event = {
        "Stream": {"Fn::GetAtt": ["Orders", "Arn"]},
        "StartingPosition": "TRIM_HORIZON",
        "DestinationConfig": {"OnFailure": {"Destination": target, **on_failure}},
    }
    properties = {"Handler": "a.b", "Runtime": "python3.13", "CodeUri": "s3://code/code.zip", **function}
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
            "Kept": kept,
            "Consumer": {
                "Type": "AWS::Serverless::Function",
                "Properties": {**properties, "Events": {"Records": {"Type": "Kinesis", "Properties": event}}},
            },
            **more,
        },
    }


def role(*statements: Any, **more: Any) -> dict[str, Any]:
    policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": trust, "Policies": [policy], **more},
    }


OWN_ROLE = {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}


def may_write(template: dict[str, Any]) -> bool:
    seen = read(template)
    [consumer] = seen.consumers
    target = destination(consumer, seen)
    return target is None or not refused(consumer, target, seen)


def transformed(template: dict[str, Any]) -> dict[str, Any]:
    """What AWS's own translator makes of it."""
    from samtranslator.translator.transform import transform

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    made: dict[str, Any] = transform(json.loads(json.dumps(template)), {}, NoManagedPolicies())
    return made


@pytest.mark.parametrize(("service", "statements", "may"), BY_STATEMENT)
def test_a_role_may_write_by_what_its_statements_say(service: str, statements: list[Any], may: bool) -> None:
    own = stack(service, OWN_ROLE, {}, Role=role(*statements))
    assert may_write(own) == may
    by_sam = stack(service, {"Policies": [{"Statement": statements}]} if statements else {}, {})
    assert may_write(by_sam) == may
    assert may_write(transformed(by_sam)) == may


@pytest.mark.parametrize("service", DESTINATIONS)
def test_sam_makes_the_permission_from_type_and_for_a_role_of_its_own_making_alone(service: str) -> None:
    kind = {"Type": service.upper()}
    for template, may in (
        (stack(service, {}, {}), False),
        (stack(service, {}, kind), True),
        (stack(service, OWN_ROLE, kind, Role=role()), False),
        (stack(service, {}, {"Type": "SNS" if service != "sns" else "SQS"}), False),
    ):
        assert may_write(template) == may
        assert may_write(transformed(template)) == may


@pytest.mark.parametrize(
    ("service", "policies", "may"),
    [
        ("s3", [{"S3CrudPolicy": {"BucketName": {"Ref": "Kept"}}}], True),
        ("s3", [{"S3WritePolicy": {"BucketName": {"Ref": "Kept"}}}], False),
        (
            "s3",
            [{name: {"BucketName": {"Ref": "Kept"}}} for name in ("S3WritePolicy", "S3ReadPolicy")],
            True,
        ),
        ("s3", [{"S3CrudPolicy": {"BucketName": "another"}}], False),
        ("sqs", [{"SQSSendMessagePolicy": {"QueueName": {"Fn::GetAtt": ["Kept", "QueueName"]}}}], True),
        ("sqs", [{"SQSPollerPolicy": {"QueueName": {"Fn::GetAtt": ["Kept", "QueueName"]}}}], False),
        ("sns", [{"SNSPublishMessagePolicy": {"TopicName": {"Fn::GetAtt": ["Kept", "TopicName"]}}}], True),
        ("sns", [{"SNSPublishMessagePolicy": {"TopicName": {"Ref": "Kept"}}}], False),  # its ARN
        ("s3", ["arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole"], False),
        ("s3", ["arn:aws:iam::123456789012:policy/who-knows"], True),
    ],
)
def test_sams_policies_permit_what_their_documents_say(service: str, policies: list[Any], may: bool) -> None:
    template = stack(service, {"Policies": policies}, {})
    assert may_write(template) == may
    assert may_write(transformed(template)) == may


OTHER = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"


def policy(kind: str, *statements: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": {"PolicyDocument": {"Statement": list(statements)}, **properties}}


def of_bucket(principal: dict[str, Any]) -> dict[str, Any]:
    statement = allow(BOTH, [ARN, FILES], Principal=principal)
    return policy("AWS::S3::BucketPolicy", statement, Bucket={"Ref": "Kept"})


@pytest.mark.parametrize(
    ("resources", "may"),
    [
        ({"P": policy("AWS::IAM::Policy", PUT, LIST, Roles=[{"Ref": "Role"}])}, True),
        ({"P": policy("AWS::IAM::Policy", PUT, LIST, Roles=["consumer"])}, True),
        ({"P": policy("AWS::IAM::Policy", PUT, LIST, Roles=["another"])}, False),
        ({"P": policy("AWS::IAM::RolePolicy", PUT, LIST, RoleName={"Ref": "Role"})}, True),
        ({"P": policy("AWS::IAM::RolePolicy", PUT, LIST, RoleName={"Ref": "AWS::StackName"})}, True),
        (
            {
                "Role": role(ManagedPolicyArns=[{"Ref": "P"}]),
                "P": policy("AWS::IAM::ManagedPolicy", PUT, LIST),
            },
            True,
        ),
        (
            {"Role": role(ManagedPolicyArns=[{"Ref": "P"}]), "P": policy("AWS::IAM::ManagedPolicy", PUT)},
            False,
        ),
        ({"Role": role(ManagedPolicyArns=[{"Fn::ImportValue": "x"}])}, True),
        ({"Role": role(ManagedPolicyArns=[OTHER])}, False),
        ({"P": of_bucket({"AWS": {"Fn::GetAtt": "Role.Arn"}})}, True),
        ({"P": of_bucket({"Service": "lambda.amazonaws.com"})}, False),
    ],
)
def test_a_policy_counts_wherever_it_is_attached(resources: dict[str, Any], may: bool) -> None:
    given = {"Role": role(RoleName="consumer"), **resources}
    assert may_write(stack("s3", OWN_ROLE, {}, **given)) == may


def test_a_role_or_a_destination_that_cannot_be_told_is_no_finding() -> None:
    for function in ({"Role": "arn:aws:iam::123456789012:role/r"}, {"Role": {"Fn::ImportValue": "r"}}):
        assert may_write(stack("s3", function, {}))
    for target in ({"Fn::ImportValue": "b"}, "kafka://topic", {"Fn::GetAtt": ["Orders", "Arn"]}):
        assert may_write(stack("s3", {}, {"Destination": target}))


@pytest.mark.parametrize("target", ["arn:aws:s3:::elsewhere", "arn:aws:sqs:us-east-1:123456789012:elsewhere"])
def test_a_destination_of_another_stack_is_held_against_the_role_too(target: str) -> None:
    service = target.split(":")[2]
    action = {"s3": "s3:*", "sqs": "sqs:SendMessage"}[service]
    assert not may_write(stack(service, OWN_ROLE, {"Destination": target}, Role=role()))
    permitted = role(allow(action, [target, f"{target}/*"]))
    assert may_write(stack(service, OWN_ROLE, {"Destination": target}, Role=permitted))


def test_what_the_rule_on_a_missing_destination_advises_is_clean_and_sam_makes_the_permission_from_it() -> (
    None
):
    bare = SOUND.replace("DestinationConfig: {OnFailure: {Type: S3, Destination: !GetAtt Failures.Arn}}", "")
    [finding] = examine(bare, "t")
    advised = finding.fix.partition("}}")[0] + "}}"
    assert advised in finding.fix
    text = (
        bare.rstrip() + "\n            " + advised.replace("the ARN of an S3 bucket", "!GetAtt Failures.Arn")
    )
    assert examine(text, "t") == []
