"""Nodes of one id in a skops schema.

skops writes an object out each time it meets it, and reads the first node of an id for all of them. So a file
whose later nodes of an id are shorter than the first would grow as it is read, doubling with each level.
"""

from __future__ import annotations

from typing import Any

from threeways.errors import ArtifactUntrusted


def check_repetitions(schema: Any) -> None:
    """Nodes of one id must be the same but for the ids and array files within: then reading adds nothing.

    (Those of an object's state differ: it is a new dict each time, and so is a random state's array.)
    Raises ArtifactUntrusted.
    """
    shapes: dict[Any, int] = {}
    by_id: dict[Any, int] = {}

    def shape_of(value: Any) -> Any:
        """Equal for equal values; a number stands for a list or dict, so that none is compared twice."""
        if isinstance(value, list):
            content: tuple[Any, ...] = ("list", *(shape_of(item) for item in value))
        elif isinstance(value, dict):
            told = _ids_and_files(value)
            content = ("dict", *((key, shape_of(child)) for key, child in value.items() if key not in told))
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
    """The fields of a node that may differ. A dict's own keys may be called the same: those are no node's."""
    if not isinstance(value.get("__loader__"), str):
        return ()
    return ("__id__", "file") if value["__loader__"] == "NdArrayNode" else ("__id__",)
