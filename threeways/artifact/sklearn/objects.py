"""A loaded model as a heap of objects, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from inspect import getattr_static
from typing import Any

from threeways.errors import ArtifactUntrusted


def walk(root: Any) -> Iterator[Any]:
    """Every object that the root holds, once: in containers, object arrays, partial functions, attributes."""
    import numpy as np

    seen: dict[int, Any] = {}  # keeps them alive, so that an id stays one object's
    pending = [root]
    while pending:
        thing = pending.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float | bool | type | None):
            continue
        seen[id(thing)] = thing
        yield thing
        if isinstance(thing, dict):
            pending.extend(thing.values())
        elif isinstance(thing, list | tuple | set | frozenset):
            pending.extend(thing)
        elif isinstance(thing, np.ndarray):
            pending.extend(thing.ravel().tolist() if thing.dtype.hasobject and not thing.dtype.names else ())
        elif isinstance(thing, partial):
            pending.extend((thing.func, thing.args, thing.keywords))
        pending.extend(attributes(thing).values())


def attributes(thing: Any) -> dict[str, Any]:
    """The instance's own attributes; of a scikit-learn part these are its parameters and its fitted state."""
    return getattr(thing, "__dict__", {}) if type(thing).__module__.startswith("sklearn.") else {}


def require_own_methods(thing: Any) -> None:
    """Raises ArtifactUntrusted where an attribute stands before a method of the object's class.

    A file can set any attribute; one called like the method that validates input would take its place.
    """
    for name in attributes(thing):
        method = getattr_static(type(thing), name, None)
        if callable(method) or hasattr(type(method), "__get__"):
            raise ArtifactUntrusted(
                f"the {type(thing).__name__} has its method {name!r} replaced; log it again"
            )
