"""Read what invokes a template's functions: their events, and event source mappings that stand by themselves.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html
and docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from threeways.emulator.function.config import FIRST_VERSION, LATEST
from threeways.emulator.resources import Resource
from threeways.emulator.template_values import Resolver
from threeways.errors import LocalError


@dataclass(frozen=True, slots=True)
class Declared:
    """An event as the template has it, resolved. where: its place there. kind: its `Type`.

    function_arn: what it invokes: of an alias, where the function has one. properties: those of a SAM event
    of this kind.
    """

    where: str
    function: Resource
    function_arn: str
    properties: Mapping[str, Any]
    kind: str = "Kinesis"


KINDS = ("Kinesis", "DynamoDB", "SQS", "Schedule", "ScheduleV2")
"""The types of events that run here."""


def aliases(functions: Iterable[Resource], defaults: Mapping[str, Any], resolver: Resolver) -> dict[str, str]:
    """Return the alias of each function that publishes one, by its logical id. defaults: `Globals`'."""
    found = {}
    for function in functions:
        key = "AutoPublishAlias"
        given = function.properties.get(key, defaults.get(key))
        alias = resolver.resolve({key: given}, function.logical_id).get(key)
        if alias:
            found[function.logical_id] = str(alias)
    return found


def references(functions: Iterable[Resource], names: Mapping[str, str]) -> dict[str, str]:
    """Return the values of `Ref` for what SAM makes of an alias. names: by the functions' logical ids.

    docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-function.html
    """
    found = {}
    for function in functions:
        alias = names.get(function.logical_id)
        if alias:
            arn = f"{function.arn}:{alias}"
            found[f"{function.logical_id}Alias{alias}"] = found[f"{function.logical_id}.Alias"] = arn
            found[f"{function.logical_id}.Version"] = f"{function.arn}:{FIRST_VERSION}"
    return found


def of_events(
    functions: Iterable[Resource], names: Mapping[str, str], resolver: Resolver
) -> Iterator[Declared]:
    """Yield the events of functions that run here. names: as `aliases` has them."""
    for function in functions:
        alias = names.get(function.logical_id)
        arn = f"{function.arn}:{alias}" if alias else function.arn
        for name, event in (function.properties.get("Events") or {}).items():
            kind = event.get("Type")
            if kind in KINDS:
                where = f"{function.logical_id}.Events.{name}"
                properties = resolver.resolve(event.get("Properties") or {}, where)
                yield Declared(where, function, arn, properties, kind)


def standalone(
    resources: Mapping[str, Mapping[str, Any]],
    functions: Iterable[Resource],
    names: Mapping[str, str],
    resolver: Resolver,
) -> Iterator[Declared]:
    """Yield the mappings that are resources of their own, where their condition holds.

    resources: of kind AWS::Lambda::EventSourceMapping, by logical id.
    """
    by_name = {function.name: function for function in functions}
    for where, body in resources.items():
        if not resolver.is_there(body.get("Condition"), where):
            continue
        given = resolver.resolve(body.get("Properties") or {}, where)
        named = str(given.get("FunctionName"))
        name, _, qualifier = named.rpartition("function:")[2].partition(":")
        function = by_name.get(name)
        if function is None:
            raise LocalError(
                f"template: {where}.FunctionName is {named}, which is no AWS::Serverless::Function of the "
                f"template; it has {', '.join(by_name) or 'none'}"
            )
        _require_published(f"{where}.FunctionName", function, qualifier, names)
        arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
        event = {key: value for key, value in given.items() if key not in {"FunctionName", "Tags"}}
        source = event.pop("EventSourceArn", None)
        kind = {"dynamodb": "DynamoDB", "sqs": "SQS"}.get(service_of(source), "Kinesis")
        named = "Queue" if kind == "SQS" else "Stream"
        yield Declared(where, function, arn, {named: source, **event}, kind)


def service_of(arn: Any) -> str:
    """Return the service of an ARN; empty where it is none."""
    return ([*str(arn).split(":"), "", "", ""])[2]


def _require_published(where: str, function: Resource, qualifier: str, names: Mapping[str, str]) -> None:
    alias = names.get(function.logical_id)
    known = {"", LATEST, *((alias, FIRST_VERSION) if alias else ())}
    if qualifier not in known:
        has = f"the alias {alias}" if alias else "no alias (AutoPublishAlias makes one)"
        raise LocalError(f"template: {where} names {qualifier} of {function.logical_id}, which has {has}")
