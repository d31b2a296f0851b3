"""A page on 127.0.0.1 for one person: its server, and the answers of its handler.

A request that names another host is refused: another name that resolves to this server is another site's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Self

from threeways.emulator.http_server import Handler, Server
from threeways.errors import LocalError


class PageServer:
    """Serves a handler at `url`. A context manager.

    handler: gets this server as `page`. name: of its thread. port: 0 for a free one. hosts: those that a
    request may name. Raises LocalError where the port is taken.
    """

    def __init__(self, handler: type[PageHandler], name: str, port: int) -> None:
        try:
            self._server = Server(type("Handler", (handler,), {"page": self}), name, port)
        except OSError as error:
            raise LocalError(
                f"port {port} can't be used: {error}; give another, PORT=0 for a free one"
            ) from None
        self.url = f"http://{self._server.address}"
        self.hosts = {self._server.address, self._server.address.replace("127.0.0.1", "localhost")}

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.end()


class PageHandler(Handler):
    """Answers requests. headers_of_all: what each answer has, such as its Content-Security-Policy."""

    page: ClassVar[Any]
    headers_of_all: ClassVar[Mapping[str, str]]

    def is_for_us(self) -> bool:
        """Whether the request names this server; another one is refused."""
        ours = self.headers.get("Host") in self.page.hosts
        if not ours:
            self.answer(403, b"not for this host", "text/plain")
        return ours

    def answer(self, status: int, body: bytes, kind: str) -> None:
        """Send a whole answer. kind: its content type."""
        self.head(status, kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def head(self, status: int, kind: str) -> None:
        """Begin an answer; further headers may follow."""
        self.send_response_only(status)
        for name, value in (*self.headers_of_all.items(), ("Content-Type", kind)):
            self.send_header(name, value)
