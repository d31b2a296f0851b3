"""A handler that does what it is told, in processes as on Lambda."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threeways.emulator.function import LocalFunction, Runtime
from threeways.emulator.function.config import FunctionConfig

AVAILABLE = [Runtime.STAND_IN] if Runtime.available() is Runtime.STAND_IN else list(Runtime)


HANDLER = """
import json, os, signal, subprocess, sys, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    what = event.get("do")
    if what == "raise":
        raise KeyError("no such ride")
    if what == "sleep":
        time.sleep(event["seconds"])
    if what == "exit":
        os._exit(event["status"])
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "unmarshallable":
        return {1, 2}
    if what == "large":
        return "x" * event["size"]
    if what == "print":
        print(json.dumps({"said": event["text"]}))
        print("to stderr", file=sys.stderr)
    if what == "child":
        return subprocess.Popen(["sleep", "600"], start_new_session=False).pid
    return {
        "calls": calls,
        "pid": os.getpid(),
        "session": os.getsid(0),
        "environ": dict(os.environ),
        "left": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "event": event,
    }
"""


type Make = Callable[..., LocalFunction]


@pytest.fixture(params=AVAILABLE)
def make(request: pytest.FixtureRequest, function_config: Callable[..., FunctionConfig]) -> Iterator[Make]:
    made: list[LocalFunction] = []

    def start(code: str = HANDLER, *, timeout: float = 10.0, **more: Any) -> LocalFunction:
        config = function_config(code, timeout=timeout)
        made.append(LocalFunction(config, environment={"GIVEN": "yes"}, runtime=request.param, **more))
        return made[-1]

    yield start
    for function in made:
        function.close()


def call(function: LocalFunction, **event: Any) -> Any:
    result = function.invoke(json.dumps(event).encode())
    assert result.error is None, result.error
    return json.loads(result.payload or b"")


def error_of(function: LocalFunction, **event: Any) -> tuple[str, str]:
    result = function.invoke(json.dumps(event).encode())
    assert result.payload is None
    assert result.error is not None
    return result.error.type, result.error.message
