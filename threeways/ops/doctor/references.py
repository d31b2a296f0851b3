"""Find a template's references to missing resources and parameters.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getatt.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from threeways.ops.doctor.values import VARIABLE, Path, section

_SAM = "AWS::Serverless-2016-10-31"
_KNOWN_TRANSFORMS = {_SAM, "AWS::LanguageExtensions", "AWS::CodeDeployBlueGreen"}
_MADE_BY_SAM = ("Serverless", "CodeDeployServiceRole")


def dangling(template: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the path and name of each `Ref`, `Fn::GetAtt` or `Fn::Sub` to a missing resource or parameter.

    Yields nothing where a macro, an include or a loop can add resources under any name.
    """
    resources = section(template, "Resources")
    transforms = template.get("Transform", [])
    listed = transforms if isinstance(transforms, list) else [transforms]
    looped = any(str(name).startswith("Fn::") for name in resources)
    if looped or any(str(name) not in _KNOWN_TRANSFORMS for name in listed):
        return
    known = {*resources, *section(template, "Parameters")}
    prefixes = tuple(_made_from(resources)) + (_MADE_BY_SAM if _SAM in listed else ())
    for path, name in _named(resources, ["Resources"]):
        if name not in known and not name.startswith(("AWS::", *prefixes)):
            yield path, name


def _made_from(resources: Mapping[str, Any]) -> Iterator[str]:
    """Yield the logical ids that are prefixes of generated ones: of SAM's resources, and of modules.

    docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
    """
    for name, body in resources.items():
        kind = str(body.get("Type")) if isinstance(body, dict) else ""
        if kind.startswith("AWS::Serverless::") or kind.endswith("::MODULE"):
            yield str(name)


def _named(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named(item, [*path, index])
    if not isinstance(value, dict):
        return
    function = next(iter(value), "")
    if len(value) == 1 and function == "Fn::Transform":
        return
    for key, item in value.items():
        yield from _named(item, [*path, key])
    if len(value) == 1:
        yield from ((path, name) for name in _names(function, value[function]))


def _names(function: Any, given: Any) -> Iterator[str]:
    """Yield the logical ids that an intrinsic function refers to."""
    if function == "Ref" and isinstance(given, str):
        yield given
    elif function == "Fn::GetAtt":
        named = given[0] if isinstance(given, list) and given else given
        if isinstance(named, str):
            yield named.partition(".")[0]
    elif function == "Fn::Sub":
        text, own = given if isinstance(given, list) and len(given) == 2 else (given, {})
        if isinstance(text, str) and isinstance(own, dict):
            yield from (name.partition(".")[0] for name in VARIABLE.findall(text) if name not in own)
