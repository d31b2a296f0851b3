"""Threaded, silent HTTP server base that releases its port."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

LOOK_SECONDS = 0.05
"""The interval in seconds at which the server checks whether to stop."""


class Handler(BaseHTTPRequestHandler):
    """A connection; a client that disconnects early is not an error."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one write

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def handle(self) -> None:
        """Serve the connection until one side closes it."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def finish(self) -> None:
        """Send what is left, if anybody is there to take it."""
        with suppress(ConnectionError):
            super().finish()


class Server(ThreadingHTTPServer):
    """A server bound on creation, with one daemon thread a connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: type[Handler], name: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._thread = Thread(target=self.serve_forever, args=(LOOK_SECONDS,), name=name, daemon=True)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a separate thread."""
        self._thread.start()

    def end(self) -> None:
        """Stop serving and release the port."""
        self.shutdown()
        self.server_close()
        self._thread.join()
