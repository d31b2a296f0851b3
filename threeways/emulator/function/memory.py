"""Enforce the function's MemorySize: a process that uses more is killed, as Lambda kills it.

docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. Lambda's sandbox has that much memory and no
more; the invocation ends with Runtime.ExitError, 'signal: killed'. Here the process's anonymous and shared
memory is polled every 20 ms (only on Linux, from /proc); pages of mapped files do not count, as the system
can drop them. Shorter peaks are missed, and so is the memory of its child processes. RLIMIT_AS would not do:
it counts address space, most of which libraries reserve and never touch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from threeways.emulator.child import Child

LOOK_SECONDS = 0.02
_COUNTED = ("RssAnon:", "RssShmem:")


@dataclass
class MemoryLimit:
    """Kills a process that uses more than `limit` MB. report: called with a log line about it.

    over: to be set when the process has ended.
    """

    child: Child
    limit: int
    report: Callable[[str], None]
    over: Event = field(default_factory=Event)

    def run(self) -> None:
        """Poll until the process ends or `over` is set; return at once where there is no /proc."""
        status = Path(f"/proc/{self.child.pid}/status")
        while not self.over.wait(LOOK_SECONDS) and (held := held_memory(status)) is not None:
            if held > self.limit and self.child.exit_status is None:
                self.child.sigkill()
                self.report(f"Memory Size: {self.limit} MB Max Memory Used: {held:.0f} MB: killed")
                return


def held_memory(status: Path) -> float | None:
    """Return the MB that a process uses, from its /proc status; None without that file."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith(_COUNTED)) / 1024
