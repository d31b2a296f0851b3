"""A template's Conditions: what of it is there, and with which value.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from threeways.errors import LocalError

type Resolve = Callable[[Any, str], Any]
"""`Resolver.resolve`: a value without intrinsic functions, given where it stands."""
_TOGETHER: dict[str, Callable[[list[bool]], bool]] = {"Fn::And": all, "Fn::Or": any}


class Conditions:
    """Whether each condition holds. declared: the template's Conditions, evaluated when asked for."""

    def __init__(self, declared: Mapping[str, Any], resolve: Resolve) -> None:
        self._declared = declared
        self._resolve = resolve
        self._known: dict[str, bool] = {}
        self._asked: list[str] = []

    def holds(self, name: Any, where: str) -> bool:
        """Raises LocalError, with `where`, for one that is not there, names itself or can't be told."""
        if name not in self._declared:
            raise LocalError(f"template: {where} asks for the condition {name}, which is not in Conditions")
        if name in self._asked:
            raise LocalError(f"template: the condition {name} depends on itself: {' -> '.join(self._asked)}")
        if name not in self._known:
            self._asked.append(name)
            self._known[name] = self._holds(self._declared[name], f"Conditions.{name}")
            self._asked.pop()
        return self._known[name]

    def _holds(self, value: Any, where: str) -> bool:
        function, given = (
            next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else ("", "")
        )
        if function == "Condition":
            return self.holds(given, where)
        if function == "Fn::Equals" and isinstance(given, list) and len(given) == 2:
            left, right = (as_text(self._resolve(side, where)) for side in given)
            return left == right
        if function == "Fn::Not" and isinstance(given, list) and len(given) == 1:
            return not self._holds(given[0], where)
        if function in _TOGETHER and isinstance(given, list) and 2 <= len(given) <= 10:
            return _TOGETHER[function]([self._holds(part, where) for part in given])
        raise LocalError(
            f"template: {where} is {value!r}; a condition is Fn::Equals of two values, Fn::Not of one "
            "condition, Fn::And or Fn::Or of 2 to 10, or the name of another (Condition)"
        )


def as_text(value: Any) -> str:
    """A value as CloudFormation compares and joins it: `true` and `1`, not `True` and `1.0`."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
