"""Arrays, lists and dicts in the vocabulary of the table of invariants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from threeways.artifact.sklearn.forms import PLAIN, SCALARS, Form, Node, Parts, Scope, check_value


class Array(Form):
    """An array whose dtype is of these kinds (NumPy's letters), of one of these shapes.

    shapes: alternatives apart by `|`, each the names or sizes of its dimensions; `*` is any size; None: any
    shape. items: what an object array holds. rule: a further check on the array.
    """

    __slots__ = ("_shapes", "items", "kinds", "rule", "shapes")

    def __init__(
        self,
        kinds: str,
        shapes: str | None = None,
        items: Form | None = None,
        rule: Callable[[Any, str, Scope], None] | None = None,
    ) -> None:
        self.kinds, self.shapes, self.items, self.rule = kinds, shapes, items or PLAIN, rule
        self._shapes: list[list[str]] | None = None

    def admits(self, node: Node) -> bool:
        """Return whether the node is an array; of objects only where they are allowed."""
        if node["__loader__"] != "NdArrayNode" or node["__class__"] != "ndarray":
            return False
        return "O" in self.kinds if node["type"] == "json" else self.kinds != "O"

    def parts(self, where: str, node: Node) -> Parts:
        """Return the items of an object array; those of several dimensions are nested lists."""
        if node["type"] == "numpy":
            return
        pending = [(node, len(node["shape"]["content"]))]
        while pending:
            holder, depth = pending.pop()
            for item in holder["content"]:
                if depth > 1 and item["__loader__"] == "ListNode":
                    pending.append((item, depth - 1))
                else:
                    yield f"{where}[]", item, self.items

    def fits(self, value: Any) -> bool:
        """Return whether the value is an array of one of the kinds."""
        return type(value) is np.ndarray and value.dtype.kind in self.kinds

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse an array of another shape, or with items that are not of their form."""
        if self.shapes is not None:
            self._check_shape(value.shape, where, scope)
        if value.dtype.kind == "O":
            for item in value.ravel():
                check_value(self.items, item, where, scope)
        if self.rule is not None:
            self.rule(value, where, scope)

    def _check_shape(self, shape: tuple[int, ...], where: str, scope: Scope) -> None:
        if self._shapes is None:
            self._shapes = [alternative.split() for alternative in (self.shapes or "").split("|")]
        for names in self._shapes:
            if len(names) == len(shape) and all(
                name == "*" or (int(name) if name.isdecimal() else scope.dims.get(name, size)) == size
                for name, size in zip(names, shape, strict=True)
            ):
                for name, size in zip(names, shape, strict=True):
                    if name != "*" and not name.isdecimal():
                        scope.dim(name, size, where)
                return
        scope.refuse(
            f"{where} has the shape {shape}, and {self.shapes} is needed, where "
            f"{', '.join(f'{name} is {size}' for name, size in scope.dims.items()) or 'nothing is known'}"
        )


class Sequence(Form):
    """A list or tuple (or set) of values of one form, or of one form each; length: a dimension."""

    __slots__ = ("forms", "item", "length")

    def __init__(self, item: Form | None = None, *forms: Form, length: str | None = None) -> None:
        self.item, self.forms, self.length = item, forms, length

    def admits(self, node: Node) -> bool:
        """Return whether the node is a sequence, of as many parts as there are forms."""
        if node["__loader__"] not in {"ListNode", "TupleNode", "SetNode"}:
            return False
        return not self.forms or len(node["content"]) == len(self.forms)

    def parts(self, where: str, node: Node) -> Parts:
        """Return the items."""
        for index, item in enumerate(node["content"]):
            yield f"{where}[{index}]", item, self._form(index)

    def fits(self, value: Any) -> bool:
        """Return whether the value is a sequence, of as many parts as there are forms."""
        return type(value) in {list, tuple, set} and (not self.forms or len(value) == len(self.forms))

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse another length, or an item that is not of its form."""
        if self.length is not None:
            scope.dim(self.length, len(value), where)
        for index, item in enumerate(value):
            check_value(self._form(index), item, where, scope)

    def _form(self, index: int) -> Form:
        return self.forms[index] if self.forms else self.item or PLAIN


class Mapped(Form):
    """A dict with keys of these kinds and values of one form, or of one form for each name."""

    __slots__ = ("bunch", "item", "keys", "named")

    def __init__(
        self,
        item: Form | None = None,
        keys: str = "str",
        *,
        bunch: bool = False,
        named: Mapping[str, Form] | None = None,
    ) -> None:
        self.item, self.keys, self.bunch, self.named = item, frozenset(keys.split()), bunch, named

    def admits(self, node: Node) -> bool:
        """Return whether the node is a dict with keys of the kinds; no attribute's name begins with `__`."""
        kinds = {"Bunch"} if self.bunch else {"dict", "OrderedDict"}
        if node["__loader__"] != "DictNode" or node["__class__"] not in kinds:
            return False
        types = {key["__class__"] for key in node["key_types"]["content"]}
        if not all(SCALARS.get(name, name) in self.keys for name in types):
            return False
        if self.named is not None and node["content"].keys() != self.named.keys():
            return False
        return not self.bunch or not any(key.startswith("__") for key in node["content"])

    def parts(self, where: str, node: Node) -> Parts:
        """Return the values."""
        for key, child in node["content"].items():
            yield f"{where}.{key}", child, self._form(key)

    def fits(self, value: Any) -> bool:
        """Return whether the value is a dict."""
        return isinstance(value, dict)

    def check(self, value: Any, where: str, scope: Scope) -> None:
        """Refuse a value that is not of its form."""
        for key, item in value.items():
            check_value(self._form(key), item, where, scope)

    def _form(self, key: Any) -> Form:
        return self.named[key] if self.named is not None else self.item or PLAIN
