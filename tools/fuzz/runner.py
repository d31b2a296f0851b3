"""Make attempts in a process of their own, so that a crash, a hang or too much memory is found as that."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

MEMORY_BYTES = 2**30
"""What all attempts together may add to the process's address space."""
HANG_SECONDS, STUCK_SECONDS = 10.0, 60.0
"""A hang: so much of the processor's time, or so long altogether, which a busy machine may make of less."""
START_SECONDS = 120.0
THREADS = 64


@dataclass
class Found:
    """What came of a format's attempts."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __str__(self) -> str:
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.most_common())
        head = (
            f"{self.name}: {self.outcomes.total():,} attempts ({told}), the slowest {self.slowest:.1f} s, "
            f"{len(self.faults)} faults"
        )
        return "\n".join([head, *self.faults])


def work(attempt: Callable[[int], str], seed: int) -> None:
    """Make attempts from a seed on, until the process is ended; tell of each on standard output."""
    attempt(seed)  # imports and fits what it needs
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, hard))
    while True:
        print(f"begun {seed}", flush=True)
        try:
            outcome = attempt(seed)
            if len(list(Path("/proc/self/task").iterdir())) > THREADS:
                outcome = "FAULT more than 64 threads"
        except BaseException as error:  # noqa: BLE001  (that is what is looked for)
            outcome = f"FAULT {error!r:.300}".replace("\n", " ")
        print(f"ended {outcome}", flush=True)
        seed += 1


def run(name: str, seconds: float, seed: int, attempts: int | None = None) -> Found:
    """Make attempts for some seconds, in a worker that is replaced where it ends or hangs."""
    found, end = Found(name), time.monotonic() + seconds
    while time.monotonic() < end and (attempts is None or found.outcomes.total() < attempts):
        seed = _follow(found, seed, end, attempts)
    return found


def _follow(found: Found, seed: int, end: float, attempts: int | None) -> int:
    """Follow one worker, and return the seed to go on with."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tools.fuzz",
        found.name,
        "--worker",
        "--seed",
        str(seed),
    ]
    worker = subprocess.Popen(  # noqa: S603  (this program again)
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "2", **_perturbed(found.name)},
    )  # fmt: skip
    lines: Queue[str | None] = Queue()
    threading.Thread(target=_read, args=(worker, lines), daemon=True).start()
    began, patience, used = time.monotonic(), START_SECONDS, 0.0
    try:
        while time.monotonic() < end and (attempts is None or found.outcomes.total() < attempts):
            try:
                line = lines.get(timeout=patience)
            except Empty:
                waited = time.monotonic() - began
                if patience == HANG_SECONDS and waited < STUCK_SECONDS:
                    if (spent := _seconds_of(worker.pid) - used) < HANG_SECONDS:
                        continue
                    return fault(found, seed, f"takes {spent:.0f} s of the processor")
                return fault(found, seed, f"hangs for {waited:.0f} s")
            if line is None:
                return fault(found, seed, f"ends the process with {worker.wait()}")
            word, _, rest = line.strip().partition(" ")
            if word == "begun":
                seed, began, patience = int(rest), time.monotonic(), HANG_SECONDS
                used = _seconds_of(worker.pid)
            elif word == "ended":
                found.slowest = max(found.slowest, time.monotonic() - began)
                if rest.startswith("FAULT"):
                    fault(found, seed, rest.removeprefix("FAULT "))
                else:
                    found.outcomes[rest] += 1
    finally:
        worker.kill()
        worker.wait()
    return seed + 1


def _seconds_of(pid: int) -> float:
    """Return the processor's time that a process has taken: proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _perturbed(name: str) -> dict[str, str]:
    """Fill freed memory for scikit-learn's own code, so that an answer made of it shows: mallopt(3).

    It makes a large match of a regular expression, as the check of graphs does, ten times as long.
    """
    return {"MALLOC_PERTURB_": "85"} if name.startswith("skops") else {}


def _read(worker: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    for line in worker.stdout or ():
        lines.put(line)
    lines.put(None)


def fault(found: Found, seed: int, what: str) -> int:
    """Note a fault, and return the seed after its own."""
    found.outcomes["fault"] += 1
    found.faults.append(
        f"  seed {seed}: {what}\n    python -m tools.fuzz {found.name} --attempts 1 --seed {seed}"
    )
    return seed + 1
