"""Evaluate a template's values for running it here: what cannot be told is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never

from threeways.aws.cloudformation.values import NO_VALUE, UNKNOWN, Values, as_text
from threeways.errors import LocalError


class Resolver(Values):
    """Put values in the place of intrinsic functions. All methods raise LocalError for what is unknown.

    references: what `Ref` answers, parameters, pseudo parameters and resources alike.
    attributes: `Resource.Attribute` -> what `GetAtt` answers. conditions: the template's, unevaluated; they
    may refer to `references`.
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
        """Whether what has this `Condition` (a name, or None) is there."""
        return condition is None or self.holds(condition, where) is True

    def reference(self, name: Any, where: str) -> Any:
        """See `Values`."""
        if name not in self._references:
            self.untold(f"{where} refers to {name}, which is no parameter or resource known here")
        return self._references[name]

    def attribute(self, name: str, where: str) -> str:
        """See `Values`."""
        if name not in self._attributes:
            self.untold(f"{where} asks for {name}; here only ARNs of what it holds that runs here")
        return self._attributes[name]

    def untold(self, why: str) -> Never:
        """Raise LocalError."""
        raise LocalError(f"template: {why}")

    def in_text(self, value: Any, otherwise: str, where: str) -> str:
        """See `Values`."""
        if value in (NO_VALUE, UNKNOWN) or isinstance(value, dict | list):
            self.untold(f"{where} puts a list, a mapping or no value into a text, for {otherwise}")
        return as_text(value)
