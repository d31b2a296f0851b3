"""What the HTTP servers of this package have alike: threads, no words, and a port that is given back."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

LOOK_SECONDS = 0.05
"""Between two looks at whether it is to end."""


class Handler(BaseHTTPRequestHandler):
    """A connection. That its client goes away in the middle is the client's affair."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one write

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Serve the connection until one side closes it."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """One thread a connection, none of which keeps the process alive; it is bound when it is made."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: type[Handler], name: str) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self.serve_forever, args=(LOOK_SECONDS,), name=name, daemon=True)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve, in a thread of its own."""
        self._thread.start()

    def end(self) -> None:
        """Give the port back."""
        self.shutdown()
        self.server_close()
        self._thread.join()
