"""The SAM template, read for running it here: what runs here is what is deployed.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from threeways.errors import LocalError
from threeways.local.emulator import ACCOUNT
from threeways.local.function.config import FunctionConfig
from threeways.local.intrinsics import Resolver, parse
from threeways.local.mapping.settings import from_event
from threeways.local.stack import Bucket, Stack, Stream

FUNCTION, STREAM, BUCKET = "AWS::Serverless::Function", "AWS::Kinesis::Stream", "AWS::S3::Bucket"
HANDLER = "lambda_function.lambda_handler"
STACK = "three-ways"
_NAMES = {FUNCTION: "FunctionName", STREAM: "Name", BUCKET: "BucketName"}
_ON_DEMAND_SHARDS = 4
"""What a new on-demand stream starts with."""


def load(path: Path, parameters: Mapping[str, str] | None = None, *, region: str = "us-east-1") -> Stack:
    """The stack that a template describes. parameters: values that go before the parameters' defaults.

    Resources without a name get one from their logical id. Raises LocalError, saying what and where, for a
    template that cannot be read, an unknown parameter, or what is not supported here.
    """
    document = _read(path)
    resources: dict[str, dict[str, Any]] = document["Resources"]
    references: dict[str, Any] = {
        **_parameters(document.get("Parameters") or {}, parameters or {}),
        "AWS::Region": region,
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": STACK,
    }
    known = {name: resource for name, resource in resources.items() if resource.get("Type") in _NAMES}
    names = {name: _name(name, resource, Resolver(references, {})) for name, resource in known.items()}
    arns = {name: _arn(resource["Type"], names[name], region) for name, resource in known.items()}
    resolver = Resolver({**references, **names}, {f"{name}.Arn": arn for name, arn in arns.items()})
    return _stack(document, known, names, arns, resolver, path)


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


def _name(logical_id: str, resource: Mapping[str, Any], resolver: Resolver) -> str:
    key = _NAMES[resource["Type"]]
    given = (resource.get("Properties") or {}).get(key)
    return str(resolver.resolve(given, f"{logical_id}.{key}")) if given else f"{STACK}-{logical_id.lower()}"


def _arn(kind: str, name: str, region: str) -> str:
    return {
        FUNCTION: f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}",
        STREAM: f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{name}",
        BUCKET: f"arn:aws:s3:::{name}",
    }[kind]


def _stack(
    document: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
    arns: Mapping[str, str],
    resolver: Resolver,
    path: Path,
) -> Stack:
    streams, buckets = {}, {}
    for logical_id, resource in known.items():
        if resource["Type"] == STREAM:
            shards = _shards(logical_id, resource, resolver)
            streams[logical_id] = Stream(logical_id, names[logical_id], shards, arns[logical_id])
        elif resource["Type"] == BUCKET:
            buckets[logical_id] = Bucket(logical_id, names[logical_id])
    logical_id, event = _the_consumer(known)
    where = f"{logical_id}.Events"
    properties = resolver.resolve(event, where)
    source = next((stream for stream in streams.values() if stream.arn == properties.get("Stream")), None)
    if source is None:
        raise LocalError(
            f"template: {where} reads {properties.get('Stream')}, which is no stream of the template"
        )
    defaults = (document.get("Globals") or {}).get("Function") or {}
    body = {**known[logical_id], "Properties": _merged(defaults, known[logical_id].get("Properties") or {})}
    function = _function(logical_id, body, names[logical_id], arns[logical_id], resolver, path)
    return Stack(streams, buckets, function, source, from_event(properties))


def _shards(logical_id: str, resource: Mapping[str, Any], resolver: Resolver) -> int:
    properties = resolver.resolve(resource.get("Properties") or {}, logical_id)
    mode = (properties.get("StreamModeDetails") or {}).get("StreamMode")
    default = _ON_DEMAND_SHARDS if mode == "ON_DEMAND" else 1
    return int(properties.get("ShardCount", default))


def _the_consumer(known: Mapping[str, Mapping[str, Any]]) -> tuple[str, Any]:
    """The logical id of the function that reads Kinesis, and that event's properties."""
    found = [
        (logical_id, event.get("Properties") or {})
        for logical_id, resource in known.items()
        if resource["Type"] == FUNCTION
        for event in ((resource.get("Properties") or {}).get("Events") or {}).values()
        if event.get("Type") == "Kinesis"
    ]
    if len(found) != 1:
        raise LocalError(f"the template has {len(found)} functions' Kinesis events; exactly one can run here")
    return found[0]


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A function's properties over `Globals`', environment variables one by one."""
    merged = {**defaults, **own}
    variables = [(side.get("Environment") or {}).get("Variables") or {} for side in (defaults, own)]
    return {**merged, "Environment": {"Variables": {**variables[0], **variables[1]}}}


def _function(
    logical_id: str, resource: Mapping[str, Any], name: str, arn: str, resolver: Resolver, path: Path
) -> FunctionConfig:
    def read(key: str, default: Any) -> Any:
        return resolver.resolve(resource["Properties"].get(key, default), f"{logical_id}.{key}")

    command = read("ImageConfig", {}).get("Command")
    variables = read("Environment", {})["Variables"]
    context = (resource.get("Metadata") or {}).get("DockerContext") or read("CodeUri", ".")
    return FunctionConfig(
        logical_id=logical_id,
        name=name,
        handler=command[0] if command else read("Handler", HANDLER),
        timeout=float(read("Timeout", 3)),
        memory=int(read("MemorySize", 128)),
        environment={key: str(value) for key, value in variables.items()},
        root=(path.parent / str(context)).resolve(),
        arn=arn,
    )
