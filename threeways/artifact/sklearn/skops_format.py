"""Check a skops file, its zip, arrays and schema, against our own allow-list before skops reads it.

skops refuses types that it does not know, but its own list trusts many that are not needed here, and the
`skops_trusted_types` of an MLmodel come from the artifact itself. Neither is relied on.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threeways.artifact import limits
from threeways.artifact.sklearn import npy, schema
from threeways.artifact.sklearn.alternatives import PIN
from threeways.artifact.sklearn.members import SCHEMA, Members
from threeways.artifact.sklearn.skops_reader import reader
from threeways.artifact.sklearn.versions import requires_same_minor
from threeways.errors import ArtifactError, ArtifactUntrusted


def load(content: bytes, path: Path) -> Any:
    """Load the object of a skops file, as `prepared` and its `build` do."""
    return prepared(content, path)[0]()


def prepared(content: bytes, path: Path) -> tuple[Callable[[], Any], int]:
    """Check a skops file; return what builds its object, of types in `allowed.py`, and its unpacked bytes.

    content: the file's bytes. path: where they were read, for messages. What is built is not checked yet: see
    `threeways.artifact.sklearn.structure`. Raises ArtifactIncomplete (not a sound zip), ArtifactUntrusted (a
    type that is not on the list, a file not as skops writes it or over a bound); building it raises
    ArtifactUntrusted or ArtifactMismatch.
    """
    members = Members(content, path)
    read = _schema(members, path)
    trusted = _audited(members, read, path)
    reader()  # as the modules of our list, for a child process to have them
    for module in {name.rpartition(".")[0] for name in trusted}:
        importlib.import_module(module)
    return lambda: _build(members, read, trusted, path), sum(map(len, members.values()))


def _schema(members: Members, path: Path) -> Any:
    text = members[SCHEMA]
    if sum(map(text.count, (b"{", b"[", b","))) > limits.SCHEMA_PARTS:
        raise ArtifactUntrusted(
            f"{path} has a schema of more than {limits.SCHEMA_PARTS} parts; train a smaller model, or {PIN}"
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unsound(path, error) from error


def _audited(members: Members, read: Any, path: Path) -> list[str]:
    """Check the schema and the arrays; return the types to trust: those that it uses, all on the list."""
    try:
        asked = schema.audit(read)
        for name in asked.arrays:
            if name not in members:
                raise ArtifactUntrusted(
                    f"the skops file names the array {name!r:.100}, which it does not hold; log it again"
                )
            npy.check(name, members[name], scalar=name in asked.scalars)
    except ArtifactError:
        raise
    except Exception as error:  # the checks read what a file says: anything may be of another type
        raise _unsound(path, error) from error
    return sorted(asked.types)


def _build(members: Members, read: Any, trusted: list[str], path: Path) -> Any:
    """Build the object as `skops.io.load` does, from members and a schema that are read already."""
    skops = reader()
    with requires_same_minor(path):
        try:
            context = skops.utils.LoadContext(src=members, protocol=schema.PROTOCOL)
            tree = skops.audit.get_tree(read, context, trusted)
            skops.audit.audit_tree(tree, trusted)
            return tree.construct()
        except Exception as error:
            # All types are allowed, but their contents are inconsistent.
            raise ArtifactUntrusted(f"{path} cannot be built: {error!r:.500}; log the model again") from error


def _unsound(path: Path, error: Exception) -> ArtifactUntrusted:
    return ArtifactUntrusted(f"{path} holds no sound schema or array: {error!r:.500}; log it again")
