"""Serve the page of a run: its files, its state as server-sent events, and an event that is put by hand.

html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from threeways.errors import LocalError
from threeways.local_run.page_server import PageHandler, PageServer
from threeways.local_run.watch import snapshot
from threeways.local_run.watch.by_hand import WebService, put

LOOK_SECONDS = 0.25
LARGEST_EVENT = 2**16
FILES = {
    "/": ("page.html", "text/html"),
    "/watch.js": ("watch.js", "text/javascript"),
    "/watch.css": ("watch.css", "text/css"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class WatchServer(PageServer):
    """The page of the runs in a folder, at `url` on 127.0.0.1. A context manager.

    runs: the folder of the runs' folders; the newest that goes on is shown. port: 0 for a free one. Raises
    LocalError where the port is taken.
    """

    def __init__(self, runs: Path, port: int = 0) -> None:
        self._runs = runs
        self._ending = Event()
        self._service = WebService()
        self._put: list[dict[str, Any]] = []
        super().__init__(_Handler, "watch", port)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        super().__exit__(kind, error, trace)
        self._service.__exit__(kind, error, trace)

    def states(self) -> Iterator[bytes]:
        """Yield the state as JSON whenever it is another, and b"" now and then; ends with the server."""
        before, told = b"", 0.0
        while not self._ending.is_set():
            found = snapshot.newest(self._runs)
            if found is not None and not found[1].ended:
                self._service.serve(found[1].serving)
            state = msgspec.json.encode({"run": found and found[1], "by_hand": self._put})
            if state != before:
                before, told = state, time.monotonic()
                yield state
            elif time.monotonic() - told > 10 * LOOK_SECONDS:
                told = time.monotonic()
                yield b""
            self._ending.wait(LOOK_SECONDS)

    def put(self, text: bytes) -> dict[str, Any]:
        """Ask the web service for its estimate, and put the event. Raises LocalError."""
        found = snapshot.newest(self._runs)
        if found is None:
            raise LocalError("no run goes on: start one beside, make run RATE=50")
        made = put(*found, text)
        estimate = self._service.ask(msgspec.json.encode(made.event))
        told = {**msgspec.to_builtins(made), "estimate": estimate}
        self._put = [*self._put[-19:], told]
        return told


@contextmanager
def watched(runs: Path, console: Console, port: int = 0) -> Iterator[WatchServer]:
    """Serve the page and say where. Raises LocalError where the port is taken."""
    with WatchServer(runs, port) as server:
        console.print(f"Watch it: {server.url}", highlight=False, soft_wrap=True)
        yield server


class _Handler(PageHandler):
    page: ClassVar[WatchServer]
    headers_of_all = HEADERS

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Serve the page's files, and its states for as long as somebody looks."""
        if not self.is_for_us():
            return
        if self.path == "/states":
            self._stream()
        elif self.path in FILES:
            name, kind = FILES[self.path]
            self.answer(200, files(__package__).joinpath(name).read_bytes(), f"{kind}; charset=utf-8")
        else:
            self.answer(404, b"there is no such page", "text/plain")

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Put an event by hand. Another site's page can't: its request has that site's origin."""
        origin, length = self.headers.get("Origin"), self.headers.get("Content-Length", "")
        self.close_connection = True
        if not self.is_for_us():
            return
        if self.path != "/event" or (origin and urlsplit(origin).netloc not in self.page.hosts):
            self.answer(403, b"not from there", "text/plain")
        elif not (length.isdecimal() and int(length) <= LARGEST_EVENT):
            self._told(413, f"an event has {LARGEST_EVENT:,} bytes at most here")
        else:
            try:
                answer = self.page.put(self.rfile.read(int(length)))
            except LocalError as error:
                self._told(422, str(error))
            else:
                self.answer(200, msgspec.json.encode(answer), "application/json")

    def _told(self, status: int, detail: str) -> None:
        self.answer(status, msgspec.json.encode({"detail": detail}), "application/json")

    def _stream(self) -> None:
        self.close_connection = True
        self.head(200, "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for state in self.page.states():
            self.wfile.write(b"data: " + state + b"\n\n" if state else b": \n\n")
            self.wfile.flush()
