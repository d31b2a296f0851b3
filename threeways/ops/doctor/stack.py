"""Read a template's consumers of Kinesis, in SAM's or CloudFormation's form, with their resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from threeways.ops.doctor.references import dangling
from threeways.ops.doctor.values import Path, Reference, TemplateValues, as_number, section

FUNCTIONS = {"AWS::Serverless::Function", "AWS::Lambda::Function"}
STREAM = "AWS::Kinesis::Stream"
_OTHER_SOURCES = {"SelfManagedEventSource", "Topics", "Queues", "AmazonManagedKafkaEventSourceConfig"}
_ALIASES = {"AWS::Lambda::Alias", "AWS::Lambda::Version"}
_IN_TEXT = re.compile(r"\$\{([A-Za-z0-9]+)")


@dataclass(frozen=True)
class Properties:
    """What a template says under a name. path: of the properties. properties: resolved."""

    logical_id: str
    path: Path
    properties: Mapping[str, Any]

    def number(self, name: str, default: int) -> int | None:
        """Return an integer property; None if it is unknown."""
        return as_number(self.properties.get(name, default))

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a property that is a mapping; empty if it is missing or unknown."""
        return section(self.properties, name)

    def at(self, name: str) -> Path:
        """Return a property's path, or that of all properties if it is missing."""
        return [*self.path, name] if name in self.properties else self.path


@dataclass(frozen=True)
class Resource(Properties):
    """A resource. connectors: SAM's, if any."""

    kind: str
    connectors: Any = None


@dataclass(frozen=True)
class Consumer(Properties):
    """An event source mapping. function, stream: None if not in the template.

    source: the stream's ARN, a Reference or UNKNOWN; None if missing.
    """

    source: Any
    function: Resource | None
    stream: Resource | None


@dataclass
class Stack:
    """A template's resources and consumers. resources: those whose condition is not known to be false.

    dangling: the path and name of each reference to a missing resource.
    """

    resources: dict[str, Resource] = field(default_factory=dict)
    consumers: list[Consumer] = field(default_factory=list)
    dangling: list[tuple[Path, str]] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Resource]:
        """Return the resources of these types."""
        return [resource for resource in self.resources.values() if resource.kind in kinds]

    def resource(self, value: Any) -> Resource | None:
        """Return the resource that a value refers to: by reference, in a text, or by a function's name."""
        if isinstance(value, Reference):
            return self.resources.get(value.logical_id)
        if not isinstance(value, str):
            return None
        named = (self.resources.get(name) for name in _IN_TEXT.findall(value))
        called = (x for x in self.of_kind(*FUNCTIONS) if x.properties.get("FunctionName") == value)
        return next((found for found in (*named, *called) if found), None)

    def function(self, value: Any) -> Resource | None:
        """Return the function that a value refers to, also through an alias or version."""
        found = self.resource(value)
        if found is not None and found.kind in _ALIASES:
            found = self.resource(found.properties.get("FunctionName"))
        return found if found is not None and found.kind in FUNCTIONS else None


def read(template: Mapping[str, Any]) -> Stack:
    """Read the stack of a parsed template; malformed parts are left to cfn-lint."""
    values = TemplateValues(template)
    stack = Stack(dangling=list(dangling(template)))
    for name, body in section(template, "Resources").items():
        if not isinstance(body, dict) or ("Condition" in body and values.fails(body["Condition"])):
            continue
        properties = values.of(body.get("Properties") or {})
        if isinstance(properties, dict):
            path: Path = ["Resources", str(name), "Properties"]
            stack.resources[str(name)] = Resource(
                str(name), path, properties, str(body.get("Type")), body.get("Connectors")
            )
    stack.consumers = [*_events(stack), *_mappings(stack)]
    return stack


def _events(stack: Stack) -> Iterator[Consumer]:
    """Yield the consumers in SAM's form.

    docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-kinesis.html
    """
    for function in stack.of_kind("AWS::Serverless::Function"):
        for name, event in function.mapping("Events").items():
            settings = event.get("Properties") if isinstance(event, dict) else None
            if isinstance(settings, dict) and event.get("Type") == "Kinesis":
                source, path = settings.get("Stream"), [*function.path, "Events", name, "Properties"]
                yield Consumer(
                    f"{function.logical_id}.{name}", path, settings, source, function, _stream(stack, source)
                )


def _mappings(stack: Stack) -> Iterator[Consumer]:
    """Yield the consumers in CloudFormation's form.

    docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
    """
    for mapping in stack.of_kind("AWS::Lambda::EventSourceMapping"):
        settings = mapping.properties
        source = settings.get("EventSourceArn")
        stream = _stream(stack, source)
        if stream is not None or _may_be_kinesis(settings, source, stack):
            function = stack.function(settings.get("FunctionName"))
            yield Consumer(mapping.logical_id, mapping.path, settings, source, function, stream)


def _stream(stack: Stack, source: Any) -> Resource | None:
    found = stack.resource(source)
    if found is not None and found.kind == "AWS::Kinesis::StreamConsumer":
        found = stack.resource(found.properties.get("StreamARN"))
    return found if found is not None and found.kind == STREAM else None


def _may_be_kinesis(settings: Mapping[str, Any], source: Any, stack: Stack) -> bool:
    """Return whether a mapping without a stream of this template reads Kinesis, as far as known."""
    if isinstance(source, str) and ":" in source:
        return ":kinesis:" in source
    if stack.resource(source) is not None or _OTHER_SOURCES & set(settings):
        return False
    return "StartingPosition" in settings
