"""Build the ASGI application around a model service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
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
from threeways.web.inline_budget import InlineBudget, measure, one_core
from threeways.web.metrics import Metrics
from threeways.web.middleware import RequestMiddleware
from threeways.web.model_info import About, about
from threeways.web.other_protocols import OtherProtocols
from threeways.web.switch import Face, Following, Switch

if TYPE_CHECKING:
    from threeways.web.protocols.app import Protocols

SECONDS = 10.0


def create(
    service: ModelService[Any],
    *,
    seconds: float = SECONDS,
    gather: int = MAX_EVENTS,
    budget: InlineBudget | None = None,
    following: Following | None = None,
    followed: Mapping[str, int] | None = None,
) -> RequestMiddleware:
    """Return the ASGI application that serves a model.

    seconds: the time limit for a request's body to arrive, and for its answer from then on.
    gather: the limit on concurrent single requests in one predict; 1 predicts each on its own.
    budget: how much may be predicted on the event loop; by default the model has a thread.
    following: tells, while it serves, which model takes over. followed: what happened then, by kind.
    """
    counts = Metrics(service.task.model_name, service.version, service.runtime, followed)
    faces = _Faces(seconds, gather, counts)

    @asynccontextmanager
    async def serving(_: Litestar) -> AsyncIterator[None]:
        switch.start()
        readiness.serving = True
        try:
            yield
        finally:
            readiness.serving = False
            switch.close()

    face = faces.make(service, budget, serving)
    readiness = faces.readiness
    switch = Switch(face, lambda new: faces.make(new, measure(new)), faces.taken, following)
    return RequestMiddleware(switch, counts, seconds, readiness)


class _Faces:
    """Makes the applications of models that serve one after the other, with the same counters."""

    def __init__(self, seconds: float, gather: int, counts: Metrics) -> None:
        self._seconds, self._gather, self._counts = seconds, gather, counts
        self.readiness = routes.Readiness()

    def make(
        self, service: ModelService[Any], budget: InlineBudget | None, *lifespan: Callable[[Litestar], Any]
    ) -> Face:
        """Return the application of a model. lifespan: of the first one, whose end is the server's."""
        counts, seconds, gather = self._counts, self._seconds, self._gather
        batcher = Batcher(service, gather, counts.gathered, budget=budget)
        predict = routes.single_predictor(batcher, counts)
        info = about(service)
        handlers: list[Any] = [
            *routes.prediction_routes(batcher, predict, counts, seconds),
            *routes.info_routes(info, self.readiness, counts),
            _page(service.task, info, predict),
        ]
        app = Litestar(
            handlers,
            lifespan=[*lifespan],
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

            return Protocols(service, make, counts, self.readiness, seconds)

        others = OtherProtocols(app, protocols)

        def close() -> None:
            batcher.close()
            others.close()

        return Face(service, FastPath(others, service.task, predict), batcher, close)

    def taken(self, face: Face) -> None:
        """Take note, in the event loop's thread, of the application that answers from now on."""
        if face.batcher.inline:
            one_core()
        self.readiness.batcher = face.batcher
        service = face.service
        self._counts.serves(service.task.model_name, service.version, service.runtime)


def _page(task: Task[Any], info: About, predict: Predict) -> HTTPRouteHandler:
    """Return the page at `/`: the task's own where it has one, else a form of its event's schema."""
    module: Any = index if task.page is None else import_module(task.page)
    route: HTTPRouteHandler = module.route(task, info, predict)
    return route
