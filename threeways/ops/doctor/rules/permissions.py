"""Rules on permissions that are too wide, and on missing ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from threeways.ops.doctor.grants import destination, refused
from threeways.ops.doctor.policies import documents, listed
from threeways.ops.doctor.rule import Fault, of_consumer, of_stack
from threeways.ops.doctor.stack import Consumer, Stack
from threeways.ops.doctor.values import Path

_WIDE = re.compile(r"(AdministratorAccess|PowerUserAccess|FullAccess)$")
_ANY_RESOURCE = re.compile(r"^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:\*)$")


@of_stack(
    "W9731",
    "IAM wildcards where an action or a resource can be named",
    page="IAM/latest/UserGuide/best-practices.html",
    fix=(
        "the actions it needs, on the ARNs it needs (!GetAtt Stream.Arn); `*` only for actions that take no "
        "resource."
    ),
)
def wildcards(stack: Stack) -> Iterator[Fault]:
    """Whoever takes over the function can do all of that."""
    for path, statement in _statements(stack):
        if statement.get("Effect") == "Allow":
            yield from _wildcards_of(path, statement)
    for path, name in _managed(stack):
        yield Fault(
            path,
            f"{name.rpartition('/')[2]} permits far more than reading a stream and writing results.",
        )


def _wildcards_of(path: Path, statement: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the wildcards of a statement that allows something."""
    actions, resources = (
        [one for one in listed(statement.get(name)) if isinstance(one, str)]
        for name in ("Action", "Resource")
    )
    wild = [action for action in actions if action == "*" or action.endswith(":*")]
    if "NotAction" in statement:
        yield Fault([*path, "NotAction"], "NotAction with Allow permits every action there is but those.")
    if wild:
        what = f"{', '.join(wild)} permits all that the service can do, deleting too."
        yield Fault([*path, "Action"], what)
    elif any(map(_ANY_RESOURCE.match, resources)) and (nameable := list(filter(_takes_a_resource, actions))):
        what = f"{', '.join(nameable)} are permitted on everything of the account."
        yield Fault([*path, "Resource"], what)


def _takes_a_resource(action: str) -> bool:
    """Return whether an action takes a resource, by AWS's service authorization reference in cfn-lint."""
    service, _, name = action.partition(":")
    actions = _services().get(service.lower(), {}).get("Actions", {})
    pattern = re.compile(re.escape(name.lower()).replace(r"\*", ".*").replace(r"\?", "."))
    return any(body.get("Resources") for known, body in actions.items() if pattern.fullmatch(known))


@cache
def _services() -> Mapping[str, Any]:
    found: Mapping[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return found


@of_consumer(
    "E9732",
    "The function's role may not write to the failure destination",
    at="DestinationConfig",
    page="lambda/latest/dg/kinesis-on-failure-destination.html",
    fix=(
        "where SAM makes the role, Type: S3 (SQS, SNS) beside OnFailure's Destination, from which it makes "
        "the permission. Where the function has a Role, and in plain CloudFormation, a statement in that "
        "role: s3:PutObject on the bucket's ARN with /aws/lambda/* after it and s3:ListBucket on the ARN, "
        "sqs:SendMessage on the queue's ARN, sns:Publish on the topic's."
    ),
)
def not_permitted_to_keep_failures(consumer: Consumer, stack: Stack) -> str | None:
    """Records that are given up cannot be written to their destination, and are lost."""
    target = destination(consumer, stack)
    lacking = refused(consumer, target, stack) if target else []
    if target is None or not lacking:
        return None
    called = target.resource.logical_id if target.resource else target.name
    return (
        f"Lambda writes to {called} as the function's role, which has no permission for "
        f"{' and '.join(lacking)} there: the records that are given up are lost."
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
