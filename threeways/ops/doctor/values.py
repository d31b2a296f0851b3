"""A template's values as far as they can be told without deploying it.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

type Path = list[str | int]
"""Where something stands in a template."""
VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")


class Unknown:
    """What only a deployment can tell: an import, a parameter without a default, a pseudo parameter."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
NOTHING: Final = object()
"""What `AWS::NoValue` says: the property is not there."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A resource of the template, by `Ref` or `Fn::GetAtt`."""

    logical_id: str
    attribute: str = ""


class Values:
    """Puts values in the place of intrinsic functions: parameters have their defaults.

    What cannot be told is UNKNOWN; a resource is a Reference. Of an `Fn::Sub`, what is known is put in.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._parameters = section(template, "Parameters")
        self._resources = section(template, "Resources")
        self._conditions = section(template, "Conditions")
        self._mappings = section(template, "Mappings")
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::FindInMap": self._find,
        }

    def of(self, value: Any) -> Any:
        """The value without intrinsic functions."""
        if isinstance(value, list):
            return [item for item in map(self.of, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and name in self._functions:
            return self._functions[name](value[name])
        if len(value) == 1 and (str(name).startswith("Fn::") or name == "Condition"):
            return UNKNOWN
        items = {str(key): self.of(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not NOTHING}

    def holds(self, condition: Any, asked: tuple[Any, ...] = ()) -> bool | Unknown:
        """Whether a condition, by its name or its function, holds."""
        if isinstance(condition, str):
            if condition in asked or condition not in self._conditions:
                return UNKNOWN
            return self.holds(self._conditions[condition], (*asked, condition))
        if not isinstance(condition, dict) or len(condition) != 1:
            return UNKNOWN
        name, given = next(iter(condition.items()))
        if name == "Condition":
            return self.holds(given, asked)
        if not isinstance(given, list):
            return UNKNOWN
        if name == "Fn::Equals" and len(given) == 2:
            left, right = map(self.of, given)
            return UNKNOWN if UNKNOWN in (left, right) else as_text(left) == as_text(right)
        parts = [self.holds(part, asked) for part in given]
        if name == "Fn::Not" and len(parts) == 1:
            return UNKNOWN if isinstance(parts[0], Unknown) else not parts[0]
        deciding = {"Fn::And": False, "Fn::Or": True}.get(name)
        if deciding is None:
            return UNKNOWN
        return deciding if deciding in parts else UNKNOWN if UNKNOWN in parts else not deciding

    def _ref(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if not isinstance(name, str):
            return UNKNOWN
        if name in self._resources:
            return Reference(name)
        parameter = self._parameters.get(name)
        value = parameter.get("Default", UNKNOWN) if isinstance(parameter, dict) else UNKNOWN
        if isinstance(parameter, dict) and str(parameter.get("Type", "")).startswith("AWS::SSM::"):
            return UNKNOWN  # its default is the name under which the value is kept
        return value

    def _get_att(self, path: Any) -> Any:
        name = ".".join(map(str, path)) if isinstance(path, list) else str(path)
        logical_id, _, attribute = name.partition(".")
        return Reference(logical_id, attribute) if logical_id in self._resources else UNKNOWN

    def _if(self, given: Any) -> Any:
        if not isinstance(given, list) or len(given) != 3:
            return UNKNOWN
        holds = self.holds(given[0])
        return UNKNOWN if isinstance(holds, Unknown) else self.of(given[1] if holds else given[2])

    def _sub(self, given: Any) -> Any:
        text, more = given if isinstance(given, list) and len(given) == 2 else (given, {})
        if not isinstance(text, str) or not isinstance(more, dict):
            return UNKNOWN

        def told(name: str) -> Any:
            return self.of(more[name]) if name in more else self._named(name)

        if (whole := VARIABLE.fullmatch(text)) and isinstance(value := told(whole[1]), Reference):
            return value
        return VARIABLE.sub(lambda match: written(told(match[1]), match[0]), text)

    def _named(self, name: str) -> Any:
        return self._get_att(name) if "." in name else self._ref(name)

    def _join(self, given: Any) -> Any:
        if not isinstance(given, list) or len(given) != 2 or not isinstance(parts := self.of(given[1]), list):
            return UNKNOWN
        return str(given[0]).join(written(part, "${?}") for part in parts)

    def _find(self, given: Any) -> Any:
        value: Any = self._mappings
        for key in self.of(given) if isinstance(given, list) else [UNKNOWN]:
            value = value.get(as_text(key), UNKNOWN) if isinstance(value, dict) else UNKNOWN
        return value


def as_text(value: Any) -> str:
    """A value as CloudFormation compares it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_number(value: Any) -> int | None:
    """The whole number that a value is, or None: a parameter's value may be text."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def written(value: Any, otherwise: str) -> str:
    """As part of a text; a resource as `${LogicalId}`, the unknown as it stood."""
    if isinstance(value, Reference):
        return f"${{{value.logical_id}{'.' if value.attribute else ''}{value.attribute}}}"
    return as_text(value) if isinstance(value, str | int | float) else otherwise


def section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a template; empty where it is not there or no mapping."""
    found = template.get(name)
    return found if isinstance(found, dict) else {}
