"""Permissions that are wider than they need to be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, override

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from threeways.doctor import rule
from threeways.doctor.stack import Path, Resource, Stack

_WIDE = re.compile(r"(AdministratorAccess|PowerUserAccess|FullAccess)$")
_ANY_RESOURCE = re.compile(r"^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:\*)$")


class Wildcards(rule.KinesisRule):
    """Whatever takes the function over can do all of that."""

    id = "W9731"
    shortdesc = "IAM wildcards where an action or a resource can be named"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
    mend = (
        "the actions it needs, on the ARNs it needs (!GetAtt Stream.Arn); `*` only for actions that "
        "take no resource."
    )

    def __init__(self) -> None:
        super().__init__()
        self._services: Mapping[str, Any] = load_resource(AdditionalSpecs, "Policies.json")

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        for path, statement in _statements(stack):
            if statement.get("Effect") != "Allow":
                continue
            actions = [action for action in _listed(statement.get("Action")) if isinstance(action, str)]
            wild = [action for action in actions if action == "*" or action.endswith(":*")]
            everywhere = any(
                isinstance(x, str) and _ANY_RESOURCE.match(x) for x in _listed(statement.get("Resource"))
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
        """By AWS's service authorization reference, as cfn-lint carries it."""
        service, _, name = action.partition(":")
        actions = self._services.get(service.lower(), {}).get("Actions", {})
        pattern = re.compile(re.escape(name.lower()).replace(r"\*", ".*").replace(r"\?", "."))
        return any(body.get("Resources") for known, body in actions.items() if pattern.fullmatch(known))


def _statements(stack: Stack) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every statement of identity policies: roles', policies' and SAM functions'."""
    for resource in stack.resources.values():
        for path, document in _documents(resource):
            statements = document.get("Statement")
            for index, statement in enumerate(_listed(statements)):
                if isinstance(statement, dict):
                    yield [*path, "Statement", *([index] if isinstance(statements, list) else [])], statement


def _documents(resource: Resource) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    properties = resource.properties
    if resource.kind in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"}:
        if isinstance(properties.get("PolicyDocument"), dict):
            yield [*resource.path, "PolicyDocument"], properties["PolicyDocument"]
    elif resource.kind in {"AWS::IAM::Role", "AWS::Serverless::Function"}:
        policies = properties.get("Policies")
        for index, policy in enumerate(_listed(policies)):
            if not isinstance(policy, dict):
                continue
            at = [*resource.path, "Policies", *([index] if isinstance(policies, list) else [])]
            if isinstance(policy.get("PolicyDocument"), dict):
                yield [*at, "PolicyDocument"], policy["PolicyDocument"]
            elif "Statement" in policy:
                yield at, policy


def _managed(stack: Stack) -> Iterator[tuple[Path, str]]:
    """Managed policies that are as good as wildcards, by name or ARN."""
    for resource in stack.of_kind("AWS::IAM::Role", "AWS::Serverless::Function"):
        for key in ("ManagedPolicyArns", "Policies"):
            for policy in _listed(resource.properties.get(key)):
                if isinstance(policy, str) and _WIDE.search(policy):
                    yield [*resource.path, key], policy


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
