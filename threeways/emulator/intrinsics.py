"""CloudFormation's YAML and the few of its intrinsic functions that the template's read parts use.

docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from threeways.emulator.conditions import Conditions, as_text
from threeways.errors import LocalError

NO_VALUE = object()
"""What `AWS::NoValue` answers: the property or the item that has it is not there."""
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


class _Loader(yaml.SafeLoader):
    """YAML in which `!Ref x` is `{"Ref": "x"}` and `!Name x` is `{"Fn::Name": x}`."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any = None
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> Any:
    """A template's document, intrinsic functions in their long form. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with short forms


class Resolver:
    """Puts values in the place of intrinsic functions.

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
        self._references = {**references, "AWS::NoValue": NO_VALUE}
        self._conditions = Conditions(conditions or {}, self.resolve)
        self._attributes = attributes
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
        }

    def is_there(self, condition: str | None, where: str) -> bool:
        """Whether what has this `Condition` (a name, or None) is there. Raises LocalError."""
        return condition is None or self._conditions.holds(condition, where)

    def resolve(self, value: Any, where: str) -> Any:
        """`value` without intrinsic functions; NO_VALUE where it is not there at all.

        Raises LocalError, with `where`, for what is unknown.
        """
        if isinstance(value, list):
            items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and name in self._functions:
            return self._functions[name](value[name], where)
        if isinstance(name, str) and name.startswith("Fn::"):
            known = ", ".join(self._functions)
            raise LocalError(f"template: {where} uses {name}; here it can use {known}")
        resolved = {key: self.resolve(item, f"{where}.{key}") for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _ref(self, name: Any, where: str) -> Any:
        if name not in self._references:
            raise LocalError(
                f"template: {where} refers to {name}, which is no parameter or resource known here"
            )
        return self._references[name]

    def _get_att(self, path: Any, where: str) -> str:
        name = ".".join(path) if isinstance(path, list) else str(path)
        if name not in self._attributes:
            raise LocalError(
                f"template: {where} asks for {name}; here only ARNs of what it holds that runs here"
            )
        return self._attributes[name]

    def _sub(self, value: Any, where: str) -> str:
        text, given = value if isinstance(value, list) else (value, {})
        local = self.resolve(given, where)

        def replaced(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in local:
                return as_text(local[name])
            return as_text(self._get_att(name, where) if "." in name else self._ref(name, where))

        return _VARIABLE.sub(replaced, text)

    def _join(self, value: Any, where: str) -> str:
        separator, parts = value
        return str(separator).join(as_text(part) for part in self.resolve(parts, where))

    def _if(self, value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) != 3:
            raise LocalError(f"template: {where} has an Fn::If that is not [condition, value, other value]")
        condition, so, otherwise = value
        return self.resolve(so if self._conditions.holds(condition, where) else otherwise, where)
