"""The Lambda runtime API over HTTP, for one runtime process, on its own port of 127.0.0.1.

docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import secrets
from typing import ClassVar

from threeways.aws.invocation import RESPONSE_LIMIT, FunctionError
from threeways.emulator.function.exchange import Exchange, InvalidTransition, Invocation
from threeways.emulator.http_server import Handler, Server

PREFIX = "/2018-06-01/runtime/"


class RuntimeApi:
    """A server of one `Exchange`."""

    def __init__(self, exchange: Exchange) -> None:
        handler = type("Handler", (_Handler,), {"exchange": exchange})
        self._server = Server(handler, "runtime-api")
        self._server.start()

    @property
    def address(self) -> str:
        """`host:port`, for `AWS_LAMBDA_RUNTIME_API`."""
        return self._server.address

    def close(self) -> None:
        """Stop the server and release its port."""
        self._server.end()


class _Handler(Handler):
    exchange: ClassVar[Exchange]

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Serve `next`; it blocks until there is an invocation."""
        if self.path != f"{PREFIX}invocation/next":
            self._refuse(404, "NotFound", self.path)
            return
        try:
            invocation = self.exchange.next()
        except InvalidTransition as error:
            self._refuse(error.status, error.kind, str(error))
            return
        if invocation is None:
            self._refuse(410, "ShuttingDown", "the execution environment is being shut down")
        else:
            self._hand_out(invocation)

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Serve `response`, `error` and `init/error`."""
        body = self._body()
        if body is None:
            return
        try:
            self._take(self.path.removeprefix(PREFIX).split("/"), body)
        except InvalidTransition as error:
            self._refuse(error.status, error.kind, str(error))
        else:
            self._send(202, b'{"status":"OK"}')

    def _take(self, steps: list[str], body: bytes) -> None:
        match steps:
            case ["invocation", request_id, "response"]:
                self.exchange.answer(request_id, body)
            case ["invocation", request_id, "error"]:
                self.exchange.answer(request_id, self._error(body))
            case ["init", "error"]:
                self.exchange.init_failed(self._error(body))
            case _:
                raise InvalidTransition(self.path, kind="NotFound", status=404)

    def _error(self, body: bytes) -> FunctionError:
        """Parse the documented error document; for any other body, use the header and the text."""
        try:
            said = json.loads(body)
            trace = tuple(str(frame) for frame in said.get("stackTrace") or ())
            return FunctionError(str(said["errorType"]), str(said["errorMessage"]), trace)
        except (ValueError, KeyError, TypeError, AttributeError):
            kind = self.headers.get("Lambda-Runtime-Function-Error-Type", "Runtime.UnknownReason")
            return FunctionError(kind, body[:1000].decode(errors="replace"))

    def _body(self) -> bytes | None:
        """Read the request's body up to one byte over the limit; refuse one without a length."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            self._refuse(411, "LengthRequired", "response streaming is not supported here")
            return None
        body = self.rfile.read(min(int(length), RESPONSE_LIMIT + 1))
        rest = int(length) - len(body)
        while rest > 0 and (dropped := self.rfile.read(min(rest, 65536))):
            rest -= len(dropped)
        return body

    def _hand_out(self, invocation: Invocation) -> None:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": _trace_id(invocation.deadline),
        }
        self._send(200, invocation.payload, headers)

    def _refuse(self, status: int, kind: str, message: str) -> None:
        self._send(status, json.dumps({"errorMessage": message, "errorType": kind}).encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _trace_id(moment: float) -> str:
    return f"Root=1-{int(moment):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
