"""Refuse a deployment that would replace or remove a stream, a bucket or a table, before it is executed.

CloudFormation is asked by a change set, which is looked at and deleted. After a replacement the stack is on
the new stream, while producers and consumers are still on the old one; a new bucket holds no model, no
quarantine and nothing of what was given up.
docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from threeways.errors import UsageError
from threeways.ops import account
from threeways.ops.account import Client

KEPT = {"AWS::Kinesis::Stream": "stream", "AWS::S3::Bucket": "bucket", "AWS::DynamoDB::Table": "table"}
"""The types of resources that hold what can't be made again."""
RECORDS = "DeploymentsBucket"
"""The one that a rollback to a template without it may leave in the account, without a stack: no producer,
consumer or event depends on it."""
PATIENCE = {"Delay": 1, "MaxAttempts": 300}
"""Of boto3's waiter: the seconds between two looks, and their number."""
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says why a change set that changes nothing has failed."""


def require_kept(stack: str, template: str, values: Mapping[str, str], client: Client) -> None:
    """Raise UsageError where CloudFormation would replace or remove one of the stack's `KEPT`.

    template: what would be deployed, its text. values: of its parameters. The stack is left as it is.
    """
    faults = [fault for change in _changes(stack, template, values, client) if (fault := lost(change))]
    if faults:
        raise UsageError(
            "nothing was executed, for this deployment would\n  "
            + "\n  ".join(faults)
            + "\nLeave the parameter that causes it as the stack has it now (PARAMETERS='Name=value …'), or "
            "deploy a second stack beside this one (STACK=another, with stream names of its own) and move "
            "producers and consumers over to it"
        )


def lost(change: Mapping[str, Any]) -> str | None:
    """Return what a change would do to a stream, a bucket or a table; None where that stays what it is.

    `Conditional` is no promise that it stays, and `Dynamic` none at all: both count as lost.
    """
    found = change.get("ResourceChange", {})
    if found.get("LogicalResourceId") == RECORDS:
        return None
    kind, action = KEPT.get(found.get("ResourceType", "")), found.get("Action")
    if kind is None:
        return None
    what = f"the {kind} {found.get('LogicalResourceId')} ({found.get('PhysicalResourceId') or 'no name yet'})"
    if action in ("Remove", "Dynamic"):
        stays = found.get("PolicyAction") == "Retain"
        after = "; it would stay in the account, without a stack" if stays else ""
        return f"{'remove' if action == 'Remove' else 'perhaps remove or replace'} {what}{after}"
    if action == "Modify" and found.get("Replacement") in ("True", "Conditional"):
        perhaps = "perhaps " if found["Replacement"] == "Conditional" else ""
        return f"{perhaps}replace {what} by another, since {_causes(found.get('Details', []))} changes"
    return None


def _causes(details: Iterable[Mapping[str, Any]]) -> str:
    """Return the properties that a resource is made anew for, each with the parameter that it comes from."""
    causes: dict[str, str] = {}
    for detail in details:
        target = detail.get("Target", {})
        if target.get("RequiresRecreation", "Never") != "Never":
            name = str(target.get("Name") or target.get("Attribute"))
            entity = detail.get("CausingEntity")  # a property may be told of twice, once without it
            causes[name] = f"{name} ({entity})" if entity else causes.get(name, name)
    return ", ".join(causes.values()) or "its definition"


def _changes(stack: str, template: str, values: Mapping[str, str], client: Client) -> list[Mapping[str, Any]]:
    """Return what CloudFormation would change. Raises UsageError where it makes no change set of it."""
    from botocore.exceptions import WaiterError

    cloudformation = client("cloudformation")
    with account.named_faults(f"CloudFormation cannot be asked what would change in the stack {stack}"):
        made = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"three-ways-look-{secrets.token_hex(6)}",
            ChangeSetType="UPDATE",
            Description="Made by `make deploy` to look at, never executed",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        )["Id"]
        try:
            waiter = cloudformation.get_waiter("change_set_create_complete")
            waiter.wait(ChangeSetName=made, WaiterConfig=PATIENCE)
            pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=made)
            return [change for page in pages for change in page.get("Changes", [])]
        except WaiterError as error:
            if "Status" not in error.last_response:  # CloudFormation has refused the look itself
                raise
            status, reason = (str(error.last_response.get(name, "")) for name in ("Status", "StatusReason"))
        finally:
            with suppress(cloudformation.exceptions.ClientError):  # one that stays changes nothing
                cloudformation.delete_change_set(ChangeSetName=made)
    if any(said in reason for said in _NO_CHANGES):
        return []
    raise UsageError(f"CloudFormation would not take this deployment of {stack}: {status}: {reason}")
