"""Run a child process in its own session, out of reach of Ctrl-C, that never outlives its parent.

Its descendants are killed with it, by process group. A grandchild that has made a group or a session of its
own (`start_new_session=True`, `setsid`, a daemon) is not: it lives until it ends by itself, where Lambda
would freeze it, and later end it, with its whole sandbox.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO

from threeways.settings import inherited_environment

LAUNCHER = Path(__file__).with_name("launch.py")
_KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def bare_environment() -> dict[str, str]:
    """Return the variables that an interpreter needs, without AWS accounts, profiles or proxies."""
    kept = {name: value for name, value in inherited_environment().items() if name in _KEPT}
    return {"LANG": "en_US.UTF-8", "PYTHONUTF8": "1", **kept}


class Child:
    """A Python program, run through `launch.py` with exactly the given environment.

    what: a module's name or a file's path. stderr: as for `subprocess.Popen`. Its standard output is a pipe.
    python: the interpreter of another environment, to run it in that.
    """

    def __init__(
        self,
        what: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stderr: IO[bytes] | int = subprocess.STDOUT,
        python: str = sys.executable,
    ) -> None:
        read_end, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and launcher
                [python, "-P", str(LAUNCHER), str(read_end), what, *arguments],
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=(read_end,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read_end)
        self._closing = Lock()
        self._closed = False

    @property
    def pid(self) -> int:
        """The process's id, which is also its group's."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes]:
        """Its standard output (and standard error, unless separated)."""
        if self._process.stdout is None:
            raise ValueError("the process has no output pipe")
        return self._process.stdout

    @property
    def exit_status(self) -> int | None:
        """The exit status, None while it runs; negative: the number of the signal that ended it."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return its exit status, or None if it still runs after `timeout` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def terminate(self) -> None:
        """Send SIGTERM to its group, as Lambda's shutdown phase does."""
        self._signal(signal.SIGTERM)

    def sigkill(self) -> None:
        """Send SIGKILL to its group without reaping it, so that a waiting thread sees its exit status."""
        self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """Send SIGKILL to its group, descendants included, and reap the process. Idempotent."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        with self._closing:
            if not self._closed:
                self._closed = True
                os.close(self._lifeline)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.pid, number)
