"""Evaluate a template's values as far as they are known without deploying it.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from threeways.aws.cloudformation.values import UNKNOWN, Unknown, Values, as_text

type Path = list[str | int]
"""The path of a value in a template."""
VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a resource of the template, by `Ref` or `Fn::GetAtt`."""

    logical_id: str
    attribute: str = ""


class TemplateValues(Values):
    """Resolves intrinsic functions; a parameter has its default.

    A value that is unknown before deployment (an import, a parameter without a default, a pseudo parameter)
    is UNKNOWN; a resource is a Reference. In an `Fn::Sub`, known values are substituted.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        super().__init__(section(template, "Conditions"))
        self._parameters = section(template, "Parameters")
        self._resources = section(template, "Resources")
        self._mappings = section(template, "Mappings")
        self._functions["Fn::FindInMap"] = self._find

    def of(self, value: Any) -> Any:
        """Return the value without intrinsic functions."""
        return self.resolve(value, "")

    def fails(self, condition: Any) -> bool:
        """Return whether a condition, given by name or as a function, certainly does not hold."""
        asked = self.evaluate if isinstance(condition, dict) else self.holds
        return asked(condition, "") is False

    def reference(self, name: Any, where: str) -> Any:  # noqa: ARG002 - as `Values` has it
        """Return the value of `Ref`: a Reference, a parameter's default or UNKNOWN."""
        if not isinstance(name, str):
            return UNKNOWN
        if name in self._resources:
            return Reference(name)
        parameter = self._parameters.get(name)
        if not isinstance(parameter, dict) or str(parameter.get("Type", "")).startswith("AWS::SSM::"):
            return UNKNOWN  # an SSM parameter's default is the name of the stored value
        return parameter.get("Default", UNKNOWN)

    def attribute(self, name: str, where: str) -> Any:  # noqa: ARG002 - as `Values` has it
        """Return the value of `Fn::GetAtt`: a Reference, or UNKNOWN."""
        logical_id, _, attribute = name.partition(".")
        return Reference(logical_id, attribute) if logical_id in self._resources else UNKNOWN

    def untold(self, why: str) -> Unknown:  # noqa: ARG002 - as `Values` has it
        """Return UNKNOWN: the rules ignore what they cannot know."""
        return UNKNOWN

    def in_text(self, value: Any, otherwise: str, where: str) -> str:  # noqa: ARG002 - as `Values` has it
        """Return a value as part of a text."""
        return written(value, otherwise)

    def literal(self, name: str) -> str:
        """Keep `${!name}` as it is: `${name}` denotes a resource here."""
        return f"${{!{name}}}"

    def _sub(self, given: Any, where: str) -> Any:
        """Evaluate an `Fn::Sub`; one that consists of a resource only is a Reference."""
        text = super()._sub(given, where)
        if isinstance(text, str) and (whole := VARIABLE.fullmatch(text)):
            logical_id, _, attribute = whole[1].partition(".")
            return Reference(logical_id, attribute) if logical_id in self._resources else text
        return text

    def _find(self, given: Any, where: str) -> Any:
        value: Any = self._mappings
        for key in self.resolve(given, where) if isinstance(given, list) else [UNKNOWN]:
            value = value.get(as_text(key), UNKNOWN) if isinstance(value, dict) else UNKNOWN
        return value


def as_number(value: Any) -> int | None:
    """Return a value as an integer, also from text as in parameters, or None."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def written(value: Any, otherwise: str) -> str:
    """Return a value as part of a text: a resource as `${LogicalId}`, an unknown one as `otherwise`."""
    if isinstance(value, Reference):
        return f"${{{value.logical_id}{'.' if value.attribute else ''}{value.attribute}}}"
    return as_text(value) if isinstance(value, str | int | float) else otherwise


def section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section of a template; empty if it is missing or not a mapping."""
    found = template.get(name)
    return found if isinstance(found, dict) else {}
