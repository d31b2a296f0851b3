"""The page at `/` of a task without a form of its own: what is served, and how to ask it."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from threeways.scoring.task import Task
from threeways.web.html import Page
from threeways.web.model_info import About


def route(task: Task[Any], told: About) -> HTTPRouteHandler:
    """The page of any task."""
    page = Page("index.html")
    example = msgspec.json.encode(task.example).decode().replace("'", r"'\''")

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def index(request: Request[Any, Any, Any]) -> Response[str]:
        """The model, an example to paste into a shell, and where to read on."""
        return page.response(told=told, output=task.output.name, example=example, url=str(request.base_url))

    return index
