"""A Lambda function on this machine: a pool of execution environments, started on demand and reused."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from threading import Condition
from typing import Self

from threeways.aws.invocation import (
    REQUEST_LIMIT,
    REQUEST_TOO_LARGE,
    THROTTLED,
    FunctionError,
    InvocationResult,
)
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.function.environment import ExecutionEnvironment
from threeways.emulator.function.process import Runtime
from threeways.errors import LocalError

SHUTDOWN_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL: the limit of Lambda's shutdown phase."""

PROCESSES = 10
"""The limit on execution environments without reserved concurrency: more than the machine has cores."""


class LocalFunction:
    """A function that is invoked as on Lambda, thread-safe. A context manager that ends its processes.

    config: as `template.load` reads it. environment: variables for the processes in addition to the
    function's; `Emulator.environment()` keeps them off real accounts. concurrency: the function's reserved
    concurrency, the limit on execution environments, each its own process; further invocations are throttled.
    None: nothing is throttled, as in an account with room for all lanes of all shards (1,000 by default); an
    invocation waits while PROCESSES are busy. on_log: called from a thread with each line that the function
    prints, without its end. runtime: None uses AWS's runtime interface client if it is installed.
    """

    def __init__(
        self,
        config: FunctionConfig,
        *,
        environment: Mapping[str, str],
        concurrency: int | None = None,
        on_log: Callable[[str], None] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        if concurrency is not None and concurrency < 1:
            raise LocalError(f"the function's concurrency is {concurrency}: give it 1 or more")
        if not config.root.is_dir():
            raise LocalError(f"the function's code is to be in {config.root}, which is no folder")
        self._config, self._given, self._concurrency = config, dict(environment), concurrency
        self._on_log = on_log or (lambda _line: None)
        self._runtime = runtime or Runtime.available()
        self._idle: list[ExecutionEnvironment] = []
        self._all: list[ExecutionEnvironment] = []
        self._closed = False
        self._lock = Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return self._config.arn

    def warm(self) -> FunctionError | None:
        """Start one environment ahead of traffic, like provisioned concurrency; return the error, if any."""
        environment = self._acquire(new=True)
        if environment is None:
            return _throttle()
        fault = environment.warm()
        if fault is None:
            self._release(environment)
            return None
        with self._lock:
            self._all.remove(environment)
            self._lock.notify()
        environment.close(0)
        return fault

    def invoke(self, payload: bytes) -> InvocationResult:
        """Run one synchronous invocation with a JSON payload; the function's errors are in the result.

        docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. Raises LocalError once closed.
        """
        request_id = str(uuid.uuid4())
        if len(payload) > REQUEST_LIMIT:
            text = f"Request must be smaller than {REQUEST_LIMIT} bytes for the InvokeFunction operation"
            return InvocationResult(error=FunctionError(REQUEST_TOO_LARGE, text), request_id=request_id)
        environment = self._acquire()
        if environment is None:
            return InvocationResult(error=_throttle(), request_id=request_id)
        try:
            return environment.invoke(request_id, payload)
        finally:
            self._release(environment)

    def _acquire(self, *, new: bool = False) -> ExecutionEnvironment | None:
        with self._lock:
            if self._concurrency is None:
                self._lock.wait_for(lambda: self._closed or self._idle or len(self._all) < PROCESSES)
            if self._closed:
                raise LocalError("the function is closed: make another LocalFunction")
            if self._idle and not new:
                return self._idle.pop()  # the one used last
            if len(self._all) >= (self._concurrency or PROCESSES):
                return None
            environment = ExecutionEnvironment(self._config, self._given, self._runtime, self._on_log)
            self._all.append(environment)
            return environment

    def _release(self, environment: ExecutionEnvironment) -> None:
        with self._lock:
            self._idle.append(environment)
            self._lock.notify()

    def pids(self) -> list[int]:
        """Return the ids of the running processes."""
        with self._lock:
            return [pid for environment in self._all if (pid := environment.pid) is not None]

    def sigkill(self) -> int:
        """Kill all running processes with SIGKILL, as when their host fails; return how many there were."""
        with self._lock:
            environments = list(self._all)
        return sum(environment.sigkill() for environment in environments)

    def close(self) -> None:
        """Send SIGTERM to all processes, SIGKILL after 2 s; every printed line is delivered. Idempotent."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
            environments = list(self._all)
        for environment in environments:
            environment.terminate()
        for environment in environments:
            environment.close(SHUTDOWN_GRACE)


def _throttle() -> FunctionError:
    return FunctionError(THROTTLED, "Rate Exceeded.")
