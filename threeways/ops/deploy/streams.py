"""The stack's two streams before a deployment: a new one is free, one that is read by its ARN is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from threeways.errors import UsageError
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy.stack import Stack

INPUT_ARN, INPUT_NAME = "InputStreamArn", "InputStreamName"
OUTPUT_ARN, OUTPUT_NAME = "OutputStreamArn", "OutputStreamName"
"""The template's parameters that name them: what is there, and what the stack makes."""
PAIRS = ((INPUT_ARN, INPUT_NAME), (OUTPUT_ARN, OUTPUT_NAME))


def input_name(values: Mapping[str, str]) -> str:
    """Return the name of the input stream: that of the ARN, where there is one.

    docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html (Resource types)
    """
    return _name(values, INPUT_ARN, INPUT_NAME)


def output_name(values: Mapping[str, str]) -> str:
    """Return the name of the output stream, likewise."""
    return _name(values, OUTPUT_ARN, OUTPUT_NAME)


def _name(values: Mapping[str, str], arn: str, name: str) -> str:
    return values[arn].rpartition("/")[2] if values.get(arn) else values[name]


def require_two(values: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Raise UsageError where the parameters do not say which two streams these are.

    values: of every parameter. given: those that the user chose.
    """
    for arn, name in PAIRS:
        if given.get(arn) and name in given:
            raise UsageError(
                f"{name}={given[name]} names a stream that the stack makes, {arn} one that is "
                "there: give one of them (samconfig.toml keeps what was given before)"
            )
    if input_name(values) == output_name(values):
        raise UsageError(
            f"{output_name(values)} would be both input and output, and the function would read its own "
            f"predictions: give the output another name, PARAMETERS={OUTPUT_NAME}=…"
        )


def require_free(stack: Stack | None, values: Mapping[str, str], client: Client) -> None:
    """Raise UsageError where a stream that the deployment makes anew is there already."""
    for arn, name in PAIRS:
        if values.get(arn) or not (stack is None or stack.parameters.get(arn)):
            continue
        with account.named_faults(f"the stream {values[name]} cannot be looked up"):
            found = summary(values[name], client)
        if found:
            use = "read that one" if name == INPUT_NAME else "put on that one, beside others"
            raise UsageError(
                f"there is a stream {values[name]} already, which is none of this stack's: give another "
                f"name, PARAMETERS={name}=…, or have the stack {use}, PARAMETERS={arn}={found['StreamARN']}"
            )


def require_existing(
    values: Mapping[str, str], region: str, client: Client, names: Iterable[str] = (INPUT_ARN, OUTPUT_ARN)
) -> None:
    """Raise UsageError where a stream that is given by its ARN is none that a stack of the region can use.

    names: of the parameters that are ARNs. Alarms and dashboard name the stream in the stack's own account
    and region. Raises LocationError where it can't be looked up.
    """
    for name in names:
        if values.get(name):
            _require(name, values[name], region, client)


def _require(name: str, arn: str, region: str, client: Client) -> None:
    _, _, _, where, whose, _ = arn.split(":", 5)
    if where != region:
        raise UsageError(
            f"{name}={arn} is in {where}, the stack in {region}: deploy it there, REGION={where}"
        )
    with account.named_faults(f"the stream {name}={arn} cannot be looked up"):
        own = client("sts").get_caller_identity()["Account"]
        if whose != own:
            raise UsageError(
                f"{name}={arn} is in account {whose}, the stack in {own}: deploy it with credentials of "
                f"{whose}"
            )
        found = summary(arn.rpartition("/")[2], client)
    if found is None:
        raise UsageError(
            f"{name}={arn} is not there: give the output {name} of the stack that makes the "
            f"stream, or leave {name} out, and this stack makes one"
        )
    if found["StreamStatus"] not in ("ACTIVE", "UPDATING"):
        raise UsageError(f"{name}={arn} is {found['StreamStatus']}: wait until it is ACTIVE")


def arn_of(name: str, client: Client) -> str:
    """Return a stream's ARN. Raises boto's errors."""
    answer = client("kinesis").describe_stream_summary(StreamName=name)
    return str(answer["StreamDescriptionSummary"]["StreamARN"])


def readers_of(source: str, client: Client) -> Iterator[Mapping[str, Any]]:
    """Yield the event source mappings that read a stream, or a consumer of one, by its ARN.

    Raises boto's errors.
    docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
    """
    pages = client("lambda").get_paginator("list_event_source_mappings")
    for page in pages.paginate(EventSourceArn=source):
        yield from page["EventSourceMappings"]


def summary(name: str, client: Client) -> Mapping[str, Any] | None:
    """Return what Kinesis says of a stream; None where there is none. Raises boto's errors."""
    kinesis = client("kinesis")
    try:
        answer: Mapping[str, Any] = kinesis.describe_stream_summary(StreamName=name)
    except kinesis.exceptions.ResourceNotFoundException:
        return None
    found: Mapping[str, Any] = answer["StreamDescriptionSummary"]
    return found
