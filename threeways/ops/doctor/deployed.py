"""Build a template of a deployed stack's current state: its template, parameter values and live settings.

docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from threeways.aws import errors
from threeways.errors import TemplateError
from threeways.ops.account import Client
from threeways.ops.deploy.stack import resources
from threeways.ops.doctor import other_consumers
from threeways.ops.doctor.values import Reference, TemplateValues


def fetch(stack: str, client: Client) -> str:
    """Return a template, as JSON, that describes what is deployed now.

    stack: its name or ARN. Raises TemplateError where it, or one of its resources, cannot be read.
    """
    fix = (
        "Correct the name, the credentials (AWS_PROFILE, …), AWS_REGION or the permissions: GetTemplate, "
        "DescribeStacks and ListStackResources of CloudFormation, Get and List of Lambda, "
        "DescribeStreamSummary and ListStreamConsumers of Kinesis, DescribeRule of EventBridge"
    )
    with errors.named(lambda error: TemplateError(f"STACK={stack} cannot be read: {error}. {fix}")):
        cloudformation = client("cloudformation")
        body = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        [described] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        template = _document(body, stack)
        _set_parameters(template, described.get("Parameters", []))
        held = list(resources(stack, client))
        for logical_id, kind, physical_id in held:
            found = template["Resources"].get(logical_id)
            if found and physical_id and (read := _LIVE.get(kind)):
                found["Properties"] = {**(found.get("Properties") or {}), **read(client, physical_id)}
        for found in list(template["Resources"].values()):
            if found.get("Type") == "AWS::Lambda::EventSourceMapping":
                _point_at_stream(template, found["Properties"], client)
        other_consumers.add(template, held, client)
    return json.dumps(template, indent=1, default=str)


def _document(body: Any, stack: str) -> dict[str, Any]:
    """Parse the template's body, which is a dict if the template is JSON, or a text if it is YAML."""
    from cfnlint.decode import decode_str

    document = decode_str(body)[0] if isinstance(body, str) else body
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"the template of STACK={stack} cannot be read")
    plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return plain


def _set_parameters(template: dict[str, Any], values: list[Mapping[str, str]]) -> None:
    """Set each parameter's value as its default, which the rules read."""
    for value in values:
        declared = template.get("Parameters", {}).get(value["ParameterKey"])
        if declared is None:
            continue
        declared["Default"] = value.get("ParameterValue")
        if "ResolvedValue" in value:  # an SSM parameter: its value is a name
            declared |= {"Type": "String", "Default": value["ResolvedValue"]}


def _mapping(client: Client, uuid: str) -> dict[str, Any]:
    """Return a mapping's settings.

    docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
    """
    answer = client("lambda").get_event_source_mapping(UUID=uuid)
    return {**other_consumers.settings(answer), "_EventSourceArn": answer.get("EventSourceArn", "")}


def _function(client: Client, name: str) -> dict[str, Any]:
    """Return a function's settings.

    docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
    """
    functions = client("lambda")
    answer = functions.get_function_configuration(FunctionName=name)
    live = {key: answer[key] for key in ("Timeout", "Runtime", "MemorySize") if answer.get(key)}
    if (answer.get("DeadLetterConfig") or {}).get("TargetArn"):
        live["DeadLetterConfig"] = answer["DeadLetterConfig"]
    reserved = functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    if reserved is not None:
        live["ReservedConcurrentExecutions"] = reserved
    if functions.list_function_event_invoke_configs(FunctionName=name).get("FunctionEventInvokeConfigs"):
        live["EventInvokeConfig"] = {}
    return live


def _stream(client: Client, name: str) -> dict[str, Any]:
    """Return a stream's settings.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamSummary.html
    """
    summary = client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return {
        "Name": name,
        "ShardCount": summary["OpenShardCount"],
        "RetentionPeriodHours": summary["RetentionPeriodHours"],
        "StreamModeDetails": summary.get("StreamModeDetails", {}),
        "RecordDistributionStrategy": summary.get("RecordDistributionStrategy", "USER_PARTITION_KEY"),
    }


def _rule(client: Client, physical_id: str) -> dict[str, Any]:
    """Return whether a rule is on.

    docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html
    """
    bus, _, name = physical_id.rpartition("|")  # of a bus of one's own the bus comes first
    where = {"EventBusName": bus} if bus else {}
    return {"State": client("events").describe_rule(Name=name, **where)["State"]}


def _called(naming: str) -> Callable[[Client, str], dict[str, Any]]:
    """Return a reader of a resource whose physical id is, or ends with, its name.

    A failure destination's ARN is recognised by that name.
    """
    return lambda _, physical_id: {naming: re.split("[:/]", physical_id)[-1]}


_LIVE: dict[str, Callable[[Client, str], dict[str, Any]]] = {
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Function": _function,
    "AWS::Kinesis::Stream": _stream,
    "AWS::S3::Bucket": _called("BucketName"),
    "AWS::SQS::Queue": _called("QueueName"),
    "AWS::Events::Rule": _rule,
    "AWS::SNS::Topic": _called("TopicName"),
}


def _point_at_stream(template: dict[str, Any], settings: dict[str, Any], client: Client) -> None:
    """Add another stack's stream to the template, if the mapping reads one."""
    arn = settings.pop("_EventSourceArn", "")
    named = TemplateValues(template).of(settings.get("EventSourceArn"))
    if isinstance(named, Reference) or ":kinesis:" not in arn:
        return
    name = arn.rpartition(":stream/")[2]
    settings["EventSourceArn"] = arn
    if "/" not in name:  # else it is an enhanced fan-out consumer of a stream
        logical_id = "".join(filter(str.isalnum, name))
        stream = {"Type": "AWS::Kinesis::Stream", "Properties": _stream(client, name)}
        template["Resources"][logical_id] = stream
        settings["EventSourceArn"] = {"Fn::GetAtt": [logical_id, "Arn"]}
