"""Run the built image as a function: a container with AWS's runtime interface emulator from its base image.

docs.aws.amazon.com/lambda/latest/dg/python-image.html (Test the image locally)
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from threeways.aws.invocation import EXITED, TIMED_OUT, FunctionError, InvocationResult
from threeways.docker import engine
from threeways.docker.relay import relay
from threeways.emulator.function.config import FunctionConfig
from threeways.errors import LocalError

LABEL = "three-ways.test-of"
READY_SECONDS = 60.0
PATH = "/2015-03-31/functions/function/invocations"
NO_RECORDS = b'{"Records": []}'
AS_LAMBDA = (
    *("--read-only", "--tmpfs", "/tmp:rw,mode=1777,size=512m"),  # noqa: S108 - the container's
    *("--user", "12345:12345", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
"""Lambda's file system is read-only except for /tmp, and its user is unknown to the image."""


@dataclass
class ContainerFunction:
    """A function with the interface of `LocalFunction`. A context manager that ends the container.

    environment: variables that direct it to an emulator on 127.0.0.1. on_log: called with each line of its
    log. The runtime interface emulator handles one invocation at a time; so does this.
    """

    config: FunctionConfig
    environment: Mapping[str, str]
    on_log: Callable[[str], None]
    image: str
    _exit: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _url: str = ""

    def __enter__(self) -> Self:
        """Start the container and wait until it listens. Raises LocalError, EngineError."""
        with contextlib.ExitStack() as starting:
            endpoint = starting.enter_context(relay(self.environment["AWS_ENDPOINT_URL"]))
            container = engine.docker(*self._command(endpoint))
            starting.callback(engine.docker, "rm", "--force", container)
            self._follow(container, starting)
            address = engine.docker("port", container, "8080/tcp").splitlines()[0]
            self._url = f"http://{address}{PATH}"
            self._wait(container)
            self._exit = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _command(self, endpoint: str) -> list[str]:
        config = self.config
        variables = {
            **self.environment,
            **config.environment,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{config.timeout:g}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
        }
        given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        where = f"--label {LABEL}={os.getpid()} --publish 127.0.0.1::8080 --memory {config.memory}m"
        return ["run", "--detach", *where.split(), *AS_LAMBDA, *given, self.image, config.handler]

    def _follow(self, container: str, starting: contextlib.ExitStack) -> None:
        """Pass the log on, line by line, until it ends."""
        log = subprocess.Popen(  # noqa: S603 - the user's docker
            ["docker", "logs", "--follow", container],  # noqa: S607
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

        def read() -> None:
            with log:
                for line in log.stdout or ():
                    self.on_log(line.rstrip("\n"))

        reader = threading.Thread(target=read, name="container-log", daemon=True)
        reader.start()
        starting.callback(reader.join, 5)
        starting.callback(engine.docker, "kill", container)  # ends the log; `rm` follows

    def _wait(self, container: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if engine.docker("inspect", "--format", "{{.State.Running}}", container) != "true":
                break
            with contextlib.suppress(OSError):
                with contextlib.suppress(urllib.error.HTTPError):  # it answers HTTP
                    urllib.request.urlopen(self._url.removesuffix(PATH), timeout=5).close()  # noqa: S310 - 127.0.0.1
                return
            time.sleep(0.05)
        said = "\n".join(engine.docker("logs", "--tail", "20", container).splitlines())
        raise LocalError(f"the container of {self.image} does not listen; the end of its log:\n{said}")

    def warm(self) -> FunctionError | None:
        """Load the handler by an event without records, as nothing else does; return the error, if any."""
        return self.invoke(NO_RECORDS).error

    def invoke(self, payload: bytes) -> InvocationResult:
        """Run one synchronous invocation; the function's errors are in the result."""
        request = urllib.request.Request(self._url, data=payload)  # noqa: S310 - 127.0.0.1
        began = time.monotonic()
        try:
            with self._lock, urllib.request.urlopen(request, timeout=self.config.timeout + 60) as answer:  # noqa: S310
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        except OSError as error:
            return InvocationResult(error=FunctionError(EXITED, f"the container does not answer: {error}"))
        fault = error_in(body)
        seconds = time.monotonic() - began
        return InvocationResult(payload=None if fault else body, error=fault, seconds=seconds)


def error_in(body: bytes) -> FunctionError | None:
    """Return the error in an answer, if any; unlike Lambda, the emulator sends no header for it.

    github.com/aws/aws-lambda-runtime-interface-emulator/issues/20 and /21
    """
    if body.startswith(b"Task timed out after"):
        return FunctionError(TIMED_OUT, body.decode())
    try:
        answer = json.loads(body)
    except ValueError:
        return FunctionError(EXITED, body[:500].decode(errors="replace") or "it ended without an answer")
    if isinstance(answer, dict) and "errorType" in answer:
        trace = tuple(str(frame) for frame in answer.get("stackTrace") or ())
        return FunctionError(str(answer["errorType"]), str(answer.get("errorMessage", "")), trace)
    return None


def remove_leftovers() -> None:
    """Remove containers of test runs that were killed."""
    listed = engine.docker(
        "ps", "--all", "--filter", f"label={LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}'
    )
    for line in listed.splitlines():
        container, _, pid = line.partition(" ")
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            engine.docker("rm", "--force", container)
