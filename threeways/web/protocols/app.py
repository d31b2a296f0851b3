"""The routes of the protocols of other model servers, as a plain ASGI application.

Without the framework a request takes half the time, and the service starts as fast as without them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from threeways import __version__
from threeways.artifact import Model
from threeways.errors import PermanentError, TransientError
from threeways.scoring.service import ModelService
from threeways.web.bodies import BATCH_BYTES
from threeways.web.metrics import Metrics
from threeways.web.problems import RequestRefused, problem_of
from threeways.web.protocols import invocations, open_inference
from threeways.web.protocols.served import MakeBatcher, ServedRows
from threeways.web.routes import Readiness

type Answer = tuple[int, bytes, bytes]
"""A status, a content type and a body."""
type Handler = Callable[[Any, Any], Awaitable[Answer]]

_JSON = b"application/json"
_MODELS = "/v2/models/"


class Protocols:
    """Answers the requests of both protocols. The middleware answers exceptions."""

    def __init__(
        self,
        service: ModelService[Any],
        make: MakeBatcher,
        counts: Metrics,
        readiness: Readiness,
        seconds: float,
    ) -> None:
        self._service = service
        self._make = partial(ServedRows, service, make, counts, seconds)
        self._rows: ServedRows | None = None
        self._readiness = readiness
        self._plain: dict[str, tuple[str, Handler]] = {
            "/ping": ("GET", self._ping),
            "/version": ("GET", self._version),
            "/invocations": ("POST", self._invocations),
            "/v2": ("GET", self._server),
            "/v2/health/live": ("GET", self._live),
            "/v2/health/ready": ("GET", self._ready),
        }
        self._of_model: dict[str, tuple[str, Handler]] = {
            "": ("GET", self._metadata),
            "/ready": ("GET", self._model_ready),
            "/infer": ("POST", self._infer),
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request to one of the paths."""
        path = scope["path"].removeprefix(scope.get("root_path") or "").rstrip("/")
        if not path.startswith("/v2"):
            await _answer(send, *await self._routed(path, scope, receive))
            return
        try:
            answer = await self._routed(path, scope, receive)
        except (PermanentError, TransientError, RequestRefused) as error:
            problem, headers = problem_of(error, scope["state"]["request_id"])
            if problem.code:
                scope["state"]["problem"] = problem.code
            told = {"error": problem.detail} | msgspec.to_builtins(problem)
            await _answer(send, problem.status, _JSON, msgspec.json.encode(told), headers)
        else:
            await _answer(send, *answer)

    async def _routed(self, path: str, scope: Any, receive: Any) -> Answer:
        route = path
        found = self._plain.get(path)
        if found is None and path.startswith(_MODELS):
            rest = self._of_this_model(path.removeprefix(_MODELS))
            route, found = f"{_MODELS}{{name}}{rest}", self._of_model.get(rest)
        if found is None:
            raise RequestRefused(404, f"there is no {path[:80]}; see /v2 and /docs")
        method, handler = found
        scope["path_template"] = route
        if scope["method"] != method:
            detail = f"{route} takes {method}, and this is {scope['method'][:20]}"
            raise RequestRefused(405, detail, {"Allow": method})
        return await handler(scope, receive)

    def _of_this_model(self, named: str) -> str:
        """Return what follows the model's name, and maybe its version, in a path. Raises RequestRefused."""
        name, version = self._service.task.model_name, self._service.version
        for begin in (f"{name}/versions/{version}", name):
            if f"{named}/".startswith(f"{begin}/"):
                return named.removeprefix(begin)
        raise RequestRefused(404, f"there is no model {named[:80]} here; there is {name}, version {version}")

    def _served(self) -> ServedRows:
        if self._rows is None:
            self._rows = self._make()
        return self._rows

    def close(self) -> None:
        """Wait for running predicts."""
        if self._rows is not None:
            self._rows.close()

    @property
    def _is_ready(self) -> bool:
        return self._readiness.status().status == "ok"

    async def _ping(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        return (200 if self._is_ready else 503), _JSON, b"\n"

    async def _version(self, scope: Any, receive: Any) -> Answer:
        """Return the version of MLflow that logged the model: there is none here."""
        del scope, receive
        model = self._service.model
        version = model.info.mlflow_version if isinstance(model, Model) else None
        return 200, _JSON, (version or "unknown").encode()

    async def _invocations(self, scope: Any, receive: Any) -> Answer:
        kind = content_type(scope, ("application/json", "text/csv"))
        read = invocations.of_csv if kind == "text/csv" else invocations.of_json
        served = self._served()
        body = await whole(scope, receive)
        values = await served.answers(body, partial(read, served.reader))
        return 200, _JSON, msgspec.json.encode({"predictions": values})

    async def _server(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        told = {"name": "threeways", "version": __version__, "extensions": []}
        return 200, _JSON, msgspec.json.encode(told)

    async def _live(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        return 200, _JSON, b'{"live":true}'

    async def _ready(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        return (200, _JSON, b'{"ready":true}') if self._is_ready else (503, _JSON, b'{"ready":false}')

    async def _model_ready(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        told = {"name": self._service.task.model_name, "ready": self._is_ready}
        return (200 if told["ready"] else 503), _JSON, msgspec.json.encode(told)

    async def _metadata(self, scope: Any, receive: Any) -> Answer:
        del scope, receive
        served = self._served()
        told = open_inference.metadata(self._service, served)
        return 200, _JSON, msgspec.json.encode(told)

    async def _infer(self, scope: Any, receive: Any) -> Answer:
        content_type(scope, ("application/json",), missing="application/json")
        served = self._served()
        inference = open_inference.Inference(self._service, served)
        values = await served.answers(await whole(scope, receive), inference.read)
        return 200, _JSON, msgspec.json.encode(inference.answer(values))


def content_type(scope: Any, taken: tuple[str, ...], missing: str = "") -> str:
    """Return a request's content type. missing: the one of a request without. Raises RequestRefused."""
    headers = dict(scope["headers"])
    given: str = headers.get(b"content-type", missing.encode()).decode("latin-1")
    kind, _, parameters = given.partition(";")
    kind = kind.strip().lower()
    if kind not in taken or parameters.strip().lower().replace('"', "") not in {"", "charset=utf-8"}:
        raise RequestRefused(415, f"Content-Type is {given[:80]!r}; send {' or '.join(taken)}, in UTF-8")
    coding = headers.get(b"content-encoding", b"").decode("latin-1")
    if coding.strip().lower() not in {"", "identity"}:
        detail = f"Content-Encoding is {coding[:80]!r}; send the body as it is, uncompressed"
        raise RequestRefused(415, detail, {"Accept-Encoding": "identity"})
    return kind


async def whole(scope: Any, receive: Any) -> bytes:
    """Return a request's body. Raises RequestRefused for one over the limit of a batch."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    told = int(length) if length.isdigit() else 0
    size, more, parts = 0, True, list[bytes]()
    while more:
        if max(told, size) > BATCH_BYTES:
            raise RequestRefused(413, f"the body is over {BATCH_BYTES} bytes; split the request")
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    if size > BATCH_BYTES:
        raise RequestRefused(413, f"the body is over {BATCH_BYTES} bytes; split the request")
    return b"".join(parts)


async def _answer(
    send: Any, status: int, kind: bytes, body: bytes, headers: dict[str, str] | None = None
) -> None:
    named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    length = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*length, *named]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
