"""Check a skops file's objects by the table of invariants: attributes before they are loaded, then values.

skops builds objects of allowed types but does not check their contents, and scikit-learn's compiled code
follows the indices in them without bounds checks: a crafted file would make it read outside its memory.
"""

from __future__ import annotations

from typing import Any

from threeways.artifact.sklearn.allowed import row_of
from threeways.artifact.sklearn.forms import Dims, Form, Plain, Scope, check_value, refuse, unknown
from threeways.artifact.sklearn.rows import MODEL
from threeways.artifact.sklearn.slots import OneOf, kinds
from threeways.errors import ArtifactError, ArtifactUntrusted

_PATH_LENGTH = 500
"""The characters of a path in messages: a file may name a dict's key with millions of them."""


def check_schema(root: Any) -> None:
    """Check that each object of a schema has only the attributes of its row, of the types that fitting makes.

    The nodes' own form was checked before. Raises ArtifactUntrusted.
    """
    pending: list[tuple[str, Any, Form]] = [("model", root, MODEL)]
    while pending:
        where, node, form = pending.pop()
        if not form.admits(node):
            unknown(f"{where} is {_described(node)}{_instead(form)}")
        pending.extend(form.parts(where[-_PATH_LENGTH:], node))


def _described(node: Any) -> str:
    content = node.get("content")
    value = f" {content:.40}" if isinstance(content, str) else ""
    return f"a {node['__class__']}{value} (by skops' {node['__loader__']})"


def _instead(form: Form) -> str:
    """Word which values may stand in a place, where they are listed."""
    forms = form.forms if isinstance(form, OneOf) else (form,)
    allowed = [value for one in forms if isinstance(one, Plain) for value in one.among or ()]
    return f", and none of {', '.join(sorted(map(repr, allowed)))}" if allowed else ""


def check(model: Any) -> None:
    """Raise ArtifactUntrusted where predicting could read outside the model's memory, or never end."""
    try:
        _Checker().part(model, fitted=True)
    except ArtifactError:
        raise
    except Exception as error:
        # The checks read a file's contents; a missing attribute or one of another type raises anything.
        raise ArtifactUntrusted(
            f"the model is not as scikit-learn fits it: {error!r}; log it again"
        ) from error


class _Checker:
    """One pass over a model's objects, each checked once as fitted or as a parameter."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bool], tuple[Any, Dims]] = {}  # keeps them alive: no id is used again

    def part(self, thing: Any, *, fitted: bool) -> Dims:
        """Check an object by its class's row, and return its dimensions and the `kinds` of slots it fits."""
        key = (id(thing), fitted)
        if key in self._seen:
            return self._seen[key][1]
        kind = type(thing)
        row = row_of(kind.__module__, kind.__name__)
        if row is None:
            refuse(f"the model has a {kind.__name__}, which has no row in the table of invariants")
        state = row.read(thing)
        fitted = fitted or bool(row.required & state.keys())
        scope = Scope(row.name, thing, state, self.part, fitted=fitted)
        scope.dims["kinds"] = kinds(row)
        self._seen[key] = (thing, scope.dims)
        missing = sorted(row.required - state.keys())
        if fitted and missing:
            scope.refuse(f"attribute {missing[0]} is missing")
        for name, form in row.attributes.items():
            if name in state:
                check_value(form, state[name], name, scope)
        if fitted:
            for rule in row.rules:
                rule(scope)
        return scope.dims
