"""A minimal Lambda runtime where AWS's own has no wheel (macOS): the same protocol, the same errors.

Run by its path through `launch.py`, with the handler as its argument and only the standard library.
docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import importlib
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from email.message import Message
from typing import Any

PREFIX = "/2018-06-01/runtime/"
ENVIRONMENT = os.environ  # noqa: TID251 - a program of its own within the function's process


class Context:
    """The handler's context object: docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    client_context = None
    identity = None

    def __init__(self, headers: Message) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = ENVIRONMENT.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = ENVIRONMENT.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = ENVIRONMENT.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = ENVIRONMENT.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = ENVIRONMENT.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is ended."""
        return max(0, self._deadline - int(time.time() * 1000))


class RuntimeApi:
    """The runtime's side of the protocol, over one persistent connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[Message, bytes] | None:
        """Return the next invocation's headers and event; None when the environment is shut down."""
        self._connection.request("GET", f"{PREFIX}invocation/next")
        response = self._connection.getresponse()
        body = response.read()
        return (response.headers, body) if response.status == http.client.OK else None

    def post(self, path: str, body: bytes, kind: str | None = None) -> None:
        """Post an answer, or an error of that kind.

        Raises OSError if it is not accepted; the runtime ends then.
        """
        headers = {"Lambda-Runtime-Function-Error-Type": kind} if kind else {}
        self._connection.request("POST", PREFIX + path, body, headers | {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        said = response.read()
        if response.status != http.client.ACCEPTED:
            raise OSError(f"{path}: {response.status} {said.decode(errors='replace')}")

    def post_error(self, path: str, error: BaseException, kind: str | None = None) -> None:
        """Print an error and post its document, without this file's own frames."""
        kind = kind or type(error).__name__
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        trace = traceback.format_list(frames)
        sys.stdout.write(f"[ERROR] {kind}: {error}\n{''.join(trace)}")
        document = {"errorMessage": str(error), "errorType": kind, "stackTrace": trace}
        self.post(path, json.dumps(document).encode(), kind)


def load(handler: str) -> Callable[[Any, Context], Any]:
    """Import the handler's function. The import's exceptions propagate."""
    module, _, name = handler.rpartition(".")
    found: Callable[[Any, Context], Any] = getattr(importlib.import_module(module.replace("/", ".")), name)
    return found


def run_one(api: RuntimeApi, handler: Callable[[Any, Context], Any]) -> bool:
    """Handle one invocation, from `next` to its answer; return False when the environment is shut down."""
    invocation = api.next()
    if invocation is None:
        return False
    headers, body = invocation
    path = f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}"
    ENVIRONMENT["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
    try:
        answer = handler(json.loads(body), Context(headers))
    except Exception as error:  # noqa: BLE001 - whatever the handler raises is the invocation's error
        api.post_error(f"{path}/error", error)
        return True
    try:
        encoded = json.dumps(answer).encode()
    except (TypeError, ValueError) as error:
        api.post_error(f"{path}/error", error, "Runtime.MarshalError")
        return True
    api.post(f"{path}/response", encoded)
    return True


def main(handler_name: str) -> int:
    """Load the handler and serve it until the environment is shut down; return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    api = RuntimeApi(ENVIRONMENT["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(handler_name)
    except Exception as error:  # noqa: BLE001 - whatever loading raises is why it cannot start
        kinds = {ImportError: "Runtime.ImportModuleError", SyntaxError: "Runtime.UserCodeSyntaxError"}
        kind = next((kind for parent, kind in kinds.items() if isinstance(error, parent)), None)
        api.post_error("init/error", error, kind)
        return 1
    while run_one(api, handler):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
