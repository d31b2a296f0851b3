"""The server around the application: uvicorn, with a clock on slow headers, a log of JSON lines, a clean end.

www.uvicorn.org/server-behavior/ has what it does by itself: on SIGINT or SIGTERM it takes no new connections
and finishes what it has.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn

from threeways.errors import SettingsError
from threeways.web.wire import PatientButFirm

if TYPE_CHECKING:
    from litestar.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer's own idle timeout (60 s by default), or it meets connections just closed.
docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
GRACE_SECONDS = 25
"""What running requests get at the end; containers are killed after 30 s as a rule."""
CONNECTIONS = 4_000


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
    import time

    handler = logging.StreamHandler(sys.stdout)
    formatter = JsonLines()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def configuration(app: ASGIApp) -> uvicorn.Config:
    """What uvicorn is told."""
    return uvicorn.Config(
        app,
        http=PatientButFirm,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=CONNECTIONS,
        backlog=CONNECTIONS,
    )


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way. port: 0 takes a free one.

    Raises SettingsError where the address cannot be used.
    """
    listening = _listen(host, port)
    address = listening.getsockname()
    logging.getLogger("threeways.web").info("serving on http://%s:%d (Ctrl-C ends it)", *address[:2])
    for ending in (signal.SIGINT, signal.SIGTERM):
        # uvicorn hands the signal on when it has stopped: a clean end is neither a traceback nor a kill.
        signal.signal(ending, lambda *_: None)
    with listening:
        uvicorn.Server(configuration(app)).run(sockets=[listening])
    logging.getLogger("threeways.web").info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error}): name another WEB_PORT, or end what uses it"
        ) from error
