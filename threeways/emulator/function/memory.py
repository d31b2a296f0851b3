"""The function's MemorySize, kept: a process that holds more is killed, as Lambda kills it.

docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. Lambda's sandbox has that much memory and no
more; the invocation ends with Runtime.ExitError, 'signal: killed'. Here the process's own memory is looked at
every 20 ms (Linux alone, by /proc): what it allocated, not the pages of files that it maps, which the system
can drop. A peak that comes and goes in between is missed, and so is what the processes hold that it starts.
RLIMIT_AS would be no match: it counts address space, most of which libraries reserve and never touch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from threeways.emulator.child import Child

LOOK_SECONDS = 0.02
_COUNTED = ("RssAnon:", "RssShmem:")


class MemoryLimit:
    """Ends one process when it holds more than `limit` MB. tell: called with the line that says so."""

    def __init__(self, child: Child, limit: int, tell: Callable[[str], None]) -> None:
        self._child = child
        self._limit = limit
        self._tell = tell
        self._over = Event()

    def run(self) -> None:
        """Look until the process ends or `stop` is called; at once where the system does not tell."""
        status = Path(f"/proc/{self._child.pid}/status")
        while not self._over.wait(LOOK_SECONDS) and (held := held_memory(status)) is not None:
            if held > self._limit and self._child.exit_status is None:
                self._child.strike()
                self._tell(f"Memory Size: {self._limit} MB Max Memory Used: {held:.0f} MB: killed")
                return

    def stop(self) -> None:
        """The process has ended."""
        self._over.set()


def held_memory(status: Path) -> float | None:
    """MB that a process holds, by its /proc status; None where there is no such process, or no /proc."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith(_COUNTED)) / 1024
