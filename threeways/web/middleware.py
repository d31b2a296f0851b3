"""The middleware of every request: its id, time limits, access log line and metrics.

Plain ASGI (asgi.readthedocs.io), around the whole application, so that no answer bypasses it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.enums import HttpMethod, ScopeType

from threeways.errors import ResourceShort
from threeways.web import policy, problems
from threeways.web.access import AccessLog
from threeways.web.metrics import Metrics
from threeways.web.routes import Readiness

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
_ID = re.compile(rb"[A-Za-z0-9._:=+/-]{1,128}")
_QUIET = frozenset({"/health", "/ready", "/metrics", "/ping", "/v2/health/live", "/v2/health/ready"})
"""Paths that are polled every few seconds: only their failures are logged."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_SOON = 0.1
"""Seconds; a body that arrives within them does not restart the timeout."""
_WITH_ALLOW = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.METHOD_NOT_ALLOWED})
_random = random.Random().getrandbits  # noqa: S311 - ids only need to be unique
_JSON = (b"content-type", b"application/json")


class RequestMiddleware:
    """The application with its middleware.

    seconds: the time limit for a request's body to arrive, and for its answer from then on.
    most: the limit on concurrent requests; more are refused at once, except for the paths in `_QUIET`.
    """

    most = 4_000

    def __init__(self, app: ASGIApp, metrics: Metrics, seconds: float, readiness: Readiness) -> None:
        self._app = app
        self._metrics = metrics
        self._seconds = seconds
        self._readiness = readiness
        self._log = AccessLog()

    def closed(self, why: str) -> None:
        """Count a connection that was closed, or whose request was refused, at a limit."""
        self._metrics.closed(why)

    def stop(self) -> None:
        """Begin to stop: `/ready` is 503, and each answer closes its connection."""
        self._readiness.stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        state = _RequestState(scope, receive, send, self._readiness)
        self._metrics.in_flight += 1
        try:
            async with asyncio.timeout(self._seconds) as state.limit:
                state.require_accepted()
                if self._metrics.in_flight > self.most and scope["path"] not in _QUIET:
                    raise ResourceShort(f"{self.most} requests are under way already; try again in a second")
                await self._app(state.scope, state.receive, state.send)
        except TimeoutError as error:
            slow = problems.SlowBody(f"the body was not whole after {self._seconds:g} s")
            await state.fail(error if state.whole else slow)
        except Exception as error:  # noqa: BLE001 - any exception becomes the request's answer
            await state.fail(error)
        finally:
            self._metrics.in_flight -= 1
            self._record(state)
            state.scope[
                "state"
            ].clear()  # the framework keeps the body there, and the connection its last scope

    def _record(self, state: _RequestState) -> None:
        seconds = time.perf_counter() - state.began
        scope: Any = state.scope
        route = scope.get("path_template") or "(none)"
        method = state.method if state.method in _METHODS else "(other)"
        self._metrics.answered(method, route, state.status, seconds)
        code = scope["state"].get("problem")
        if code:
            self._metrics.refused(code)
        if route in _QUIET and state.status < 400:
            return
        client = scope.get("client")
        self._log.write(
            method, scope["path"], state.status, seconds, state.sent,
            client[0] if client else None, state.request_id, code,
        )  # fmt: skip


class _RequestState:
    """One request's state: its id, whether its body is complete, and what was sent."""

    limit: asyncio.Timeout

    def __init__(self, scope: Scope, receive: Receive, send: Send, readiness: Readiness) -> None:
        self.began = time.perf_counter()
        asked: Any = scope
        self.method: str = asked["method"]
        # HEAD is answered as GET is, without the body: rfc-editor.org/rfc/rfc9110#name-head. The server's own
        # scope stays as it was.
        if self.method == "HEAD":
            asked = {**asked, "method": HttpMethod.GET}
        self.scope: Scope = asked
        self.status = 0
        self.sent = 0
        self._receive, self._send = receive, send
        self._readiness = readiness
        headers = dict(scope["headers"])
        self.whole = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"
        given = headers.get(REQUEST_ID, b"")
        self.request_id = given.decode() if _ID.fullmatch(given) else f"{_random(128):032x}"
        self.scope.setdefault("state", {})["request_id"] = self.request_id

    def require_accepted(self) -> None:
        """Raise the error with which the server's protocol has refused the request, if it has."""
        refused: Exception | None = self.scope["state"].get("refused")
        if refused:
            self.whole = False  # what else comes of its body is not read
            raise refused

    async def receive(self) -> HTTPReceiveMessage:
        """Return the next part of the body. After the last one the timeout restarts, for the answer.

        Raises RequestRefused if the client disconnects before its body is complete, and what
        `require_accepted` raises.
        """
        message: Any = await self._receive()
        self.require_accepted()
        if not self.whole and message["type"] == "http.disconnect":
            raise problems.RequestRefused(400, "the connection ended before the body did")
        if not self.whole and not message.get("more_body"):
            self.whole = True
            late = time.perf_counter() - self.began
            if late > _SOON:
                deadline = self.limit.when()
                self.limit.reschedule(deadline and deadline + late)
        return message  # type: ignore[no-any-return]  # of the server's making

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the request's id and the common headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = (REQUEST_ID, self.request_id.encode())
            # Answered before its body was read: don't wait for the rest of that.
            close = () if self.whole and not self._readiness.stopping else ((b"connection", b"close"),)
            given = message.get("headers", ())
            if self.status in _WITH_ALLOW:
                given = [(name, _with_head(value) if name == b"allow" else value) for name, value in given]
            safety = policy.HEADERS if _JSON in given else policy.of_page(given)
            message["headers"] = [*given, own, *safety, *close]
        elif message["type"] == "http.response.body":
            if self.method == "HEAD":
                message["body"] = b""
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer with the problem, if nothing has been answered yet."""
        if self.status:
            return
        problem, headers = problems.problem_of(error, self.request_id)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.error("request %s failed", self.request_id, exc_info=error)
        if problem.code:
            self.scope["state"]["problem"] = problem.code
        body = msgspec.json.encode(problem)
        named = [
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        named += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        start: Any = {"type": "http.response.start", "status": problem.status, "headers": named}
        rest: Any = {"type": "http.response.body", "body": body, "more_body": False}
        await self.send(start)
        await self.send(rest)


def _with_head(allowed: bytes) -> bytes:
    """Add HEAD to an answer's allowed methods, where GET is one."""
    return allowed + b", HEAD" if b"GET" in allowed else allowed
