"""Lambda's HTTP API for one function, as far as a replay calls it, with a real handler behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from threeways.aws.invocation import InvocationResult


@contextmanager
def lambda_api(
    name: str,
    variables: dict[str, str],
    invoke: Callable[[bytes], InvocationResult],
    streams: tuple[str, ...] = (),
) -> Iterator[str]:
    """Its endpoint URL, on 127.0.0.1. streams: the ARNs that its event source mappings read.

    docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, …/API_GetFunctionConfiguration.html,
    …/API_ListEventSourceMappings.html
    """

    class Api(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            if self.path == f"/2015-03-31/functions/{name}/configuration":
                self._answer(200, {"FunctionName": name, "Environment": {"Variables": variables}})
            elif self.path == f"/2015-03-31/event-source-mappings?FunctionName={name}":
                self._answer(200, {"EventSourceMappings": [{"EventSourceArn": arn} for arn in streams]})
            else:
                kind = {"x-amzn-errortype": "ResourceNotFoundException"}
                self._answer(404, {"Message": f"Function not found: {self.path}"}, kind)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            result = invoke(body)
            if result.throttled:
                self._answer(429, {"Message": "Rate"}, {"x-amzn-errortype": "TooManyRequestsException"})
            elif result.error:
                said = {"errorType": result.error.type, "errorMessage": result.error.message}
                self._answer(200, said, {"X-Amz-Function-Error": "Unhandled"})
            else:
                self._answer(200, json.loads(result.payload or b"null"))

        def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for header, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
