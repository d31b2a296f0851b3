"""The template of one deployment: image, model and parameters are written into it as literals.

SAM's alias moves to a new version only where the template's text changes, so a parameter's new value alone
would reach `$LATEST` and no event. And what is deployed can be deployed again as it was: `make rollback`.
docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import yaml

from threeways.errors import UsageError
from threeways.ops.deploy.parameters import Document

FUNCTION = "Predictor"
ID = "Deployment"
"""Where a packaged template's Metadata tells which deployment it is."""
MAX_BYTES = 51_200
"""Of a template that goes to CloudFormation without a bucket.
docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_QUOTES = 100
"""For the quotes that SAM CLI puts around digits where PyYAML does not."""
_MAY_STAY = {"DeploymentPreference", "Events"}
"""Properties that are no part of a version."""


def packaged(document: Mapping[str, Any], values: Mapping[str, str], image: str) -> Document:
    """Return the template with these parameters' values as defaults, and as literals in the function.

    values: of every parameter. image: its URI, by digest.
    """
    made: Document = copy.deepcopy(dict(document))
    for name, value in values.items():
        made["Parameters"][name]["Default"] = value
    for body in made["Resources"].values():
        if body.get("Metadata", {}).keys() == {"checkov"}:  # remarks for who audits template.yaml
            del body["Metadata"]
        if body["Type"] == "AWS::CloudWatch::Dashboard":
            body["Properties"] = _on_one_line(body["Properties"])
    function = made["Resources"][FUNCTION]
    function.pop("Metadata", None)  # how `sam build` would make an image
    properties = function["Properties"]
    literals = {name: _typed(value, made["Parameters"][name]["Type"]) for name, value in values.items()}
    for name, value in properties.items():
        if name not in _MAY_STAY:
            properties[name] = _with_literals(value, literals)
    properties["ImageUri"] = image
    made["Metadata"] = {**made.get("Metadata", {}), ID: _digest(made)}
    return made


def _on_one_line(value: Any) -> Any:
    """JSON in texts without its line breaks, each of whose quotes SAM CLI's YAML would escape."""
    if isinstance(value, dict):
        return {name: _on_one_line(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_on_one_line(part) for part in value]
    if not isinstance(value, str) or "\n" not in value:
        return value
    return json.dumps(json.loads(value), separators=(",", ":"))


def _typed(value: str, kind: str) -> str | int:
    return int(float(value)) if kind == "Number" else value


def _with_literals(value: Any, literals: Mapping[str, str | int]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"Ref"} and value["Ref"] in literals:
            return literals[value["Ref"]]
        return {name: _with_literals(part, literals) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_literals(part, literals) for part in value]
    return value


def _digest(document: Document) -> str:
    """Return the same for the same content, so that deploying it again is no other deployment."""
    text = json.dumps({**document, "Metadata": None}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def at_once(document: Mapping[str, Any]) -> Document:
    """Return the same without CodeDeploy: the alias moves in one step, whatever alarms there are.

    An alarm that rings already stops a deployment by CodeDeploy: the one that would mend it, too.
    docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
    """
    made: Document = copy.deepcopy(dict(document))
    preference = made["Resources"][FUNCTION]["Properties"]["DeploymentPreference"]
    made["Resources"][FUNCTION]["Properties"]["DeploymentPreference"] = {**preference, "Enabled": False}
    return made


def text_of(document: Mapping[str, Any]) -> str:
    """Return the template as CloudFormation gets it. Raises UsageError where it is too large."""
    if (found := size(document)) > MAX_BYTES:
        raise UsageError(
            f"the packaged template has {found:,} bytes, over CloudFormation's {MAX_BYTES:,}: "
            "take something out of template.yaml"
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
