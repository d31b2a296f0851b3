"""Evaluate the intrinsic functions and the conditions of a template.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html and
docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final


class Unknown:
    """A value that cannot be told."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
NO_VALUE: Final = object()
"""What `AWS::NoValue` answers: the property or the item that has it is not there."""
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")
_DECIDING = {"Fn::And": False, "Fn::Or": True}
"""The outcome of one part that decides the whole."""


class Values(ABC):
    """Put values in the place of intrinsic functions.

    A subclass says what references answer, and whether a value that cannot be told is refused or UNKNOWN.
    conditions: the template's, evaluated when asked for. where: the place in the template, for messages.
    """

    def __init__(self, conditions: Mapping[str, Any]) -> None:
        self._conditions = conditions
        self._known: dict[str, bool | Unknown] = {}
        self._asked: list[str] = []
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
        }

    @abstractmethod
    def reference(self, name: Any, where: str) -> Any:
        """Tell what `Ref` answers for a parameter, a pseudo parameter or a resource."""

    @abstractmethod
    def attribute(self, name: str, where: str) -> Any:
        """Tell what `Fn::GetAtt` answers for `Resource.Attribute`."""

    @abstractmethod
    def untold(self, why: str) -> Unknown:
        """Answer UNKNOWN for what cannot be told, or raise an error that says why."""

    @abstractmethod
    def in_text(self, value: Any, otherwise: str, where: str) -> str:
        """Write a value that is part of a text. otherwise: what stood there."""

    def literal(self, name: str) -> str:
        """Write `${!name}` of an `Fn::Sub`."""
        return f"${{{name}}}"

    def resolve(self, value: Any, where: str) -> Any:
        """Evaluate a value with all that is in it; NO_VALUE where it is not there at all."""
        if isinstance(value, list):
            items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and name in self._functions:
            return self._functions[name](value[name], where)
        if len(value) == 1 and (str(name).startswith("Fn::") or name == "Condition"):
            return self._not_here(name, where)
        resolved = {
            str(key): self._not_here(key, where)
            if str(key).startswith("Fn::")
            else self.resolve(item, f"{where}.{key}")
            for key, item in value.items()
        }
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def holds(self, name: Any, where: str) -> bool | Unknown:
        """Tell whether the condition of this name holds."""
        if not isinstance(name, str) or name not in self._conditions:
            return self.untold(f"{where} asks for the condition {name}, which is not in Conditions")
        if name in self._asked:
            return self.untold(f"the condition {name} depends on itself: {' -> '.join(self._asked)}")
        if name not in self._known:
            self._asked.append(name)
            self._known[name] = self.evaluate(self._conditions[name], f"Conditions.{name}")
            self._asked.pop()
        return self._known[name]

    def evaluate(self, condition: Any, where: str) -> bool | Unknown:
        """Tell whether a condition, given as its function, holds."""
        function, given = (
            next(iter(condition.items())) if isinstance(condition, dict) and len(condition) == 1 else ("", "")
        )
        if function == "Condition":
            return self.holds(given, where)
        if function == "Fn::Equals" and isinstance(given, list) and len(given) == 2:
            left, right = (self.resolve(side, where) for side in given)
            return UNKNOWN if UNKNOWN in (left, right) else as_text(left) == as_text(right)
        if function == "Fn::Not" and isinstance(given, list) and len(given) == 1:
            holds = self.evaluate(given[0], where)
            return holds if isinstance(holds, Unknown) else not holds
        if function in _DECIDING and isinstance(given, list) and 2 <= len(given) <= 10:
            parts = [self.evaluate(part, where) for part in given]
            deciding = _DECIDING[function]
            return deciding if deciding in parts else UNKNOWN if UNKNOWN in parts else not deciding
        return self.untold(
            f"{where} is {condition!r}; a condition is Fn::Equals of two values, Fn::Not of one "
            "condition, Fn::And or Fn::Or of 2 to 10, or the name of another (Condition)"
        )

    def _not_here(self, function: Any, where: str) -> Unknown:
        return self.untold(f"{where} uses {function}; here it can use {', '.join(self._functions)}")

    def _ref(self, name: Any, where: str) -> Any:
        return NO_VALUE if name == "AWS::NoValue" else self.reference(name, where)

    def _get_att(self, path: Any, where: str) -> Any:
        return self.attribute(".".join(map(str, path)) if isinstance(path, list) else str(path), where)

    def _if(self, given: Any, where: str) -> Any:
        if not isinstance(given, list) or len(given) != 3:
            return self.untold(f"{where} has an Fn::If that is not [condition, value, other value]")
        holds = self.holds(given[0], where)
        return holds if isinstance(holds, Unknown) else self.resolve(given[1 if holds else 2], where)

    def _sub(self, given: Any, where: str) -> Any:
        text, own = given if isinstance(given, list) and len(given) == 2 else (given, {})
        if not isinstance(text, str) or not isinstance(own, dict):
            return self.untold(f"{where} has an Fn::Sub that is neither a text nor [text, {{name: value}}]")

        def written(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return self.literal(name)
            return self.in_text(self._variable(name, own, where), match[0], where)

        return _VARIABLE.sub(written, text)

    def _variable(self, name: str, own: Mapping[str, Any], where: str) -> Any:
        """Evaluate a variable of an `Fn::Sub`. own: those that it brings along."""
        if name in own:
            return self.resolve(own[name], f"{where}.{name}")
        return self.attribute(name, where) if "." in name else self._ref(name, where)

    def _join(self, given: Any, where: str) -> Any:
        if not isinstance(given, list) or len(given) != 2:
            return self.untold(f"{where} has an Fn::Join that is not [separator, [values]]")
        parts = self.resolve(given[1], where)
        if not isinstance(parts, list):
            return self.untold(f"{where} has an Fn::Join of what is no list")
        return str(given[0]).join(self.in_text(part, "${?}", where) for part in parts)

    def _split(self, given: Any, where: str) -> Any:
        if not isinstance(given, list) or len(given) != 2 or not given[0] or not isinstance(given[0], str):
            return self.untold(f"{where} has an Fn::Split that is not [separator, text]")
        text = self.resolve(given[1], where)
        if isinstance(text, Unknown):
            return text
        if isinstance(text, list | dict):
            return self.untold(f"{where} has an Fn::Split that is not [separator, text]")
        return as_text(text).split(given[0])

    def _select(self, given: Any, where: str) -> Any:
        if not isinstance(given, list) or len(given) != 2:
            return self.untold(f"{where} has an Fn::Select that is not [index, list]")
        index, items = as_text(self.resolve(given[0], where)), self.resolve(given[1], where)
        if isinstance(items, Unknown):
            return items
        if not isinstance(items, list) or not index.isdecimal() or int(index) >= len(items):
            return self.untold(f"{where} has an Fn::Select of item {index} of {items!r}: none is there")
        return items[int(index)]


def as_text(value: Any) -> str:
    """Write a value as CloudFormation compares and joins it: `true` and `1`, not `True` and `1.0`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
