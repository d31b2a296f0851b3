"""An execution environment: initialised once, reused, and reset after a timeout or a crash.

docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from threeways.aws.invocation import TIMED_OUT, FunctionError, InvocationResult
from threeways.emulator.function.config import FunctionConfig, variables
from threeways.emulator.function.exchange import Invocation
from threeways.emulator.function.process import Runtime, RuntimeProcess

INIT_LIMIT = 10.0
"""Seconds for the first initialisation; after a failure it is repeated within the function's timeout."""
PROVISIONED_INIT_LIMIT = 130.0
"""The minimum limit in seconds on initialising for provisioned concurrency."""


@dataclass(frozen=True, slots=True)
class _Init:
    error: FunctionError | None
    seconds: float


@dataclass(eq=False)
class ExecutionEnvironment:
    """One environment, for one invocation at a time; `sigkill`, `terminate` and `close` are thread-safe.

    given: the emulator's variables. on_log: called with each line that the function prints.
    """

    config: FunctionConfig
    given: Mapping[str, str]
    runtime: Runtime
    on_log: Callable[[str], None]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _process: RuntimeProcess | None = None
    _fresh: bool = True
    _closed: bool = False
    _lock: Lock = field(default_factory=Lock)

    @property
    def pid(self) -> int | None:
        """Its process's id, while one runs."""
        process = self._process
        return process.pid if process and process.alive else None

    def warm(self) -> FunctionError | None:
        """Initialise as for provisioned concurrency, with a longer limit; return the error, if any."""
        self._fresh = False
        return self._initialise(max(PROVISIONED_INIT_LIMIT, self.config.timeout)).error

    def invoke(self, request_id: str, payload: bytes) -> InvocationResult:
        """Run one invocation, after initialising if no process is ready."""
        budget = self.config.timeout
        init_seconds: float | None = None
        if self._process is None or not self._process.waiting:
            first, budget = self._prepare(budget)
            init_seconds = first.seconds
            if first.error is not None:
                return self._result(request_id, first.error, init_seconds, 0.0)
        started = time.monotonic()
        reply = self._run(request_id, payload, budget)
        return self._result(request_id, reply, init_seconds, time.monotonic() - started)

    def _prepare(self, budget: float) -> tuple[_Init, float]:
        """Initialise; return the result and the rest of the function's timeout, which a repetition uses."""
        spent = 0.0
        if self._fresh:
            self._fresh = False
            init = self._initialise(INIT_LIMIT)
            if init.error is None:
                return init, budget
            spent = init.seconds
        init = self._initialise(budget)
        return _Init(init.error, spent + init.seconds), budget - init.seconds

    def _initialise(self, limit: float) -> _Init:
        started = time.monotonic()
        self._reset()
        process = self._start()
        shut_down = FunctionError(TIMED_OUT, "Error: it was shut down")
        outcome = process.exchange.wait_ready(limit) if process else shut_down
        seconds = time.monotonic() - started
        if outcome is None:
            return _Init(None, seconds)
        self._reset()
        timed_out = FunctionError(TIMED_OUT, f"Error: Init timed out after {limit:.2f} seconds")
        return _Init(outcome or timed_out, seconds)

    def _start(self) -> RuntimeProcess | None:
        with self._lock:
            if self._closed:
                return None
            environment = variables(self.config, self.given, self.id)
            self._process = RuntimeProcess(self.runtime, self.config, environment, self.on_log)
            return self._process

    def _run(self, request_id: str, payload: bytes, budget: float) -> bytes | FunctionError:
        process = self._process
        if process is None:
            return FunctionError(TIMED_OUT, f"RequestId: {request_id} Error: it was shut down")
        invocation = Invocation(request_id, payload, time.time() + budget, self.config.arn)
        reply = process.exchange.run(invocation, budget)
        if reply is None or not process.waiting:
            self._reset()
        if reply is None:
            text = f"RequestId: {request_id} Error: Task timed out after {self.config.timeout:.2f} seconds"
            return FunctionError(TIMED_OUT, text)
        return reply

    def _result(
        self, request_id: str, reply: bytes | FunctionError, init_seconds: float | None, seconds: float
    ) -> InvocationResult:
        return InvocationResult(
            payload=reply if isinstance(reply, bytes) else None,
            error=reply if isinstance(reply, FunctionError) else None,
            cold=init_seconds is not None,
            init_seconds=init_seconds,
            seconds=seconds,
            environment_id=self.id,
            request_id=request_id,
        )

    def _reset(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()

    def sigkill(self) -> bool:
        """Kill its process with SIGKILL, from any thread; return whether there was one."""
        process = self._process
        return process is not None and process.sigkill()

    def terminate(self) -> None:
        """Begin to shut down: send SIGTERM and start no new process."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.terminate()

    def close(self, grace: float) -> None:
        """End the process, by SIGKILL after `grace` seconds. Idempotent."""
        self.terminate()
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill(grace)
