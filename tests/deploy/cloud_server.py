"""moto's server with what CloudFormation does and moto does not: the serverless transform, and change sets.

Run by `cloud.Cloud`. The transform is AWS's own translator, in the place where AWS runs it.
"""

from __future__ import annotations

import functools
import json
import sys
from typing import Any

from moto.awslambda.models import LambdaBackend
from moto.cloudformation import models, parsing
from transformed import transformed, without_what_moto_lacks

from threeways.emulator import moto_server

MAPPING = "AWS::Lambda::EventSourceMapping"
_plain = models.Stack.parse_template
_plain_diff = models.ChangeSet.diff


def parse(template: str) -> dict[str, Any]:
    document: dict[str, Any] = _plain(template)
    if "Transform" not in document:
        return document
    made: dict[str, Any] = json.loads(_made(json.dumps(document)))
    return made


@functools.cache
def _made(text: str) -> str:
    """The transform takes a third of a second, and moto asks for the same template again and again."""
    document = json.loads(text)
    return json.dumps(without_what_moto_lacks(transformed(document, defaults(document))))


def defaults(document: dict[str, Any]) -> dict[str, str]:
    """AWS's transform is given the parameters' values; a packaged template's defaults are those."""
    return {name: body["Default"] for name, body in document.get("Parameters", {}).items()}


def parse_change_set(change_set: models.ChangeSet) -> None:
    change_set.template_dict = parse(change_set.template)


def diff(change_set: models.ChangeSet) -> list[models.Change]:
    """moto compares texts and does not say what is made anew: CloudFormation looks at a stream's name.

    docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html
    """
    made: list[models.Change] = _plain_diff(change_set)
    there = change_set.stack.resource_map
    for change in made:
        if change.action != "Add":
            known = there[change.logical_resource_id]
            vars(change)["physical_resource_id"] = getattr(known, "physical_resource_id", None)
    for name, body in change_set.template_dict["Resources"].items():
        if body["Type"] != "AWS::Kinesis::Stream" or name not in there:
            continue
        if "Ref" not in body["Properties"]["Name"]:
            continue  # of the stack's own name, which never changes
        parameter, physical = body["Properties"]["Name"]["Ref"], getattr(there[name], "stream_name", None)
        if change_set.parameters.get(parameter, physical) != physical:
            change = models.Change("Modify", name, body["Type"])
            target = {"Attribute": "Properties", "Name": "Name", "RequiresRecreation": "Always"}
            details = [{"Target": target, "CausingEntity": parameter}]
            vars(change).update(physical_resource_id=physical, replacement="True", details=details)
            made.append(change)
    return made


def apply(change_set: models.ChangeSet) -> None:
    """moto leaves the stack's own template, parameters and outputs as they were."""
    stack = change_set.stack
    if change_set.change_set_type == "CREATE":
        stack.template = change_set.template
        stack._parse_template()
        stack.parameters = change_set.parameters
        stack.resource_map = stack._create_resource_map()
        stack.output_map = stack._create_output_map()
        stack.create_resources()
    else:
        stack.update(change_set.template, None, change_set.parameters, change_set.tags)
        for name, body in stack.template_dict["Resources"].items():
            if body["Type"] == MAPPING:  # its text is the same: moto does not see what a condition has become
                parsing.parse_and_update_resource(
                    name, body, stack.resource_map, stack.account_id, stack.region_name
                )


def invokes_nothing(backend: LambdaBackend, *record: str, **named: str) -> None:
    """moto would invoke the function itself and ignore the reply: the lab's mapping does it."""


for holder, name, mended in (
    (LambdaBackend, "send_kinesis_message", invokes_nothing),
    (models.Stack, "parse_template", staticmethod(parse)),
    (models.ChangeSet, "_parse_template", parse_change_set),
    (models.ChangeSet, "apply", apply),
    (models.ChangeSet, "diff", diff),
):
    assert hasattr(holder, name), "moto has changed"
    setattr(holder, name, mended)


if __name__ == "__main__":
    sys.exit(moto_server.main())
