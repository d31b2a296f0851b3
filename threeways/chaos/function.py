"""The function behind a faulty proxy, started however often it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.chaos.promoter import Invocations
from threeways.emulator.faults import FaultProxy, Schedule
from threeways.emulator.function import LocalFunction
from threeways.emulator.function.config import FunctionConfig

CONCURRENCY = 2
"""Fewer than shards at times, so that Lambda throttles; and two cores have no use for more."""
TIMEOUT = 10.0
"""Seconds instead of the template's, so that the deadline is met often."""
STARTS = 20
"""How often it is started at most before the events come: reads of the model meet faults too."""

_NO_FAULTS = {"SettingsError", "ArtifactMismatch", "ArtifactUnsupported", "ArtifactUntrusted"}
"""What ends a start and is none of the schedule's doing: trying again would change nothing."""


class FaultyFunction(LocalFunction):
    """A function all of whose calls to AWS go through a `FaultProxy`.

    environment: leads to the emulator. proxy: on the way there. killed: how many of its processes a fault has
    killed. invocations: the records of each. tell: gets a line where it does not start at once.
    timeout: the function's, in seconds.
    """

    def __init__(
        self,
        config: FunctionConfig,
        environment: Mapping[str, str],
        on_log: Callable[[str], None],
        schedule: Schedule,
        tell: Callable[[str], None],
        timeout: float = TIMEOUT,
    ) -> None:
        self.proxy = FaultProxy(environment["AWS_ENDPOINT_URL"], schedule, self._kill)
        super().__init__(
            replace(config, timeout=timeout),
            environment={**environment, "AWS_ENDPOINT_URL": self.proxy.endpoint_url},
            concurrency=CONCURRENCY,
            on_log=on_log,
        )
        self._tell = tell
        self.killed = 0
        self.invocations = Invocations()

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return super().__enter__()

    def close(self) -> None:
        """End the function's processes, then the proxy. Idempotent."""
        super().close()
        self.proxy.__exit__()

    def warm(self) -> FunctionError | None:
        """As `LocalFunction.warm`, again where a fault has stopped it."""
        fault = super().warm()
        for _ in range(STARTS - 1):
            if fault is None or fault.type in _NO_FAULTS:
                break
            self._tell(f"The function did not start, which is one of the faults: {fault.message}")
            fault = super().warm()
        return fault

    def invoke(self, payload: bytes) -> InvocationResult:
        """As `LocalFunction.invoke`; `invocations` knows the records."""
        self.invocations.add(payload)
        return super().invoke(payload)

    def _kill(self) -> None:
        """Kill whoever called: all of its processes, since the proxy cannot tell which."""
        self.killed += self.sigkill()
