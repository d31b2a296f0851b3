"""Build the ASGI application around a model service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from threeways import __version__
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.web import index, problems, routes
from threeways.web.batcher import MAX_EVENTS, Batcher
from threeways.web.docs import DocsPage
from threeways.web.fast_path import FastPath, Predict
from threeways.web.html import words
from threeways.web.inline_budget import InlineBudget, one_core
from threeways.web.metrics import Metrics
from threeways.web.middleware import RequestMiddleware
from threeways.web.model_info import About, about
from threeways.web.other_protocols import OtherProtocols

if TYPE_CHECKING:
    from threeways.web.protocols.app import Protocols

SECONDS = 10.0


def create(
    service: ModelService[Any],
    *,
    seconds: float = SECONDS,
    gather: int = MAX_EVENTS,
    budget: InlineBudget | None = None,
) -> RequestMiddleware:
    """Return the ASGI application that serves a model.

    seconds: the time limit for a request's body to arrive, and for its answer from then on.
    gather: the limit on concurrent single requests in one predict; 1 predicts each on its own.
    budget: how much may be predicted on the event loop; by default the model has a thread.
    """
    counts = Metrics(service.task.model_name, service.version, service.runtime)
    batcher = Batcher(service, gather, counts.gathered, budget=budget)
    predict = routes.single_predictor(batcher, counts)
    readiness = routes.Readiness(batcher)

    @asynccontextmanager
    async def serving(_: Litestar) -> AsyncIterator[None]:
        if budget and budget.events:
            one_core()  # in the event loop's thread, which then runs the model
        readiness.serving = True
        try:
            yield
        finally:
            readiness.serving = False
            batcher.close()
            others.close()

    info = about(service)
    handlers: list[Any] = [
        *routes.prediction_routes(batcher, predict, counts, seconds),
        *routes.info_routes(info, readiness, counts),
        _page(service.task, info, predict),
    ]
    app = Litestar(
        handlers,
        lifespan=[serving],
        exception_handlers={Exception: problems.handle_exception},
        openapi_config=OpenAPIConfig(
            title=f"{words(service.task.name)}, as a web service",
            version=__version__,
            path="/docs",
            render_plugins=[DocsPage()],
        ),
        logging_config=None,  # the process's own: `threeways.web.server`
    )

    def protocols() -> Protocols:
        from threeways.web.protocols.app import Protocols

        def make(rows: ModelService[Any]) -> Batcher:
            return Batcher(rows, gather, counts.gathered, budget=budget)

        return Protocols(service, make, counts, readiness, seconds)

    others = OtherProtocols(app, protocols)
    return RequestMiddleware(FastPath(others, service.task, predict), counts, seconds, readiness)


def _page(task: Task[Any], info: About, predict: Predict) -> HTTPRouteHandler:
    """Return the page at `/`: the task's own where it has one, else a form of its event's schema."""
    module: Any = index if task.page is None else import_module(task.page)
    route: HTTPRouteHandler = module.route(task, info, predict)
    return route
