"""The emulated resources of a template: their names and ARNs, and the values of `Ref` and `GetAtt`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from threeways.emulator.mapping.settings import FAN_OUT
from threeways.emulator.server import ACCOUNT
from threeways.emulator.template_values import Resolver
from threeways.errors import LocalError

STACK = "three-ways"
"""The stack's name, where it is given none."""
FUNCTION, STREAM, BUCKET = "AWS::Serverless::Function", "AWS::Kinesis::Stream", "AWS::S3::Bucket"
QUEUE, TOPIC, TABLE = "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::DynamoDB::Table"
MAPPING, CONSUMER = "AWS::Lambda::EventSourceMapping", "AWS::Kinesis::StreamConsumer"
_KINDS = {
    FUNCTION: ("FunctionName", "arn:aws:lambda:{region}:{account}:function:{name}"),
    STREAM: ("Name", "arn:aws:kinesis:{region}:{account}:stream/{name}"),
    BUCKET: ("BucketName", "arn:aws:s3:::{name}"),
    QUEUE: ("QueueName", "arn:aws:sqs:{region}:{account}:{name}"),
    TOPIC: ("TopicName", "arn:aws:sns:{region}:{account}:{name}"),
    TABLE: ("TableName", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
}
"""The property that names a resource of a kind, and its ARN."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource. kind: its CloudFormation type. body: as the template has it, functions unresolved."""

    logical_id: str
    kind: str
    name: str
    arn: str
    body: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its Properties, which may be empty."""
        return self.body.get("Properties") or {}


def known(resources: Mapping[str, Mapping[str, Any]], resolver: Resolver, region: str) -> list[Resource]:
    """Return the emulated resources whose condition holds.

    One without a name gets a name from its logical id. resolver: of parameters, pseudo parameters and
    conditions. Raises LocalError for a name or a condition that cannot be resolved.
    """
    return [
        _resource(logical_id, body, resolver, region)
        for logical_id, body in resources.items()
        if body.get("Type") in _KINDS and resolver.is_there(body.get("Condition"), logical_id)
    ]


def _resource(logical_id: str, body: Mapping[str, Any], resolver: Resolver, region: str) -> Resource:
    kind = body["Type"]
    properties = body.get("Properties") or {}
    key, arn = _KINDS[kind]
    name = resolver.resolve({key: properties.get(key)}, logical_id).get(key)
    if not name:
        fifo = properties.get("FifoQueue") or properties.get("FifoTopic")
        stack = resolver.reference("AWS::StackName", logical_id)
        name = f"{stack}-{logical_id.lower()}{'.fifo' if fifo else ''}"
    arn = arn.format(region=region, account=ACCOUNT, name=name)
    return Resource(logical_id, kind, str(name), arn, body)


def references(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the values of `Ref`: a name, a topic's ARN, or a queue's URL, which the emulator takes, too."""
    return {resource.logical_id: _reference(resource) for resource in resources}


def _reference(resource: Resource) -> str:
    if resource.kind == QUEUE:
        region, account, name = resource.arn.split(":")[3:6]
        return f"https://sqs.{region}.amazonaws.com/{account}/{name}"
    return resource.arn if resource.kind == TOPIC else resource.name


def attributes(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the values of `GetAtt` for each resource's ARN, and for a table's stream and a queue's name.

    The label at the end of a stream's ARN is a time that is not known yet: a star stands for it.
    """
    found = {}
    for resource in resources:
        found[f"{resource.logical_id}.{'TopicArn' if resource.kind == TOPIC else 'Arn'}"] = resource.arn
        if resource.kind == TABLE and "StreamSpecification" in resource.properties:
            found[f"{resource.logical_id}.StreamArn"] = f"{resource.arn}/stream/*"
        if resource.kind == QUEUE:
            found[f"{resource.logical_id}.QueueName"] = resource.name
    return found


MOST_CONSUMERS = 20
"""Of one stream: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html."""


def consumers(resources: Mapping[str, Mapping[str, Any]], resolver: Resolver) -> dict[str, str]:
    """Return the ARNs of the streams' consumers whose condition holds, by logical id.

    docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-streamconsumer.html
    Raises LocalError for one of no stream, and where a stream has too many.
    """
    found: dict[str, str] = {}
    streams: Counter[str] = Counter()
    for logical_id, body in resources.items():
        if body.get("Type") != CONSUMER or not resolver.is_there(body.get("Condition"), logical_id):
            continue
        given = resolver.resolve(body.get("Properties") or {}, logical_id)
        stream = str(given.get("StreamARN"))
        streams[stream] += 1
        if streams[stream] > MOST_CONSUMERS:
            raise LocalError(
                f"template: {logical_id} is consumer {streams[stream]} of {stream}; AWS takes "
                f"{MOST_CONSUMERS} with enhanced fan-out: let others poll"
            )
        found[logical_id] = f"{stream}{FAN_OUT}{given.get('ConsumerName')}:1"
    return found
