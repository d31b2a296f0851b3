"""Determine what a function's role may do on a failure destination, as far as the template shows.

docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from threeways.aws.cloudformation.values import UNKNOWN
from threeways.ops.doctor.policies import ATTACHED, documents, listed
from threeways.ops.doctor.stack import Consumer, Resource, Stack
from threeways.ops.doctor.values import VARIABLE, written

NEEDED = {"s3": ("s3:PutObject", "s3:ListBucket"), "sqs": ("sqs:SendMessage",), "sns": ("sns:Publish",)}
"""The actions that the role needs, by the destination's service.
docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
_KEY = "/aws/lambda/mapping/shard"
"""The form of the keys that Lambda writes to a bucket (the same page): `aws/lambda/<mapping>/<shard>/…`."""
_KINDS = {
    "AWS::S3::Bucket": ("s3", "BucketName"),
    "AWS::SQS::Queue": ("sqs", "QueueName"),
    "AWS::SNS::Topic": ("sns", "TopicName"),
}
_OWN_POLICIES = {
    "AWS::S3::BucketPolicy": "Bucket", "AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics",
}  # fmt: skip
_NO_GRANT = {
    "AWSLambdaBasicExecutionRole", "AWSLambdaKinesisExecutionRole", "AWSLambdaVPCAccessExecutionRole",
    "AWSLambdaENIManagementAccess", "AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess",
    "AmazonKinesisReadOnlyAccess", "CloudWatchLambdaInsightsExecutionRolePolicy",
}  # fmt: skip
"""AWS's managed policies that such functions often have and that allow nothing of `NEEDED`; others may.
docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html"""
_SAM_TEMPLATES = {
    "S3CrudPolicy": NEEDED["s3"], "S3FullAccessPolicy": NEEDED["s3"], "S3WritePolicy": NEEDED["s3"][:1],
    "S3ReadPolicy": NEEDED["s3"][1:], "SQSSendMessagePolicy": NEEDED["sqs"], "SNSCrudPolicy": NEEDED["sns"],
    "SNSPublishMessagePolicy": NEEDED["sns"],
}  # fmt: skip
"""docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html"""
_UNTOLD = "\0"
"""The placeholder in a text for a value that is unknown before deployment."""
_WILDCARDS = {"*": ".*", "?": ".", _UNTOLD: ".*"}


@dataclass(frozen=True)
class Destination:
    """A failure destination. name: the bucket's, queue's or topic's. resource: None if it is elsewhere."""

    service: str
    name: str
    resource: Resource | None


def destination(consumer: Consumer, stack: Stack) -> Destination | None:
    """Return a consumer's failure destination; None if it has none, or if that is unknown."""
    target = (on_failure(consumer) or {}).get("Destination")
    resource = stack.resource(target)
    if resource is not None and resource.kind in _KINDS:
        return Destination(*_service_and_name(resource), resource)
    parts = _untold(target).split(":", 5)
    if len(parts) < 6 or parts[2] not in NEEDED:
        return None
    called = (r for r in stack.of_kind(*_KINDS) if (parts[2], parts[5]) == _service_and_name(r))
    return Destination(parts[2], parts[5], next(called, None))


def _service_and_name(resource: Resource) -> tuple[str, str]:
    service, naming = _KINDS[resource.kind]
    given = resource.properties.get(naming)
    return service, f"<{resource.logical_id}>" if given is None else _untold(given)


def on_failure(consumer: Consumer) -> Mapping[str, Any] | None:
    """Return `DestinationConfig.OnFailure`; empty if it is missing, None if it is unknown."""
    settings = consumer.properties.get("DestinationConfig", {})
    found = settings.get("OnFailure", {}) if isinstance(settings, dict) else None
    return found if isinstance(found, dict) else None


def refused(consumer: Consumer, target: Destination, stack: Stack) -> list[str]:
    """Return the actions that Lambda needs on the destination and that the role certainly may not do.

    An unknown permission (an import, another managed policy, a condition) counts as given.
    """
    function = consumer.function
    if function is None:
        return []
    role = stack.resource(function.properties.get("Role"))
    by_sam = function.kind == "AWS::Serverless::Function" and "Role" not in function.properties
    if not by_sam and (role is None or role.kind != "AWS::IAM::Role"):
        return []
    match = _Match(target, stack)
    own = list(_statements(_of_role(function if by_sam else role, stack)))  # type: ignore[arg-type]  # one is not None
    if by_sam:
        own += _of_sam(consumer, function, target, stack)
    of_destination = list(_of_destination(target, stack))
    return [
        action
        for action in NEEDED[target.service]
        if any(match.denies(one, action) for one in own)
        or not any(match.allows(one, action) for one in [*own, *of_destination])
    ]


