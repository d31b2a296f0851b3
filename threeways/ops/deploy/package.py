"""The template of one deployment: image, model and parameters are written into it as literals.

SAM's alias moves to a new version only where the template's text changes, so a parameter's new value alone
would reach `$LATEST` and no event. And what is deployed can be deployed again as it was: `make rollback`.
docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import yaml

from threeways.aws.cloudformation.values import UNKNOWN, Unknown, Values
from threeways.errors import UsageError
from threeways.ops.deploy.parameters import Document

FUNCTION = "AWS::Serverless::Function"
"""The type of what the image is deployed to."""
ID = "Deployment"
"""Where a packaged template's Metadata tells which deployment it is."""
MAX_BYTES = 51_200
"""Of a template that goes to CloudFormation without a bucket.
docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_QUOTES = 100
"""For the quotes that SAM CLI puts around digits where PyYAML does not."""
_NO_VALUE = {"Ref": "AWS::NoValue"}
_TOLD_HERE = ("Description", "ConstraintDescription")
"""Of a parameter, for who gives one: values are checked against template.yaml, before any deployment."""
_CHECKED_HERE = ("AllowedPattern", "AllowedValues", "MaxLength", "MaxValue", "MinLength", "MinValue")
"""The same, of what a value has to be."""
_MAY_STAY = {"DeploymentPreference", "Events"}
"""Properties that are no part of a version."""


def packaged(document: Mapping[str, Any], values: Mapping[str, str], image: str) -> Document:
    """Return the template with these parameters' values as defaults, and as literals in its functions.

    values: of every parameter. image: its URI, by digest.
    """
    made: Document = copy.deepcopy(dict(document))
    for name, value in values.items():
        made["Parameters"][name]["Default"] = value
    _remove_remarks(made)
    literals = {
        name: int(float(value)) if made["Parameters"][name]["Type"] == "Number" else value
        for name, value in values.items()
    }

    def literal(value: Any) -> Any:
        is_parameter = isinstance(value, dict) and value.keys() == {"Ref"} and value["Ref"] in literals
        return literals[value["Ref"]] if is_parameter else value

    for function in functions(made):
        function.pop("Metadata", None)  # how `sam build` would make an image
        properties = function["Properties"]
        for name, value in properties.items():
            if name not in _MAY_STAY:
                properties[name] = _replaced(value, literal)
        properties["ImageUri"] = image
    made["Metadata"] = {**made.get("Metadata", {}), ID: "0" * 12}  # it takes room, too
    _shorten(made, values)
    text = json.dumps({**made, "Metadata": None}, sort_keys=True)  # the same for the same content
    made["Metadata"][ID] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return made


def _remove_remarks(document: Document) -> None:
    """Remove what is for who reads the template: descriptions of parameters, reasons for its audit."""
    for parameter in document["Parameters"].values():
        for told in _TOLD_HERE:
            parameter.pop(told, None)
    for body in document["Resources"].values():
        if body.get("Metadata", {}).keys() == {"checkov"}:
            del body["Metadata"]
        if body["Type"] == "AWS::CloudWatch::Dashboard":
            body["Properties"] = _replaced(body["Properties"], _on_one_line)


def functions(document: Mapping[str, Any]) -> list[Document]:
    """Return the functions that are made of the image, as the template has them."""
    return [body for body in document.get("Resources", {}).values() if body.get("Type") == FUNCTION]


def image_of(document: Mapping[str, Any]) -> str | None:
    """Return the image that a packaged template's functions have; None where it has none."""
    found = (function.get("Properties", {}).get("ImageUri") for function in functions(document))
    return next((str(image) for image in found if image), None)


def _shorten(document: Document, values: Mapping[str, str]) -> None:
    """Remove the resources and outputs for which a parameter is empty: CloudFormation makes none of them.

    Its limit counts them all the same. What is too long even then has each `Fn::If` decided, and loses what
    no condition makes; and if need be, one after the other, the descriptions of its outputs, what its
    parameters' values have to be, which is checked before any deployment, the conditions that hold, what
    curves are called, the runbooks of its alarms, which name the template instead, and its dashboard.
    """
    empty = {
        name
        for name, condition in document.get("Conditions", {}).items()
        for parameter, value in values.items()
        if not value and condition == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    }
    _leave_out(document, empty)
    if size(document) > MAX_BYTES:
        known = _Conditions(document.get("Conditions", {}), values)
        for section in ("Globals", "Outputs", "Resources"):
            document[section] = _decided(document.get(section, {}), known)
        _leave_out(
            document, {name for name in document.get("Conditions", {}) if known.holds(name, name) is False}
        )
    for shorten in (_no_descriptions, _no_checks, _no_conditions, _no_labels, _no_runbooks, _no_dashboard):
        if size(document) > MAX_BYTES:
            shorten(document, values)


def _no_descriptions(document: Document, _values: Mapping[str, str]) -> None:
    for output in document["Outputs"].values():
        output.pop("Description", None)


def _no_labels(document: Document, _values: Mapping[str, str]) -> None:
    """Remove the template's description, and what the curves of alarms are called."""
    document.pop("Description", None)
    for body in document["Resources"].values():
        for metric in body.get("Properties", {}).get("Metrics", ()) if _is_alarm(body) else ():
            metric.pop("Label", None)


def _is_alarm(body: Document) -> bool:
    return bool(body["Type"] == "AWS::CloudWatch::Alarm")


def _no_checks(document: Document, _values: Mapping[str, str]) -> None:
    for parameter in document["Parameters"].values():
        for told in _CHECKED_HERE:
            parameter.pop(told, None)


