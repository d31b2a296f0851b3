"""Evaluate a template's values to run it locally; an unknown value is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never

from threeways.aws.cloudformation.values import NO_VALUE, UNKNOWN, Values, as_text
from threeways.errors import LocalError


class Resolver(Values):
    """Resolves intrinsic functions. All methods raise LocalError for an unknown value.

    references: the values of `Ref`: parameters, pseudo parameters and resources. attributes:
    `Resource.Attribute` -> the value of `GetAtt`. conditions: the template's, unevaluated; they may refer to
    `references`.
    """

    def __init__(
        self,
        references: Mapping[str, Any],
        attributes: Mapping[str, str],
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(conditions or {})
        self._references = references
        self._attributes = attributes

    def is_there(self, condition: str | None, where: str) -> bool:
        """Return whether a `Condition` (a name, or None) holds, so that what has it exists."""
        return condition is None or self.holds(condition, where) is True

    def reference(self, name: Any, where: str) -> Any:
        """Return the value of `Ref`."""
        if name not in self._references:
            self.untold(f"{where} refers to {name}, which is no parameter or resource known here")
        return self._references[name]

    def attribute(self, name: str, where: str) -> str:
        """Return the value of `Fn::GetAtt`."""
        if name not in self._attributes:
            self.untold(f"{where} asks for {name}; here only ARNs of what it holds that runs here")
        return self._attributes[name]

    def untold(self, why: str) -> Never:
        """Raise LocalError for an unknown value."""
        raise LocalError(f"template: {why}")

    def in_text(self, value: Any, otherwise: str, where: str) -> str:
        """Return a value as part of a text."""
        if value in (NO_VALUE, UNKNOWN) or isinstance(value, dict | list):
            self.untold(f"{where} puts a list, a mapping or no value into a text, for {otherwise}")
        return as_text(value)