class _Match:
    """Matches statements against actions on a destination."""

    def __init__(self, target: Destination, stack: Stack) -> None:
        self._target, self._stack = target, stack

    def allows(self, statement: Any, action: str) -> bool:
        """Return whether the statement allows the action, or may do so."""
        if not isinstance(statement, dict):
            return True
        return statement.get("Effect") in ("Allow", UNKNOWN) and self._covers(statement, action, doubt=True)

    def denies(self, statement: Any, action: str) -> bool:
        """Return whether the statement certainly denies the action."""
        if not isinstance(statement, dict) or statement.get("Effect") != "Deny" or "Condition" in statement:
            return False
        return self._covers(statement, action, doubt=False)

    def _covers(self, statement: Mapping[str, Any], action: str, *, doubt: bool) -> bool:
        key = _KEY if action == "s3:PutObject" else ""

        def named(word: str, fits: Any) -> bool:
            if word in statement:
                return any(fits(self._text(one), doubt) for one in listed(statement[word]))
            inverse = f"Not{word}"
            return inverse in statement and not any(
                fits(self._text(one), not doubt) for one in listed(statement[inverse])
            )

        return named("Action", lambda text, sure: _fits(text.lower(), action.lower(), sure)) and named(
            "Resource", lambda text, sure: self._is_target(text, key, sure)
        )

    def _is_target(self, text: str, key: str, doubt: bool) -> bool:
        service, name = self._target.service, self._target.name
        parts = text.split(":", 5)
        if len(parts) < 6:
            return _fits(text, f"arn:aws:{service}:::{name}{key}", doubt)
        if not _fits(parts[2], service, doubt):
            return False
        return _fits(parts[5], name + key, doubt) or (doubt and _UNTOLD in name)

    def _text(self, value: Any) -> str:
        """Return a value as text: the destination by its ARN or name, another resource as `<its id>`."""
        return VARIABLE.sub(lambda variable: self._named(*variable[1].split(".", 1)), _written(value))

    def _named(self, logical_id: str, attribute: str = "") -> str:
        resource = self._stack.resources.get(logical_id)
        if resource is None or not resource.kind.startswith("AWS::"):
            return _UNTOLD
        if resource is not self._target.resource:
            may_be_any = resource.kind.startswith(("AWS::CloudFormation::", "AWS::SSM::"))
            return _UNTOLD if may_be_any else f"<{logical_id}>"
        service, name = self._target.service, self._target.name
        if attribute.endswith("Arn") or (service == "sns" and not attribute):
            return f"arn:aws:{service}:::{name}"
        return f"https://{name}" if service == "sqs" and not attribute else name


def _of_role(holder: Resource, stack: Stack) -> Iterator[Any]:
    """Yield the policy documents of a role, or of a SAM function's own role; UNKNOWN for an unknown one."""
    yield from (document for _, document in documents(holder))
    attached = listed(holder.properties.get("ManagedPolicyArns"))
    for policy in listed(holder.properties.get("Policies")):
        if not isinstance(policy, dict):
            attached.append(policy)
        elif "PolicyDocument" in policy and not isinstance(policy["PolicyDocument"], dict):
            yield UNKNOWN
    for policy in attached:
        named = stack.resource(policy)
        if named is not None and named.kind == "AWS::IAM::ManagedPolicy":
            yield named.properties.get("PolicyDocument", UNKNOWN)
        elif not (isinstance(policy, str) and policy.rpartition("/")[2] in _NO_GRANT):
            yield UNKNOWN
    for resource in stack.of_kind(*ATTACHED):
        roles = listed(resource.properties.get("Roles")) + listed(resource.properties.get("RoleName"))
        names = (holder.properties.get("RoleName"), UNKNOWN)
        if any(stack.resource(role) is holder or role in names for role in roles):
            yield resource.properties.get("PolicyDocument", UNKNOWN)


def _of_sam(consumer: Consumer, function: Resource, target: Destination, stack: Stack) -> Iterator[Any]:
    """Yield the statements that SAM adds to a role that it creates; UNKNOWN where connectors may add some.

    docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-onfailure.html
    """
    if function.connectors or stack.of_kind("AWS::Serverless::Connector"):
        yield UNKNOWN
    if (on_failure(consumer) or {}).get("Type") == target.service.upper():
        yield {"Effect": "Allow", "Action": list(NEEDED[target.service]), "Resource": "*"}
    for policy in listed(function.properties.get("Policies")):
        name, given = next(iter(policy.items()), ("", None)) if isinstance(policy, dict) else ("", None)
        if name in _SAM_TEMPLATES and isinstance(given, dict):
            about = _written(next(iter(given.values()), UNKNOWN))
            arn = f"arn:aws:{target.service}:::{about}"
            yield {"Effect": "Allow", "Action": list(_SAM_TEMPLATES[name]), "Resource": [arn, f"{arn}/*"]}


def _of_destination(target: Destination, stack: Stack) -> Iterator[Any]:
    """Yield the statements of the destination's own policy that may allow something to roles."""
    for policy in stack.of_kind(*_OWN_POLICIES):
        about = listed(policy.properties.get(_OWN_POLICIES[policy.kind]))
        if not any(stack.resource(one) in (target.resource, None) for one in about):
            continue
        for statement in _statements([policy.properties.get("PolicyDocument", UNKNOWN)]):
            principal = statement.get("Principal") if isinstance(statement, dict) else "*"
            if not isinstance(principal, dict) or "AWS" in principal:
                yield statement


def _statements(found: Any) -> Iterator[Any]:
    """Yield the statements of policy documents; UNKNOWN for a document that is not a mapping."""
    for document in found:
        yield from listed(document.get("Statement")) if isinstance(document, dict) else [UNKNOWN]


def _fits(pattern: str, text: str, doubt: bool) -> bool:
    """Return whether IAM's pattern matches; an unknown part matches anything if `doubt`, else nothing."""
    if _UNTOLD in pattern and not doubt:
        return False
    expression = "".join(_WILDCARDS.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _written(value: Any) -> str:
    return written(value, "${?}")


def _untold(value: Any) -> str:
    """Return a text with NUL for each variable in it."""
    return VARIABLE.sub(_UNTOLD, _written(value))
