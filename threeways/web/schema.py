"""The event's schema for OpenAPI, from msgspec, so that the API describes the very type that is decoded.

Litestar also derives schemas from msgspec types, but drops the limits within a union (`ride_id`'s lengths).
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
    made.examples = [msgspec.to_builtins(task.example)]
    return made


def events(task: Task[Any], most: int) -> Schema:
    """Return the schema of an array of events, with an example of two."""
    example = msgspec.to_builtins(task.example)
    return Schema(type=OpenAPIType.ARRAY, items=event(task), max_items=most, examples=[[example, example]])


def _schema(keywords: dict[str, Any], components: dict[str, Any]) -> Schema:
    """Convert one of msgspec's schemas to Litestar's, with references resolved."""
    if "$ref" in keywords:
        return _schema(components[keywords["$ref"]], components)
    made = Schema(**{_NAMES[word]: value for word, value in keywords.items() if word in _NAMES})
    kinds = keywords.get("type")
    if kinds:
        made.type = [OpenAPIType(kind) for kind in kinds] if isinstance(kinds, list) else OpenAPIType(kinds)
    if "properties" in keywords:
        made.properties = {name: _schema(one, components) for name, one in keywords["properties"].items()}
    if "items" in keywords:
        made.items = _schema(keywords["items"], components)
    if "anyOf" in keywords:
        made.any_of = [_schema(one, components) for one in keywords["anyOf"]]
    return made
