"""The page at `/docs`: the OpenAPI description for people, without a script of anybody's."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from threeways.web.html import Page


class DocsPage(OpenAPIRenderPlugin):
    """Renders the description as one HTML page. Made once: it is the same for every request."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._page = Page("docs.html")
        self._made: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        del request
        if self._made is None:
            self._made = self._page.text(
                described=openapi_schema, routes=_routes(openapi_schema), indented=_indented
            ).encode()
        return self._made


def _routes(described: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the page says of each route: its method and path, the body it takes and its answers."""
    return [
        {"method": method.upper(), "path": path, "body": _body(route), "answers": _answers(route), **route}
        for path, methods in described["paths"].items()
        for method, route in methods.items()
    ]


def _body(route: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of its body, with the examples apart; None where it takes none."""
    for content in route.get("requestBody", {}).get("content", {}).values():
        schema = dict(content["schema"])
        return {"examples": schema.pop("examples", []), "schema": schema}
    return None


def _answers(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "status": status,
            "description": answer["description"],
            "types": {kind: _name(content.get("schema", {})) for kind, content in answer["content"].items()},
        }
        for status, answer in route["responses"].items()
    ]


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _indented(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
