"""Run the application with uvicorn: limits on connections, a JSON log, graceful shutdown.

By itself uvicorn takes no new connections after SIGINT or SIGTERM and finishes running requests
(www.uvicorn.org/server-behavior/). Here SIGTERM drains first.
"""

from __future__ import annotations

import logging
import resource
import signal
import socket
import sys
import time
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn

from threeways.errors import SettingsError
from threeways.settings import WebSettings
from threeways.web.http_protocol import LimitedHttpProtocol
from threeways.web.limits import RESERVE, Connections, Limits

if TYPE_CHECKING:
    from threeways.web.middleware import RequestMiddleware

logger = logging.getLogger("threeways.web")

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer's idle timeout (60 s by default), or it would use closed connections.
docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
GRACE_SECONDS = 20
"""The time limit for running requests after draining; containers are usually killed after 30 s."""
BACKLOG = 4_000
OTHER_FILES = 64 + RESERVE
"""File descriptors for other purposes than connections, and for those beyond their limit."""


class JsonLines(logging.Formatter):
    """Formats a log record as one line of JSON: time, level, logger, message, `extra`'s fields, traceback."""

    _usual = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        line: dict[str, Any] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in self._usual}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def log_lines() -> None:
    """Send the process's log to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    formatter = JsonLines()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def configuration(app: RequestMiddleware, limits: Limits) -> uvicorn.Config:
    """Return uvicorn's configuration."""
    protocol: Any = partial(LimitedHttpProtocol, known=Connections(limits, app.closed))
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )


class Server(uvicorn.Server):
    """uvicorn's server, which drains first on SIGTERM: it still answers, but reports that it will end.

    app: the application. drain: for how many seconds. SIGINT, or a second SIGTERM, ends draining at once.
    """

    def __init__(self, config: uvicorn.Config, app: RequestMiddleware, drain: float) -> None:
        super().__init__(config)
        self._app, self._drain = app, drain
        self._draining = False
        self._ends: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Record a signal to end; `on_tick` acts on it."""
        if sig == signal.SIGTERM and self._drain and not self._draining:
            self._draining = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Begin to drain, and end it; uvicorn calls this ten times a second."""
        if self._draining and self._ends is None:
            self._ends = time.monotonic() + self._drain
            self._app.stop()
            logger.info("stopping: it answers for %g s more, and /ready says so", self._drain)
        if self._ends is not None and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener and idle connections; finish running requests."""
        self._app.stop()
        await super().shutdown(sockets)


def serve(app: RequestMiddleware, settings: WebSettings) -> None:
    """Serve until SIGINT or SIGTERM, then finish running requests.

    Raises SettingsError for an address it cannot use.
    """
    listening = _listen(settings.web_host, settings.web_port)
    address = listening.getsockname()
    logger.info("serving on http://%s:%d (Ctrl-C ends it)", *address[:2])
    limits = _limits(settings)
    app.most = limits.connections
    server = Server(configuration(app, limits), app, settings.web_drain)
    for ending in (signal.SIGINT, signal.SIGTERM):
        # After stopping, uvicorn restores these handlers and re-raises the signals: that must not kill us.
        signal.signal(ending, server.handle_exit)
    with listening:
        server.run(sockets=[listening])
    logger.info("stopped")


def _limits(settings: WebSettings) -> Limits:
    return Limits(
        connections=_connections(settings.web_connections),
        header_bytes=settings.web_header_kib * 2**10,
        request_bytes=settings.web_request_mib * 2**20,
        answer_bytes=settings.web_answer_mib * 2**20,
        seconds=settings.web_seconds,
    )


def _connections(most: int) -> int:
    """Return the limit on connections, or by file descriptors, after raising that as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(min(most, soft - OTHER_FILES), 1)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error}): name another WEB_PORT, or end what uses it"
        ) from error