def _no_conditions(document: Document, values: Mapping[str, str]) -> None:
    """Remove the conditions that are known to hold; a resource without one is made."""
    known = _Conditions(document.get("Conditions", {}), values)
    for body in (*document["Resources"].values(), *document["Outputs"].values()):
        if "Condition" in body and known.holds(body["Condition"], "Condition") is True:
            del body["Condition"]
    made = {name: body for name, body in document.items() if name != "Conditions"}
    text = json.dumps(made)
    if not any(f'"{name}"' in text for name in document.get("Conditions", {})):
        document.pop("Conditions", None)


def _no_runbooks(document: Document, _values: Mapping[str, str]) -> None:
    """Have the alarms' descriptions end in where their runbooks are."""
    for name, body in document["Resources"].items():
        if not _is_alarm(body):
            continue
        said, runbook, _ = str(body["Properties"].get("AlarmDescription", "")).partition("Runbook:")
        if runbook:
            body["Properties"]["AlarmDescription"] = f"{said}{runbook} {name} in the template."


def _no_dashboard(document: Document, _values: Mapping[str, str]) -> None:
    """Remove what is for looking at alone, and what names it."""
    gone = {
        name for name, one in document["Resources"].items() if one["Type"] == "AWS::CloudWatch::Dashboard"
    }
    for name in gone:
        del document["Resources"][name]
    document["Outputs"] = {
        name: body
        for name, body in document["Outputs"].items()
        if not any(re.search(rf"\b{one}\b", json.dumps(body)) for one in gone)
    }


def _leave_out(document: Document, conditions: Collection[str]) -> None:
    """Remove what has one of these conditions; where something else refers to a part of it all stays."""
    stays = {
        section: {
            name: body for name, body in document[section].items() if body.get("Condition") not in conditions
        }
        for section in ("Outputs", "Resources")
    }
    text = json.dumps({**document, **stays})
    unmade = document["Resources"].keys() - stays["Resources"].keys()
    if not any(re.search(rf"\b{name}\b", text) for name in unmade):
        document.update(stays)


class _Conditions(Values):
    """Which conditions hold with these values of the parameters; UNKNOWN where something else decides."""

    def __init__(self, conditions: Mapping[str, Any], values: Mapping[str, str]) -> None:
        super().__init__(conditions)
        self._parameters = values

    def reference(self, name: Any, where: str) -> Any:  # noqa: ARG002 - as the base has it
        return self._parameters.get(name, UNKNOWN)

    def attribute(self, name: str, where: str) -> Any:  # noqa: ARG002
        return UNKNOWN

    def untold(self, why: str) -> Unknown:  # noqa: ARG002
        return UNKNOWN

    def in_text(self, value: Any, otherwise: str, where: str) -> str:  # noqa: ARG002
        return otherwise


def _decided(value: Any, known: Values) -> Any:
    """Return a value with that of its branch in the place of each `Fn::If` whose condition is known."""
    if isinstance(value, dict) and value.keys() == {"Fn::If"}:
        name, *branches = value["Fn::If"]
        holds = known.holds(name, name)
        return value if isinstance(holds, Unknown) else _decided(branches[0 if holds else 1], known)
    if isinstance(value, dict):
        made = {name: _decided(part, known) for name, part in value.items()}
        return {name: part for name, part in made.items() if part != _NO_VALUE}
    if isinstance(value, list):
        return [part for part in (_decided(one, known) for one in value) if part != _NO_VALUE]
    return value


def _replaced(value: Any, replace: Callable[[Any], Any]) -> Any:
    """Return a value with each value in it replaced, the inner ones first."""
    if isinstance(value, dict):
        value = {name: _replaced(part, replace) for name, part in value.items()}
    elif isinstance(value, list):
        value = [_replaced(part, replace) for part in value]
    return replace(value)


def _on_one_line(value: Any) -> Any:
    """JSON in a text without its line breaks, each of whose quotes SAM CLI's YAML would escape."""
    if not isinstance(value, str) or "\n" not in value:
        return value
    return json.dumps(json.loads(value), separators=(",", ":"))


def at_once(document: Mapping[str, Any]) -> Document:
    """Return the same without CodeDeploy: the alias moves in one step, whatever alarms there are.

    An alarm that rings already stops a deployment by CodeDeploy: the one that would mend it, too.
    docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
    """
    made: Document = copy.deepcopy(dict(document))
    for function in functions(made):
        if "DeploymentPreference" in function["Properties"]:
            function["Properties"]["DeploymentPreference"]["Enabled"] = False
    return made


def text_of(document: Mapping[str, Any]) -> str:
    """Return the template as CloudFormation gets it. Raises UsageError where it is too large."""
    if (found := size(document)) > MAX_BYTES:
        raise UsageError(
            f"the packaged template has {found:,} bytes, over CloudFormation's {MAX_BYTES:,}: "
            "take something out of the template"
        )
    return json.dumps(document, separators=(",", ":"))


def size(document: Mapping[str, Any]) -> int:
    """Its bytes at most, as SAM CLI writes it anew: in YAML, each resource with its name in its Metadata."""
    resources = {
        name: {**body, "Metadata": {**body.get("Metadata", {}), "SamResourceId": name}}
        for name, body in document["Resources"].items()
    }
    return len(yaml.safe_dump({**document, "Resources": resources}).encode()) + _QUOTES


def id_of(document: Any) -> str | None:
    """Which deployment a template is; None where `make deploy` did not make it."""
    metadata = document.get("Metadata") if isinstance(document, dict) else None
    return metadata.get(ID) if isinstance(metadata, dict) else None
