"""The event's schema for OpenAPI, from msgspec, so that the API describes the very type that is decoded.

Litestar makes schemas of msgspec types too, but drops the limits within a union (the lengths of an id).
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIType, Schema

from threeways.scoring.task import Task

_NAMES = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "pattern": "pattern",
    "format": "format",
    "enum": "enum",
    "default": "default",
    "title": "title",
    "description": "description",
    "required": "required",
}
"""JSON Schema's keyword -> Litestar's field, for those whose value is unchanged."""


def event(task: Task[Any]) -> Schema:
    """Return the schema of one event, with the task's example."""
    [whole], components = msgspec.json.schema_components([task.event], ref_template="{name}")
    made = _schema(whole, components)
    made.examples = [example(task)]
    return made


def example(task: Task[Any]) -> Any:
    """Return the task's example as its JSON decodes."""
    return msgspec.json.decode(msgspec.json.encode(task.example))


def events(task: Task[Any], most: int) -> Schema:
    """Return the schema of an array of events, with an example of two."""
    two = [example(task)] * 2
    return Schema(type=OpenAPIType.ARRAY, items=event(task), max_items=most, examples=[two])


def _schema(keywords: dict[str, Any], components: dict[str, Any], outer: tuple[str, ...] = ()) -> Schema:
    """Convert one of msgspec's schemas to Litestar's, with references resolved.

    outer: the types around it. One within itself is described once, and within that only named.
    """
    reference = keywords.get("$ref")
    if reference in outer:
        return Schema(description=f"{reference}, as above")
    if reference:
        return _schema(components[reference], components, (*outer, reference))
    made = Schema(**{_NAMES[word]: value for word, value in keywords.items() if word in _NAMES})
    kinds = keywords.get("type")
    if kinds:
        made.type = [OpenAPIType(kind) for kind in kinds] if isinstance(kinds, list) else OpenAPIType(kinds)
    if "properties" in keywords:
        made.properties = {
            name: _schema(one, components, outer) for name, one in keywords["properties"].items()
        }
    if keywords.get("items"):  # False where a tuple has no more than it begins with
        made.items = _schema(keywords["items"], components, outer)
    if "anyOf" in keywords:
        made.any_of = [_schema(one, components, outer) for one in keywords["anyOf"]]
    return made
