"""Rules on permissions that are too wide, and on missing ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, override

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from threeways.ops.doctor import rule
from threeways.ops.doctor.grants import destination, refused
from threeways.ops.doctor.policies import documents, listed
from threeways.ops.doctor.stack import Stack
from threeways.ops.doctor.values import Path

_WIDE = re.compile(r"(AdministratorAccess|PowerUserAccess|FullAccess)$")
_ANY_RESOURCE = re.compile(r"^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:\*)$")


class Wildcards(rule.KinesisRule):
    """Whoever takes over the function can do all of that."""

    id = "W9731"
    shortdesc = "IAM wildcards where an action or a resource can be named"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
    fix = (
        "the actions it needs, on the ARNs it needs (!GetAtt Stream.Arn); `*` only for actions that "
        "take no resource."
    )

    def __init__(self) -> None:
        super().__init__()
        self._services: Mapping[str, Any] = load_resource(AdditionalSpecs, "Policies.json")

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield statements with wildcards and managed policies that allow far too much."""
        for path, statement in _statements(stack):
            if statement.get("Effect") != "Allow":
                continue
            actions = [action for action in listed(statement.get("Action")) if isinstance(action, str)]
            wild = [action for action in actions if action == "*" or action.endswith(":*")]
            everywhere = any(
                isinstance(x, str) and _ANY_RESOURCE.match(x) for x in listed(statement.get("Resource"))
            )
            nameable = [action for action in actions if action not in wild and self._takes_a_resource(action)]
            if "NotAction" in statement:
                yield [*path, "NotAction"], "NotAction with Allow permits every action there is but those."
            if wild:
                yield (
                    [*path, "Action"],
                    f"{', '.join(wild)} permits all that the service can do, deleting too.",
                )
            elif everywhere and nameable:
                yield (
                    [*path, "Resource"],
                    f"{', '.join(nameable)} are permitted on everything of the account.",
                )
        for path, name in _managed(stack):
            yield (
                path,
                f"{name.rpartition('/')[2]} permits far more than reading a stream and writing results.",
            )

    def _takes_a_resource(self, action: str) -> bool:
        """Return whether an action takes a resource, by AWS's service authorization reference in cfn-lint."""
        service, _, name = action.partition(":")
        actions = self._services.get(service.lower(), {}).get("Actions", {})
        pattern = re.compile(re.escape(name.lower()).replace(r"\*", ".*").replace(r"\?", "."))
        return any(body.get("Resources") for known, body in actions.items() if pattern.fullmatch(known))


class NotPermittedToKeepFailures(rule.KinesisRule):
    """Records that are given up cannot be written to their destination, and are lost."""

    id = "E9732"
    shortdesc = "The function's role may not write to the failure destination"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"
    fix = (
        "where SAM makes the role, Type: S3 (SQS, SNS) beside OnFailure's Destination, from which it makes "
        "the permission. Where the function has a Role, and in plain CloudFormation, a statement in that "
        "role: s3:PutObject on the bucket's ARN with /aws/lambda/* after it and s3:ListBucket on the ARN, "
        "sqs:SendMessage on the queue's ARN, sns:Publish on the topic's."
    )

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings whose function's role lacks a permission on the destination."""
        for consumer in stack.consumers:
            target = destination(consumer, stack)
            lacking = refused(consumer, target, stack) if target else []
            if target and lacking:
                called = target.resource.logical_id if target.resource else target.name
                yield (
                    consumer.at("DestinationConfig"),
                    (
                        f"Lambda writes to {called} as the function's role, which has no permission for "
                        f"{' and '.join(lacking)} there: the records that are given up are lost."
                    ),
                )


def _statements(stack: Stack) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every statement of identity policies: roles', policies' and SAM functions'."""
    for resource in stack.resources.values():
        for path, document in documents(resource):
            statements = document.get("Statement")
            for index, statement in enumerate(listed(statements)):
                if isinstance(statement, dict):
                    yield [*path, "Statement", *([index] if isinstance(statements, list) else [])], statement


def _managed(stack: Stack) -> Iterator[tuple[Path, str]]:
    """Yield managed policies that are as wide as wildcards, by name or ARN."""
    for resource in stack.of_kind("AWS::IAM::Role", "AWS::Serverless::Function"):
        for key in ("ManagedPolicyArns", "Policies"):
            for policy in listed(resource.properties.get(key)):
                if isinstance(policy, str) and _WIDE.search(policy):
                    yield [*resource.path, key], policy
