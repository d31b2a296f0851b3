"""Add what else reads a stack's streams: other stacks' event source mappings and fan-out consumers.

A shard's reads are shared by all who poll it, whichever stack they are of.
docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from threeways.ops.account import Client
from threeways.ops.deploy.stack import Resource
from threeways.ops.deploy.streams import arn_of, readers_of

MAPPING, STREAM, FAN_OUT = (
    "AWS::Lambda::EventSourceMapping",
    "AWS::Kinesis::Stream",
    "AWS::Kinesis::StreamConsumer",
)
_SETTINGS = (
    "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
    "ParallelizationFactor", "StartingPosition",
)  # fmt: skip


def settings(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping's settings, by the names of a template, of what Lambda's API answers."""
    return {name: answer[name] for name in _SETTINGS if answer.get(name) is not None}


def add(template: dict[str, Any], held: Sequence[Resource], client: Client) -> None:
    """Add the other readers of each stream that the template has, as resources. Raises boto's errors.

    held: the stack's own resources, which are in the template already.
    """
    own = {physical_id for _, _, physical_id in held}
    streams = {name: body for name, body in template["Resources"].items() if body.get("Type") == STREAM}
    for stream, body in streams.items():
        arn = arn_of(body["Properties"]["Name"], client)
        sources: dict[str, dict[str, Any]] = {arn: {"Fn::GetAtt": [stream, "Arn"]}}
        for name, consumer in _fan_out(arn, client):
            if consumer not in own:
                properties = {"StreamARN": sources[arn], "ConsumerName": name}
                added = _add(template, f"Fanout{name}", FAN_OUT, properties)
                sources[consumer] = {"Ref": added}
        for source, reference in sources.items():
            for answer in readers_of(source, client):
                if answer["UUID"] in own:
                    continue
                name = answer["FunctionArn"].partition(":function:")[2]
                properties = {**settings(answer), "EventSourceArn": reference, "FunctionName": name}
                _add(template, f"OtherStack{name.partition(':')[0]}", MAPPING, properties)


def _fan_out(stream_arn: str, client: Client) -> Iterator[tuple[str, str]]:
    """Yield the name and ARN of each fan-out consumer.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreamConsumers.html
    """
    for page in client("kinesis").get_paginator("list_stream_consumers").paginate(StreamARN=stream_arn):
        for one in page["Consumers"]:
            yield one["ConsumerName"], one["ConsumerARN"]


def _add(template: dict[str, Any], name: str, kind: str, properties: dict[str, Any]) -> str:
    """Add a resource under a logical id that is free; the id."""
    base = "".join(filter(str.isalnum, name))
    free = next(
        name for n in range(1, 10_000) if (name := base + str(n) * (n > 1)) not in template["Resources"]
    )
    template["Resources"][free] = {"Type": kind, "Properties": properties}
    return free
