"""The server around the application: uvicorn, with limits on connections, a log of JSON lines, a clean end.

www.uvicorn.org/server-behavior/ has what it does by itself: on SIGINT or SIGTERM it takes no new connections
and finishes what it has. Here SIGTERM drains first.
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
from threeways.web.http_protocol import PatientButFirm

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from threeways.web.middleware import Door

logger = logging.getLogger("threeways.web")

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer's own idle timeout (60 s by default), or it meets connections just closed.
docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
GRACE_SECONDS = 20
"""What running requests get after draining; containers are killed after 30 s as a rule."""
CONNECTIONS = 4_000
OTHER_FILES = 64
"""File descriptors for what is not a connection."""


class JsonLines(logging.Formatter):
    """A log record as one line of JSON: time, level, logger, message, what `extra` holds, traceback."""

    _usual = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
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


def configuration(app: ASGIApp, connections: int = CONNECTIONS) -> uvicorn.Config:
    """What uvicorn is told. connections: how many may be open."""
    protocol: Any = partial(PatientButFirm, most=connections, waiting={})
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
        backlog=CONNECTIONS,
    )


class Server(uvicorn.Server):
    """uvicorn's server, which on SIGTERM first drains: it goes on answering, and says that it will end.

    door: the application. drain: for how many seconds. SIGINT, or a second SIGTERM, ends that at once.
    """

    def __init__(self, config: uvicorn.Config, door: Door, drain: float) -> None:
        super().__init__(config)
        self._door, self._drain = door, drain
        self._told = False
        self._ends: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end. It comes amid anything, so it is only noted."""
        if sig == signal.SIGTERM and self._drain and not self._told:
            self._told = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Begin to drain, and end it; asked ten times a second."""
        if self._told and self._ends is None:
            self._ends = time.monotonic() + self._drain
            self._door.stop()
            logger.info("told to stop: it answers for %g s more, and /ready says so", self._drain)
        if self._ends is not None and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener and what is idle; finish what is under way."""
        self._door.stop()
        await super().shutdown(sockets)


def serve(door: Door, host: str, port: int, drain: float = 0) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way. port: 0 takes a free one.

    drain: seconds between SIGTERM and the listener's end. Raises SettingsError for an address it cannot use.
    """
    listening = _listen(host, port)
    address = listening.getsockname()
    logger.info("serving on http://%s:%d (Ctrl-C ends it)", *address[:2])
    door.most = _connections()
    server = Server(configuration(door, door.most), door, drain)
    for ending in (signal.SIGINT, signal.SIGTERM):
        # Also before uvicorn takes them; and when it has stopped it hands them on: a clean end is no kill.
        signal.signal(ending, server.handle_exit)
    with listening:
        server.run(sockets=[listening])
    logger.info("stopped")


def _connections() -> int:
    """How many connections the process has file descriptors for, after it has asked for more of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(CONNECTIONS, soft - OTHER_FILES), 1)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error}): name another WEB_PORT, or end what uses it"
        ) from error
