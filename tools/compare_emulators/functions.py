"""Be the functions of an emulator: an HTTP server that gives each invocation to a handler of this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threeways.emulator import http_server

Handler = Callable[[dict[str, Any]], Any]


@dataclass
class Invocation:
    """One call of a function. at: when it began; took: its seconds, None while it runs."""

    event: dict[str, Any]
    arn: str
    at: float
    took: float | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """What the event brought."""
        records: list[dict[str, Any]] = self.event["Records"]
        return records


class Function:
    """A handler and its invocations, in the order in which they began."""

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self.handler = handler
        self.invocations: list[Invocation] = []

    def answer(self, event: dict[str, Any], arn: str) -> tuple[bool, Any]:
        """Return whether the handler failed, and its answer or error as Lambda has it."""
        started = time.monotonic()
        invocation = Invocation(event, arn, started)
        self.invocations.append(invocation)
        try:
            return False, self.handler(event)
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is a function's error
            return True, {"errorMessage": str(error), "errorType": type(error).__name__}
        finally:
            invocation.took = time.monotonic() - started


FUNCTIONS: dict[str, Function] = {}
"""Of all emulators, by name: no two have the same."""


class _Caller(http_server.Handler):
    """A connection of an emulator."""

    def do_POST(self) -> None:  # noqa: N802 - the name is http.server's
        """Answer an invocation."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        failed, answer = FUNCTIONS[self.path.strip("/")].answer(asked["event"], asked["arn"])
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("X-Failed", str(int(failed)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> http_server.Server:
    """Return a server of all functions, which is to be started and ended."""
    return http_server.Server(_Caller, "functions")
