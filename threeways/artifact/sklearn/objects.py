"""Walk all objects of a loaded model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any


def walk(root: Any) -> Iterator[Any]:
    """Yield every object reachable from the root, once.

    It follows containers, object arrays, partial functions and the attributes of scikit-learn's objects.
    """
    import numpy as np

    seen: dict[int, Any] = {}  # keeps them alive, so that an id is not reused
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
    """Return the instance's own attributes: a scikit-learn object's parameters and fitted state."""
    return getattr(thing, "__dict__", {}) if type(thing).__module__.startswith("sklearn.") else {}
