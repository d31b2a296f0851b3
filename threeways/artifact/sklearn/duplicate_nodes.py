"""Check nodes with the same id in a skops schema.

skops writes an object each time it meets it, and reads the first node of an id for all of them. A file whose
later nodes of an id are shorter than the first would grow as it is read, doubling with each level.
"""

from __future__ import annotations

from typing import Any

from threeways.errors import ArtifactUntrusted


def check_duplicates(schema: Any) -> None:
    """Check that nodes with the same id are equal except for ids and array files within them.

    Those differ in an object's state, which is a new dict each time, and in a random state's array.
    Raises ArtifactUntrusted.
    """
    shapes: dict[Any, int] = {}
    by_id: dict[Any, int] = {}

    def shape_of(value: Any) -> Any:
        """Return an equal key for equal values; lists and dicts are interned as numbers."""
        if isinstance(value, list):
            content: tuple[Any, ...] = ("list", *(shape_of(item) for item in value))
        elif isinstance(value, dict):
            skip = _ids_and_files(value)
            content = ("dict", *((key, shape_of(child)) for key, child in value.items() if key not in skip))
        else:
            return (type(value), value)
        shape = shapes.setdefault(content, len(shapes))
        if isinstance(value, dict) and isinstance(value.get("__loader__"), str):
            known = by_id.setdefault(value.get("__id__"), shape)
            if known != shape:
                raise ArtifactUntrusted(
                    f"the skops file is not one that skops wrote: two different nodes have the id "
                    f"{value.get('__id__')}; log the model again"
                )
        return shape

    shape_of(schema)


def _ids_and_files(value: dict[str, Any]) -> tuple[str, ...]:
    """Return the fields of a node that may differ; none for a dict that only has keys of those names."""
    if not isinstance(value.get("__loader__"), str):
        return ()
    return ("__id__", "file") if value["__loader__"] == "NdArrayNode" else ("__id__",)
