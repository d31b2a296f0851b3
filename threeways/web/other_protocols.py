"""Hand the paths of other model servers' protocols to `threeways.web.protocols`, imported on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from threeways.web.protocols.app import Protocols

PATHS = frozenset({"/invocations", "/ping", "/version", "/v2"})


class OtherProtocols:
    """The application, with the paths of other protocols. make: makes what answers those."""

    def __init__(self, app: ASGIApp, make: Callable[[], Protocols]) -> None:
        self._app = app
        self._make = make
        self._made: Protocols | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        asked: Any = scope
        path = asked.get("path", "").removeprefix(asked.get("root_path") or "").rstrip("/")
        if asked["type"] != "http" or not (path in PATHS or path.startswith("/v2/")):
            await self._app(scope, receive, send)
            return
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)

    def close(self) -> None:
        """Wait for running predicts."""
        if self._made is not None:
            self._made.close()
