"""Find the policy documents of roles, functions and policies in a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from threeways.ops.doctor.stack import Resource
from threeways.ops.doctor.values import Path

ATTACHED = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
"""The types of policies that are resources."""


def documents(resource: Resource) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the identity policies of a role, a SAM function or a policy, each with its path."""
    properties = resource.properties
    if resource.kind in ATTACHED:
        if isinstance(properties.get("PolicyDocument"), dict):
            yield [*resource.path, "PolicyDocument"], properties["PolicyDocument"]
    elif resource.kind in {"AWS::IAM::Role", "AWS::Serverless::Function"}:
        policies = properties.get("Policies")
        for index, policy in enumerate(listed(policies)):
            if not isinstance(policy, dict):
                continue
            at = [*resource.path, "Policies", *([index] if isinstance(policies, list) else [])]
            if isinstance(policy.get("PolicyDocument"), dict):
                yield [*at, "PolicyDocument"], policy["PolicyDocument"]
            elif "Statement" in policy:
                yield at, policy


def listed(value: Any) -> list[Any]:
    """Return a list unchanged, None as [], and any other value as a list of it."""
    return value if isinstance(value, list) else [] if value is None else [value]
