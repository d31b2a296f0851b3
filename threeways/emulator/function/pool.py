"""A Lambda function on this machine: execution environments, started on demand and kept warm."""

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
"""Seconds between SIGTERM and SIGKILL: Lambda's longest shutdown phase."""

PROCESSES = 10
"""Execution environments at once where no concurrency is reserved: more than one machine has cores for."""


class LocalFunction:
    """Invoke it like Lambda, from any number of threads. A context manager: its processes end with it.

    config: as `template.load` reads it. environment: variables for the processes besides the function's own;
    `Emulator.environment()` keeps them off all real accounts.
    concurrency: the function's reserved concurrency: execution environments at most, each its own process,
    beyond which an invocation is throttled. None: nothing is throttled, as in an account with room for all
    lanes of all shards (1,000 by default); an invocation waits where PROCESSES are busy.
    on_log: gets each line that the function prints, without its end, from a thread.
    runtime: None takes AWS's runtime interface client where it is installed.
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
        self._config = config
        self._given = dict(environment)
        self._concurrency = concurrency
        self._on_log = on_log or _ignore
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
        """Start one environment ahead of traffic, as provisioned concurrency. Why it cannot, or None."""
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
        """One synchronous invocation with a JSON payload; what goes wrong in the function is in the result.

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
                return self._idle.pop()  # the warmest one
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
        """The processes that run now."""
        with self._lock:
            return [pid for environment in self._all if (pid := environment.pid) is not None]

    def strike(self) -> int:
        """SIGKILL to all processes that run now, as when their host dies. How many there were."""
        with self._lock:
            environments = list(self._all)
        return sum(environment.strike() for environment in environments)

    def close(self) -> None:
        """SIGTERM to all processes, SIGKILL after 2 s; every printed line is delivered. Idempotent."""
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


def _ignore(_: str) -> None:
    """The log of a function whose owner does not read it."""
