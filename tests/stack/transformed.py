"""The template as AWS's transform makes it, by AWS's own translator and without AWS.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/three-ways:1"

NOT_IN_MOTO = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Lambda::Alias",
    "AWS::S3::BucketPolicy",
}
"""What moto's CloudFormation cannot make; `make validate` holds it against AWS's own schemas."""


class _NoManagedPolicies:
    """The translator's way to learn managed policies' ARNs; the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def packaged(literals: Mapping[str, str] | None = None, image: str = IMAGE) -> dict[str, Any]:
    """The template as `sam package` leaves it: the image's URI in place of its Metadata.

    literals: parameter -> what is written in the place of its references in the function's environment.
    """
    from samtranslator.yaml_helper import yaml_parse

    document: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    function = document["Resources"]["Predictor"]
    del function["Metadata"]
    function["Properties"]["ImageUri"] = image
    variables = function["Properties"]["Environment"]["Variables"]
    for name, value in variables.items():
        if isinstance(value, dict) and value.get("Ref") in (literals or {}):
            variables[name] = (literals or {})[value["Ref"]]
    return document


def transformed(document: dict[str, Any], parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Plain CloudFormation. The document is not changed."""
    from samtranslator.translator.transform import transform

    copy = json.loads(json.dumps(document))
    made: dict[str, Any] = transform(
        copy, {"AWS::Region": "us-east-1", **(parameters or {})}, _NoManagedPolicies()
    )
    return made


def of_type(document: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The resources of a type: logical id -> properties."""
    return {
        name: body.get("Properties", {})
        for name, body in document["Resources"].items()
        if body["Type"] == kind
    }


def without_what_moto_lacks(document: dict[str, Any]) -> dict[str, Any]:
    """The same without those, the mapping on the function itself instead of its alias.

    Nor with what the default parameters' conditions leave out, which moto's change sets trip over: a packaged
    template's defaults are its parameters' values.
    """
    if "VerdictsStreamArn" in document["Parameters"]:
        return _join_without(document)
    for name in ("BatchImageUri", "WebImageUri"):
        assert document["Parameters"][name]["Default"] == ""
    given = [way for way in ("Input", "Output") if document["Parameters"][f"{way}StreamArn"]["Default"]]
    left_out = {"HasBatch", "HasWeb", *(f"Makes{way}Stream" for way in given)}
    left = {
        name: body
        for name, body in document["Resources"].items()
        if body["Type"] not in NOT_IN_MOTO
        and name != "DeploymentRole"
        and body.get("Condition") not in left_out
    }
    mapping = left["PredictorInput"]
    assert mapping["Properties"]["FunctionName"] == {"Ref": "PredictorAliaslive"}
    on_function = {**mapping["Properties"], "FunctionName": {"Ref": "Predictor"}}
    left["PredictorInput"] = {**mapping, "Properties": on_function}
    lacking = {"DashboardUrl", "FunctionAliasArn", "WebServiceUrl"}
    outputs = {name: body for name, body in document["Outputs"].items() if name not in lacking}
    return {**document, "Resources": left, "Outputs": outputs}


def _join_without(document: dict[str, Any]) -> dict[str, Any]:
    """The same of join.yaml."""
    given = [way for way in ("Events", "Verdicts") if document["Parameters"][f"{way}StreamArn"]["Default"]]
    left = {
        name: body
        for name, body in document["Resources"].items()
        if body["Type"] not in NOT_IN_MOTO
        and body.get("Condition") not in {f"Makes{way}Stream" for way in given}
    }
    outputs = {name: body for name, body in document["Outputs"].items() if name != "DashboardUrl"}
    return {**document, "Resources": left, "Outputs": outputs}
