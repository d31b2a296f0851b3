"""One runtime process: an interpreter with the handler, connected to the runtime API."""

from __future__ import annotations

import importlib.util
import logging
import signal
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from threading import Thread

from threeways.emulator.child import Child
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.function.exchange import Exchange
from threeways.emulator.function.log import LogReader
from threeways.emulator.function.memory import MemoryLimit
from threeways.emulator.function.runtime_api import RuntimeApi

STAND_IN = Path(__file__).with_name("runtime_client.py")


class Runtime(StrEnum):
    """The runtime API's client in the process."""

    AWS = "awslambdaric"
    STAND_IN = "stand-in"

    @classmethod
    def available(cls) -> Runtime:
        """Return AWS's runtime interface client, or the stand-in where its extension has no wheel (macOS)."""
        found = all(importlib.util.find_spec(name) for name in ("awslambdaric", "runtime_client"))
        return cls.AWS if found else cls.STAND_IN


class RuntimeProcess:
    """A started process. exchange: with it. on_log: called from a thread with each line that it prints."""

    def __init__(
        self,
        runtime: Runtime,
        config: FunctionConfig,
        environment: Mapping[str, str],
        on_log: Callable[[str], None],
    ) -> None:
        self.exchange = Exchange()
        self._api = RuntimeApi(self.exchange)
        self._on_log = on_log
        variables = {**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address}
        what = "awslambdaric" if runtime is Runtime.AWS else str(STAND_IN)
        try:
            self._child = Child(what, [config.handler], variables, cwd=config.root)
        except BaseException:
            self._api.close()
            raise
        self._limit = MemoryLimit(self._child, config.memory, self._log_line)
        self._log = LogReader(self._child.output, self._log_line, f"log-{self.pid}")
        self._threads = [
            Thread(target=work, name=f"{name}-{self.pid}", daemon=True)
            for name, work in (("exit", self._watch), ("memory", self._limit.run))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def waiting(self) -> bool:
        """Whether it is ready for another invocation."""
        return self.exchange.waiting and self.alive

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as known."""
        return self._child.exit_status is None

    def sigkill(self) -> bool:
        """Kill it with SIGKILL; return whether it was running."""
        if not self.alive:
            return False
        self._child.sigkill()
        return True

    def terminate(self) -> None:
        """Ask it to end; `kill` enforces it."""
        self.exchange.ended("Runtime exited: the execution environment was shut down")
        self._child.terminate()

    def kill(self, grace: float = 0.0) -> None:
        """Kill it if it does not end within `grace` seconds, and deliver its last lines. Idempotent.

        A process that it left behind in another session lives on (see `child.py`); its output is not waited
        for.
        """
        if grace:
            self._child.wait(grace)
        self._child.kill()
        self._log.finish(patience=5)
        for thread in self._threads:
            thread.join(5)
        self._api.close()

    def _watch(self) -> None:
        status = self._child.wait()
        self._limit.over.set()
        self.exchange.ended(_describe(status))

    def _log_line(self, line: str) -> None:
        try:
            self._on_log(line)
        except Exception:
            logging.getLogger(__name__).exception("on_log raised on a line of the function's log")


def _describe(status: int | None) -> str:
    """Describe an exit status as Lambda does.

    docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
    """
    if not status:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = (signal.strsignal(-status) or str(-status)).lower()
    return f"Runtime exited with error: signal: {name}"
