"""Read the SAM template to run it locally, with the settings that are deployed.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from threeways.aws.cloudformation.document import parse
from threeways.aws.cloudformation.values import NO_VALUE, as_text
from threeways.emulator import resources, template_mappings, template_sources
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.settings import FAN_OUT, from_event
from threeways.emulator.resources import BUCKET, FUNCTION, MAPPING, QUEUE, STREAM, TABLE, TOPIC, Resource
from threeways.emulator.server import ACCOUNT
from threeways.emulator.stack import SourceMapping, Stack, Stream
from threeways.emulator.template_mappings import Declared
from threeways.emulator.template_values import Resolver
from threeways.errors import LocalError

HANDLER = "lambda_function.lambda_handler"
_ON_DEMAND_SHARDS = 4
"""The initial number of shards of an on-demand stream."""
_STREAM_ARN = re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/([a-zA-Z0-9_.-]{1,128})")


def load(
    path: Path,
    parameters: Mapping[str, str] | None = None,
    *,
    region: str = "us-east-1",
    name: str = resources.STACK,
) -> Stack:
    """Read the stack that a template describes. parameters: values that override the parameters' defaults.

    name: the stack's. Resources without a name get one from it and their logical id. Raises LocalError,
    saying what and where, for a template that cannot be read, an unknown parameter, or what is not supported
    here.
    """
    document = _read(path)
    references: dict[str, Any] = {
        **_parameters(document.get("Parameters") or {}, parameters or {}),
        "AWS::Region": region,
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": name,
    }
    conditions = document.get("Conditions") or {}
    plain = Resolver(references, {}, conditions)
    known = resources.known(document["Resources"], plain, region)
    functions = [one for one in known if one.kind == FUNCTION]
    defaults = (document.get("Globals") or {}).get("Function") or {}
    aliases = template_mappings.aliases(functions, defaults, plain)
    references |= resources.references(known) | template_mappings.references(functions, aliases)
    attributes = resources.attributes(known)
    consumers = resources.consumers(document["Resources"], Resolver(references, attributes, conditions))
    attributes |= {f"{logical_id}.ConsumerARN": arn for logical_id, arn in consumers.items()}
    resolver = Resolver(references | consumers, attributes, conditions)
    mappings = {key: body for key, body in document["Resources"].items() if body.get("Type") == MAPPING}
    declared = [
        *template_mappings.of_events(functions, aliases, resolver),
        *template_mappings.standalone(mappings, functions, aliases, resolver),
    ]
    if not declared:
        raise LocalError(
            "the template has 0 functions' Kinesis events and 0 AWS::Lambda::EventSourceMapping; at least "
            f"one of them, or an event of type {', '.join(template_mappings.KINDS[1:])}, is what runs here"
        )
    return _stack(known, declared, defaults, resolver, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError(f"the template cannot be read: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LocalError(f"the template {path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise LocalError(f"the template {path} has no Resources")
    return document


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise LocalError(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(declared)}")
    values = {name: given.get(name, body.get("Default")) for name, body in declared.items()}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise LocalError(f"the template's parameter {', '.join(missing)} has no default: give it a value")
    return values


def _stack(
    known: list[Resource],
    declared: list[Declared],
    defaults: Mapping[str, Any],
    resolver: Resolver,
    path: Path,
) -> Stack:
    kinds = (FUNCTION, STREAM, BUCKET, QUEUE, TOPIC, TABLE)
    of_kind: dict[str, dict[str, Resource]] = {kind: {} for kind in kinds}
    for one in known:
        of_kind[one.kind][one.logical_id] = template_sources.resolved(one, resolver)
    streams = {
        logical_id: Stream(logical_id, one.name, _shards(one, resolver), one.arn)
        for logical_id, one in of_kind[STREAM].items()
    }
    configs = {
        one.logical_id: _function(one, _merged(defaults, one.properties), resolver, path)
        for one in (found.function for found in declared)
    }
    mappings = tuple(
        SourceMapping(
            where=one.where,
            function=replace(configs[one.function.logical_id], arn=one.function_arn),
            source=_source(one, streams),
            settings=from_event(one.properties, one.where),
        )
        for one in declared
        if one.kind == "Kinesis"
    )
    triggers = tuple(
        template_sources.trigger(one, replace(configs[one.function.logical_id], arn=one.function_arn))
        for one in declared
        if one.kind != "Kinesis"
    )
    buckets, queues, topics = of_kind[BUCKET], of_kind[QUEUE], of_kind[TOPIC]
    return Stack(streams, buckets, queues, topics, mappings, of_kind[TABLE], triggers)


def _source(declared: Declared, streams: Mapping[str, Stream]) -> Stream:
    read = str(declared.properties.get("Stream")).partition(FAN_OUT)[0]
    source = next((stream for stream in streams.values() if stream.arn == read), None) or _existing(read)
    if source is None:
        raise LocalError(
            f"template: {declared.where} reads {read}, which is no stream of the template and no stream's ARN"
        )
    return source


def _existing(arn: Any) -> Stream | None:
    """Return the stream of an ARN, which another stack created; None if it is not a stream's ARN."""
    found = _STREAM_ARN.fullmatch(str(arn))
    return Stream("", found[1], 1, str(arn)) if found else None


def _shards(stream: Resource, resolver: Resolver) -> int:
    properties = resolver.resolve(stream.properties, stream.logical_id)
    mode = (properties.get("StreamModeDetails") or {}).get("StreamMode")
    default = _ON_DEMAND_SHARDS if mode == "ON_DEMAND" else 1
    return int(properties.get("ShardCount", default))


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a function's properties into `Globals`', environment variables one by one."""
    merged = {**defaults, **own}
    variables = [(side.get("Environment") or {}).get("Variables") or {} for side in (defaults, own)]
    return {**merged, "Environment": {"Variables": {**variables[0], **variables[1]}}}


def _function(
    function: Resource, properties: Mapping[str, Any], resolver: Resolver, path: Path
) -> FunctionConfig:
    def read(key: str, default: Any) -> Any:
        value = resolver.resolve(properties.get(key, default), f"{function.logical_id}.{key}")
        return default if value is NO_VALUE else value

    command = read("ImageConfig", {}).get("Command")
    variables = read("Environment", {})["Variables"]
    context = (function.body.get("Metadata") or {}).get("DockerContext") or read("CodeUri", ".")
    return FunctionConfig(
        logical_id=function.logical_id,
        name=function.name,
        handler=command[0] if command else read("Handler", HANDLER),
        timeout=float(read("Timeout", 3)),
        memory=int(read("MemorySize", 128)),
        environment={key: as_text(value) for key, value in variables.items()},
        root=(path.parent / str(context)).resolve(),
        arn=function.arn,
    )
