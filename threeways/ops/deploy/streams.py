"""The stack's two streams before a deployment: a new one is free, one that is read by its ARN is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threeways.errors import UsageError
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy.stack import Stack

INPUT_ARN, INPUT_NAME, OUTPUT_NAME = "InputStreamArn", "InputStreamName", "OutputStreamName"
"""The template's parameters that name them."""


def input_name(values: Mapping[str, str]) -> str:
    """Return the name of the input stream: that of the ARN, where there is one.

    docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html (Resource types)
    """
    arn = values[INPUT_ARN]
    return arn.rpartition("/")[2] if arn else values[INPUT_NAME]


def require_two(values: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Raise UsageError where the parameters do not say which two streams these are.

    values: of every parameter. given: those that the user chose.
    """
    if given.get(INPUT_ARN) and INPUT_NAME in given:
        raise UsageError(
            f"{INPUT_NAME}={given[INPUT_NAME]} names a stream that the stack makes, {INPUT_ARN} one that is "
            "there: give one of them (samconfig.toml keeps what was given before)"
        )
    if input_name(values) == values[OUTPUT_NAME]:
        raise UsageError(
            f"{values[OUTPUT_NAME]} would be both input and output, and the function would read its own "
            f"predictions: give the output another name, PARAMETERS={OUTPUT_NAME}=…"
        )


def require_free(stack: Stack | None, values: Mapping[str, str], client: Client) -> None:
    """Raise UsageError where a stream that the deployment makes anew is there already."""
    makes_input = not values[INPUT_ARN] and (stack is None or bool(stack.parameters.get(INPUT_ARN)))
    names = [INPUT_NAME] * makes_input + [OUTPUT_NAME] * (stack is None)
    for name in names:
        with account.named_faults(f"the stream {values[name]} cannot be looked up"):
            found = _summary(values[name], client)
        if found:
            read_it = f", or have the stack read that one, PARAMETERS={INPUT_ARN}={found['StreamARN']}"
            raise UsageError(
                f"there is a stream {values[name]} already, which is none of this stack's: give another "
                f"name, PARAMETERS={name}=…{read_it if name == INPUT_NAME else ''}"
            )


def require_input(values: Mapping[str, str], region: str, client: Client) -> None:
    """Raise UsageError where `InputStreamArn` is no stream that a stack of the region can consume.

    Alarms and dashboard name the stream in the stack's own account and region. Raises LocationError where it
    can't be looked up.
    """
    arn = values[INPUT_ARN]
    if not arn:
        return
    _, _, _, where, whose, _ = arn.split(":", 5)
    if where != region:
        raise UsageError(
            f"{INPUT_ARN}={arn} is in {where}, the stack in {region}: deploy it there, REGION={where}"
        )
    with account.named_faults(f"the stream {INPUT_ARN}={arn} cannot be looked up"):
        own = client("sts").get_caller_identity()["Account"]
        if whose != own:
            raise UsageError(
                f"{INPUT_ARN}={arn} is in account {whose}, the stack in {own}: deploy it with credentials of "
                f"{whose}"
            )
        found = _summary(input_name(values), client)
    if found is None:
        raise UsageError(
            f"{INPUT_ARN}={arn} is not there: give the output {INPUT_ARN} of the stack that makes the "
            f"stream, or leave {INPUT_ARN} out, and this stack makes one"
        )
    if found["StreamStatus"] not in ("ACTIVE", "UPDATING"):
        raise UsageError(f"{INPUT_ARN}={arn} is {found['StreamStatus']}: wait until it is ACTIVE")


def _summary(name: str, client: Client) -> Mapping[str, Any] | None:
    """Return what Kinesis says of a stream; None where there is none. Raises boto's errors."""
    kinesis = client("kinesis")
    try:
        answer: Mapping[str, Any] = kinesis.describe_stream_summary(StreamName=name)
    except kinesis.exceptions.ResourceNotFoundException:
        return None
    found: Mapping[str, Any] = answer["StreamDescriptionSummary"]
    return found
