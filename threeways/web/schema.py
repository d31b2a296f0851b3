"""The event's schema for OpenAPI: msgspec's own, so that the API describes the very type that decodes.

Litestar makes schemas of msgspec types too, but drops the limits within a union (`ride_id`'s lengths).
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
"""JSON Schema's keyword -> Litestar's field, for those whose value stays as it is."""


def event(task: Task[Any]) -> Schema:
    """The schema of one event, with the task's example."""
    [whole], components = msgspec.json.schema_components([task.event], ref_template="{name}")
    made = _schema(whole, components)
    made.examples = [msgspec.to_builtins(task.example)]
    return made


def events(task: Task[Any], most: int) -> Schema:
    """The schema of an array of events, with an example of two."""
    example = msgspec.to_builtins(task.example)
    return Schema(type=OpenAPIType.ARRAY, items=event(task), max_items=most, examples=[[example, example]])


def _schema(said: dict[str, Any], components: dict[str, Any]) -> Schema:
    """One of msgspec's schemas as Litestar's; references are put in place."""
    if "$ref" in said:
        return _schema(components[said["$ref"]], components)
    made = Schema(**{_NAMES[word]: value for word, value in said.items() if word in _NAMES})
    kinds = said.get("type")
    if kinds:
        made.type = [OpenAPIType(kind) for kind in kinds] if isinstance(kinds, list) else OpenAPIType(kinds)
    if "properties" in said:
        made.properties = {name: _schema(one, components) for name, one in said["properties"].items()}
    if "items" in said:
        made.items = _schema(said["items"], components)
    if "anyOf" in said:
        made.any_of = [_schema(one, components) for one in said["anyOf"]]
    return made
