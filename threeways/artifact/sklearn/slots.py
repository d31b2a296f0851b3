"""Slots for objects, types and functions in the vocabulary of the table of invariants."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from threeways.artifact.sklearn.allowed import row_of
from threeways.artifact.sklearn.forms import Form, Node, Parts, Scope, check_value

_STATEFUL = {"ObjectNode", "LossNode", "TreeNode"}


def kinds(row: Any) -> set[str]:
    """Return the names of slots that an object of a row fits; a pipeline fits those of its last step."""
    return {row.name, *(("regressor", "classifier", "transformer") if row.kind == "pipeline" else [row.kind])}


class Part(Form):
    """An object of one of these kinds or classes.

    same: the dimensions that it shares with its owner. fitted: whether it must be, where its owner is.
    """

    __slots__ = ("fitted", "names", "same")

    def __init__(self, names: str, same: str = "", *, fitted: bool = True) -> None:
        self.names, self.same, self.fitted = frozenset(names.split()), same.split(), fitted

    def admits(self, node: Node) -> bool:
        """Return whether the node is an object whose row is of one of the kinds or classes."""
        if node["__loader__"] not in _STATEFUL:
            return False
        row = row_of(node["__module__"], node["__class__"])
        return row is not None and bool(kinds(row) & self.names)

    def parts(self, where: str, node: Node) -> Parts:
        """Return the attributes, each with its form in the class's row."""
        parts: Parts = row_of(node["__module__"], node["__class__"]).parts(where, node)
        return parts

    def fits(self, value: Any) -> bool:
        """Return whether it is an object; its class was checked before it was loaded."""
        return type(value).__module__.partition(".")[0] in {"sklearn", "scipy"} and not isinstance(
            value, type
        )

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Check the object by its class's row; refuse other dimensions than the owner's, or another kind."""
        dims = scope.part(value, fitted=self.fitted and scope.fitted)
        if not dims["kinds"] & self.names:
            scope.refuse(f"{where} is a {type(value).__name__} that fitting does not make there")
        for name in self.same:
            if name in dims:
                scope.dim(name, dims[name], where)


class Function(Form):
    """A function of one of these names, of NumPy or scikit-learn."""

    __slots__ = ("names",)

    def __init__(self, names: str) -> None:
        self.names = frozenset(names.split())

    def admits(self, node: Node) -> bool:
        """Return whether the node refers to one of the functions."""
        return bool(node["__loader__"] == "FunctionNode" and node["__class__"] in self.names)

    def fits(self, value: Any) -> bool:
        """Return whether the value is one of the functions."""
        return callable(value) and getattr(value, "__name__", None) in self.names


class Bound(Form):
    """A partial function: scikit-learn's check_array with keywords of plain values or types."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether the node is a partial function; the schema's check knows which one."""
        return bool(node["__loader__"] == "PartialNode")

    def fits(self, value: Any) -> bool:
        """Return whether the value is a partial function."""
        return type(value) is partial


class TypeOf(Form):
    """A type or dtype of numbers."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether the node refers to a type or holds a dtype."""
        return bool(node["__loader__"] in {"TypeNode", "DTypeNode"})

    def fits(self, value: Any) -> bool:
        """Return whether the value is a type or dtype."""
        return isinstance(value, type | np.dtype)

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse a type of anything but numbers, texts and objects."""
        if value is not np.number and np.dtype(value).kind not in "biufUO":
            scope.refuse(f"{where} is {value!r:.40}, which is no type of numbers")


class Random(Form):
    """A random state or generator, which prediction at most draws from."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether the node is a random state or generator."""
        return bool(node["__loader__"] in {"RandomStateNode", "RandomGeneratorNode"})

    def fits(self, value: Any) -> bool:
        """Return whether the value is a random state or generator."""
        return isinstance(value, np.random.RandomState | np.random.Generator)


class Span(Form):
    """A slice of columns; the schema's check knows that it holds numbers or names."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether the node is a slice."""
        return bool(node["__loader__"] == "SliceNode")

    def fits(self, value: Any) -> bool:
        """Return whether the value is a slice."""
        return type(value) is slice


class Record(Form):
    """What fitting noted for its reader: plain values, arrays, lists and dicts; no prediction reads it."""

    __slots__ = ()

    def admits(self, node: Node) -> bool:
        """Return whether the node is a plain value, an array, or a list or dict of such."""
        if node["__loader__"] == "DictNode":
            return bool(node["__class__"] == "dict")
        return bool(node["__loader__"] in {"JsonNode", "NdArrayNode", "ListNode", "TupleNode", "SetNode"})

    def parts(self, where: str, node: Node) -> Parts:
        """Return what a list, dict or object array holds."""
        if node["__loader__"] == "JsonNode" or node.get("type") == "numpy":
            return []
        content = node["content"]
        items = content.values() if isinstance(content, dict) else content
        return [(f"{where}[]", item, self) for item in items]

    def fits(self, value: Any) -> bool:  # noqa: ARG002  (the schema's check saw its type)
        """Return True: the schema's check saw the type, and nothing reads the value."""
        return True


class OneOf(Form):
    """A value of any of these forms; the first that is of its type decides."""

    __slots__ = ("forms",)

    def __init__(self, *forms: Form) -> None:
        self.forms = forms

    def admits(self, node: Node) -> bool:
        """Return whether any form admits the node."""
        return any(form.admits(node) for form in self.forms)

    def parts(self, where: str, node: Node) -> Parts:
        """Return the parts by the first form that admits the node."""
        return next(form for form in self.forms if form.admits(node)).parts(where, node)

    def fits(self, value: Any) -> bool:
        """Return whether the value is of any form's type."""
        return any(form.fits(value) for form in self.forms)

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Check the value by the first form that it fits."""
        check_value(next(form for form in self.forms if form.fits(value)), value, where, scope)
