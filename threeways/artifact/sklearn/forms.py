"""What the value of an attribute may be: the base of the vocabulary of the table of invariants.

Every form is checked twice. Before anything is loaded, `admits` and `parts` check the types on the nodes
of the skops schema; then `check` checks the values. Shapes are named: all arrays of one object agree on what
each name stands for, `in` for its features and `out` for its outputs, and so do parts that are said to share
it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from threeways.errors import ArtifactUntrusted

type Node = dict[str, Any]
type Parts = Iterable[tuple[str, Any, Form]]
type Dims = dict[str, Any]
"""What each name of a shape stands for in one object."""
type Rule = Callable[[Scope], None]


def refuse(why: str) -> NoReturn:
    """Raise ArtifactUntrusted with a fix for a tampered file and for a sound one that was misjudged."""
    raise ArtifactUntrusted(
        f"{why}: evaluating it could read outside of its memory; if the model was tampered with, upload the "
        f"one that was trained; if not, log it with serialization_format='cloudpickle' and pin MODEL_SHA256"
    )


def unknown(what: str) -> NoReturn:
    """Raise ArtifactUntrusted for what no fitting makes. what: where it is, and what it is."""
    raise ArtifactUntrusted(
        f"{what}, and scikit-learn's fitting makes none there (threeways/artifact/sklearn/table/); if the "
        f"model was tampered with, upload the one that was trained; if you set it yourself, leave it out, or "
        f"log the model with serialization_format='cloudpickle' and pin MODEL_SHA256"
    )


class Scope:
    """One object while it is checked: its class's name, its attributes, and its dimensions."""

    __slots__ = ("dims", "fitted", "name", "part", "state", "thing")

    def __init__(
        self, name: str, thing: Any, state: Mapping[str, Any], part: Callable[..., Dims], *, fitted: bool
    ) -> None:
        self.name, self.thing, self.state, self.part, self.fitted = name, thing, state, part, fitted
        self.dims: Dims = {}

    def __getitem__(self, name: str) -> Any:
        """Return the attribute of that name; None where the object has none."""
        return self.state.get(name)

    def refuse(self, why: str) -> NoReturn:
        """Refuse the object. why: what is wrong with it."""
        refuse(f"a {self.name}'s {why}")

    def require(self, sound: bool, why: str) -> None:
        """Refuse the object unless it is sound. why: what is wrong with it if not."""
        if not sound:
            self.refuse(why)

    def dim(self, name: str, size: Any, where: str) -> None:
        """Note what the name stands for; refuse where the object has said something else before."""
        known = self.dims.setdefault(name, size)
        if known != size:
            self.refuse(f"{where} has {size} of what the other attributes have {known} ({name})")


class Form:
    """What a value may be."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether a schema's node is of the form's type, apart from its parts."""
        raise NotImplementedError

    def parts(self, where: str, node: Node) -> Parts:  # noqa: ARG002  (what has parts needs them)
        """Return the nodes within an admitted node, each with its form."""
        return ()

    def fits(self, value: Any) -> bool:
        """Return whether a value is of the form's type, apart from its parts."""
        raise NotImplementedError

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse a value of the form's type that the form does not allow."""


_KINDS: dict[type, str] = {type(None): "none", bool: "bool", int: "int", float: "float", str: "str"}
_KINDS |= {np.bool_: "bool", np.str_: "str", np.float16: "float", np.float32: "float", np.float64: "float"}
_KINDS |= {np.dtype(code).type: "int" for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")}
SCALARS = {kind.__name__: name for kind, name in _KINDS.items() if kind.__module__ == "numpy"}
_JSON = {"n": "none", "t": "bool", "f": "bool", '"': "str", "N": "float", "I": "float"}


def _json_kind(content: str) -> str:
    """Return the kind of a JSON value by its text."""
    content = content.strip()
    number = "float" if any(mark in content for mark in ".eEI") else "int"
    return _JSON.get(content[:1], number)


class Plain(Form):
    """A single value of these kinds, in this range and among these, where they are given."""

    __slots__ = ("among", "high", "kinds", "low")

    def __init__(
        self,
        kinds: str = "none bool int float str",
        low: float | None = None,
        high: float | None = None,
        among: Iterable[Any] | None = None,
    ) -> None:
        self.kinds, self.low, self.high = frozenset(kinds.split()), low, high
        self.among = None if among is None else frozenset(among)

    def admits(self, node: Node) -> bool:
        """Return whether the node is JSON or a NumPy scalar of one of the kinds."""
        if node["__loader__"] == "JsonNode":
            kind = _json_kind(node["content"])
            if kind == "str" and self.among is not None:
                return json.loads(node["content"]) in self.among
            return kind in self.kinds and (kind not in {"int", "float"} or self._within(node["content"]))
        return node["__loader__"] == "NdArrayNode" and SCALARS.get(node["__class__"]) in self.kinds

    def fits(self, value: Any) -> bool:
        """Return whether the value is of one of the kinds."""
        return _KINDS.get(type(value)) in self.kinds

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse a number out of range, and a value that is not among those allowed."""
        if self.among is not None and value not in self.among:
            scope.refuse(f"{where} is {value!r:.40}, and none of {sorted(map(repr, self.among))}")
        if not (value is None or isinstance(value, str) or self._within(value)):
            scope.refuse(f"{where} is {value!r:.40}, out of its range ({self.low} to {self.high})")

    def _within(self, value: Any) -> bool:
        """Return whether a number, or the text of one, is in the range; a text before it is loaded."""
        if self.low is None and self.high is None:
            return True
        number = float(value)
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)


class Count(Plain):
    """A whole number that states one of the object's dimensions."""

    __slots__ = ("name",)

    def __init__(self, name: str, low: int = 1, high: int = 2**31) -> None:
        super().__init__("int", low, high)
        self.name = name

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse a number that is not the dimension's."""
        super().check(value, where, scope)
        scope.dim(self.name, int(value), where)


def check_value(form: Form, value: Any, where: str, scope: Scope) -> None:
    """Refuse a value that is not of the form."""
    if not form.fits(value):
        scope.refuse(f"{where} is a {type(value).__name__} that fitting does not make there")
    form.check(value, where, scope)


PLAIN = Plain()
"""A parameter that no compiled code reads."""
