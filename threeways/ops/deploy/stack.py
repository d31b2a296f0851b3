"""The stack in its account: what state it is in, what it holds, what it was deployed from.

docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (stack status codes)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from threeways.aws.cloudformation.document import parse
from threeways.errors import DeploymentFailed, UsageError
from threeways.ops import account
from threeways.ops.account import Client

ROLLS_BACK_ON = ("FunctionErrors", "QuarantineRate")
"""The alarms that stop a deployment by CodeDeploy."""
USABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}

type Resource = tuple[str, str, str]
"""Logical id, type and physical id of what a stack holds."""


@dataclass(frozen=True)
class Stack:
    """A stack that is there. template: as it was deployed; its intrinsic functions in their long form."""

    name: str
    status: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_join(self) -> bool:
        """Whether it is one of join.yaml."""
        return "VerdictsStreamArn" in self.outputs

    def output(self, name: str) -> str:
        """Raise UsageError where it is not this project's stack."""
        if name not in self.outputs:
            raise UsageError(
                f"the stack {self.name} has no output {name}: it is none of `make deploy`'s; "
                "name another, STACK="
            )
        return self.outputs[name]


def look(name: str, client: Client) -> Stack | None:
    """Return the stack; None where there is none, or only a change set of one that was never made."""
    from botocore.exceptions import ClientError

    cloudformation = client("cloudformation")
    with account.named_faults(f"the stack {name} cannot be looked at"):
        try:
            [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        if found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            return None
        body = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    return Stack(
        name,
        found["StackStatus"],
        {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])},
        {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        # boto3 has parsed a template that is JSON, though not always
        body if isinstance(body, dict) else parse(body),
    )


def require_usable(stack: Stack) -> None:
    """Raise UsageError, with the mend, for a stack that cannot be changed now."""
    status, name = stack.status, stack.name
    if status in USABLE:
        return
    if status.endswith("_IN_PROGRESS"):
        mend = "something changes it right now: wait until that has ended (CloudFormation's console shows it)"
    elif status == "UPDATE_ROLLBACK_FAILED":
        mend = (
            f"have CloudFormation end it: `aws cloudformation continue-update-rollback --stack-name {name}`"
        )
    elif status == "DELETE_FAILED":
        mend = f"its removal did not end; its events say why. Then: make destroy STACK={name}"
    else:
        mend = f"its first deployment failed; its events say why. Begin anew: make destroy STACK={name}"
    raise UsageError(f"the stack {name} is in the state {status}: {mend}")


def require_quiet(name: str, client: Client) -> None:
    """Raise UsageError where an alarm rings that would stop a deployment step by step."""
    cloudwatch = client("cloudwatch")
    ringing = []
    with account.named_faults(f"the alarms of {name} cannot be looked at"):
        for alarm in ROLLS_BACK_ON:
            found = cloudwatch.describe_alarms(AlarmNamePrefix=f"{name}-{alarm}-", StateValue="ALARM")
            ringing += [one["AlarmName"] for one in found["MetricAlarms"] if one["StateValue"] == "ALARM"]
    if ringing:
        raise UsageError(
            f"{', '.join(ringing)} rings, and CodeDeploy would stop the deployment for it. If this "
            "deployment is the mend, have the new version take over in one step: AT_ONCE=1"
        )


def require_after(name: str, client: Client) -> Stack:
    """Return the stack after a deployment. Raises DeploymentFailed where it is not as it should be."""
    stack = look(name, client)
    if stack is None or stack.status not in USABLE - {"UPDATE_ROLLBACK_COMPLETE"}:
        status = stack.status if stack else "gone"
        raise DeploymentFailed(f"the stack {name} is {status} after the deployment: its events say why")
    return stack


def resources(name: str, client: Client) -> Iterator[Resource]:
    """Yield all that a stack holds. Raises boto's errors."""
    for page in client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name):
        for one in page["StackResourceSummaries"]:
            if one["ResourceStatus"] != "DELETE_COMPLETE":
                yield one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")
