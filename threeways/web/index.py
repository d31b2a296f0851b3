"""The page at `/` of a task without a page of its own: a form for an event, and how programs ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from threeways.scoring.task import Task
from threeways.web.fast_path import Predict
from threeways.web.form import Form
from threeways.web.html import Answer, Page, answer, refusal, words
from threeways.web.model_info import About


def route(task: Task[Any], told: About, predict: Predict) -> HTTPRouteHandler:
    """Return the page of any task. predict: an event's prediction, as `/predict` answers it."""
    page, form = Page("index.html"), Form(task)
    known = {
        "title": words(task.name),
        "told": told,
        "output": task.output,
        "labels": [(one.name, one.id, one.label) for one in form.fields],
        "example": msgspec.json.encode(task.example).decode().replace("'", r"'\''"),
    }

    async def answered(query: Mapping[str, str]) -> Answer:
        payload, wrong = form.read(query)
        return refusal(wrong) if wrong else await answer(task, predict, payload, form.place)

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def index(request: Request[Any, Any, Any]) -> Response[str]:
        """Return the form with the answer above it, an example to paste into a shell, and further links."""
        query = dict(request.query_params)
        asked = form.is_in(query)
        return page.response(
            await answered(query) if asked else None,
            form=form,
            values={one.name: query.get(one.name, "") if asked else one.value for one in form.fields},
            url=str(request.base_url),
            **known,
        )

    return index
