"""Kinesis, DynamoDB, S3, SQS and SNS on 127.0.0.1: a patched moto server, a process on a free port."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from threading import Lock

import threeways
from threeways.emulator.child import Child, bare_environment
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.moto_patch import ITERATOR_SECONDS
from threeways.errors import LocalError

ACCOUNT = "123456789012"
"""The account in moto's ARNs, as in AWS's own examples."""


class Emulator(Endpoint):
    """The emulator's process, a context manager; it dies with this process, whatever happens to that.

    region: what clients sign for. log: the file for moto's output, which is empty unless something fails.
    shard_limits: a shard takes 1,000 records and 1 MB a second and refuses more, as on AWS.
    iterator_seconds: the lifetime of a shard iterator, by default as on AWS.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        log: Path | None = None,
        shard_limits: bool = False,
        iterator_seconds: float = ITERATOR_SECONDS,
    ) -> None:
        super().__init__(region)
        self._arguments = [f"--iterator-seconds={iterator_seconds:g}"]
        self._arguments += ["--shard-limits"] if shard_limits else []
        self._log = log
        self._child: Child | None = None
        self._port = 0
        self._end: str | None = None
        self._ending = Lock()

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers. Raises LocalError if it cannot start."""
        self._end = None
        if self._child is not None:
            raise LocalError("the emulator runs already: start another Emulator for a second one")
        environment = bare_environment() | {"PYTHONPATH": str(Path(threeways.__file__).parents[1])}
        with Path(self._log or os.devnull).open("ab") as stderr:
            self._child = Child("threeways.emulator.moto_server", self._arguments, environment, stderr=stderr)
        try:
            self._port = self._announced(timeout)
        except BaseException:
            self.close()
            raise

    def _announced(self, timeout: float) -> int:
        child = self._running()
        ready, _, _ = select.select([child.output], [], [], timeout)
        said = (
            json.loads(child.output.readline() or "{}") if ready else {"error": f"no answer in {timeout:g} s"}
        )
        if "port" not in said:
            raise LocalError(
                f"the emulator did not start: {said.get('error', 'it ended at once')}{self._where()}"
            )
        return int(said["port"])

    def _where(self) -> str:
        return f"; its log is {self._log}" if self._log else ""

    def ended(self) -> str | None:
        """Return why it ended by itself or was killed by others; None while it runs, or after `close`."""
        child = self._child
        if child is None or child.exit_status is None:
            return None
        with self._ending:
            if self._end is None:
                reason = json.loads(child.output.readline() or "{}").get("error")
                why = f"{reason or _described(child.exit_status)}{self._where()}; run it again"
                self._end = f"the emulator ended, and what it held is gone with it: {why}"
            return self._end

    def close(self) -> None:
        """Stop it; everything stored is lost. Idempotent."""
        child, self._child = self._child, None
        self.close_clients()
        if child is not None:
            child.kill()
            child.output.close()

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self._running().pid

    @property
    def endpoint_url(self) -> str:
        """Its address, `http://127.0.0.1:port`."""
        self._running()
        return f"http://127.0.0.1:{self._port}"

    def _running(self) -> Child:
        if self._child is None:
            raise LocalError("the emulator is not running: use it as `with Emulator() as emulator:`")
        return self._child


def _described(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return (signal.strsignal(-status) or f"signal {-status}").lower()
