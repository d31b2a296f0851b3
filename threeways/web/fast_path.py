"""The fast path for `POST /predict`: a plain request is answered without the framework.

Litestar's routing, guards, transfer objects and responses cost more than all the rest of a request. Its route
documents the API and takes what is not plain: another spelling of the content type, a chunked body, one that
is too large. Both use the same decoder and `Predict`, and a test compares their answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.scoring.outcomes import Prediction
from threeways.scoring.task import Task
from threeways.web.bodies import SINGLE_BYTES

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

type Predict = Callable[[Any], Awaitable[Prediction]]
"""Returns an event's prediction, or raises the error."""

PATH = "/predict"
_encode = msgspec.json.Encoder().encode


class FastPath:
    """The application with a fast path for one route. The middleware answers exceptions."""

    def __init__(self, app: ASGIApp, task: Task[Any], predict: Predict) -> None:
        self._app = app
        self._decode = task.decode
        self._predict = predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope.get("path") != PATH or not _plain(scope):
            await self._app(scope, receive, send)
            return
        untyped: Any = scope
        untyped["path_template"] = PATH  # as Litestar sets it
        body = _encode(await self._predict(self._decode(await _whole(receive))))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        start: Any = {"type": "http.response.start", "status": 200, "headers": headers}
        rest: Any = {"type": "http.response.body", "body": body, "more_body": False}
        await send(start)
        await send(rest)


def _plain(scope: Any) -> bool:
    """Return whether it is a POST of JSON with a Content-Length and no encoding."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope.get("root_path"):
        return False
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    return (
        headers.get(b"content-type") == b"application/json"
        and b"transfer-encoding" not in headers
        and b"content-encoding" not in headers
        and length.isdigit()
        and 0 < int(length) <= SINGLE_BYTES
    )


async def _whole(receive: Receive) -> bytes:
    message: Any = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body
