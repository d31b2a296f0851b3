"""The service under all attacks at once: its memory is bounded, and others are answered within a second."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from doubles import ride
from small_training import Training
from test_web_limits import BATCH, GET, head
from test_web_process import client_of, process
from web_lab import JSON

MOST_MB = 256
"""Of the whole process: interpreter, libraries and model are 108 of it."""
SECONDS = 15
MILLIONS = b"[" + b",".join([b"1"] * (4 * 2**20 - 1)) + b"]"
CHUNKED = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
)

type Act = Callable[[socket.socket], object]


def send(sent: bytes, then: float = SECONDS) -> Act:
    """Send it, and hold the connection without reading."""

    def act(connection: socket.socket) -> None:
        connection.sendall(sent)
        time.sleep(then)

    return act


def send_on(begin: bytes, block: bytes, pause: float = 0.0) -> Act:
    """Send without an end."""

    def act(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(block)
            time.sleep(pause)

    return act


ATTACKS: dict[str, tuple[int, Act]] = {
    "millions of numbers": (2, send(head("/predict/batch", len(MILLIONS)) + MILLIONS, 0.3)),
    "unfinished bodies": (60, send(head("/predict/batch", 8 * 2**20) + MILLIONS[: 8 * 2**20 - 9], 5)),
    "slow bodies": (200, send_on(head("/predict/batch", 8 * 2**20) + b"[" + b"1," * 30_000, b" " * 100, 0.5)),
    "small bodies": (200, send(head("/predict", 2**16) + b" " * 60_000, 5)),
    "many headers": (2, send(GET + b"".join(b"a%d: b\r\n" % n for n in range(200_000)), 0.3)),
    "header lines": (1, send_on(GET, b"a: b\r\n" * 20_000, 0.05)),
    "slow header lines": (100, send_on(GET, b"a: " + b"b" * 500 + b"\r\n", 0.2)),
    "one header": (1, send_on(GET + b"a: ", b"b" * 2**16, 0.05)),
    "a trailer": (1, send_on(CHUNKED + b"1\r\n[\r\n0\r\na: ", b"b" * 2**16, 0.05)),
    "requests at once": (20, send((b"GET /model HTTP/1.1\r\n\r\n" * 5_000), 1)),
    "answers not read": (100, send((head("/predict/batch", len(BATCH)) + BATCH) * 2)),
    "small answers not read": (50, send(b"GET /docs HTTP/1.1\r\n\r\n" * 30)),
}


def attack(port: int, act: Act, ends: float) -> None:
    """Begin again on a new connection whenever the service ends one."""
    while time.monotonic() < ends:
        with suppress(OSError), socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.settimeout(SECONDS)
            connection.connect(("127.0.0.1", port))
            act(connection)
        time.sleep(0.05)


def idle(port: int, many: int) -> list[socket.socket]:
    found = []
    for _ in range(many):
        with suppress(OSError):
            found.append(socket.create_connection(("127.0.0.1", port), timeout=5))
    return found


def attack_all(port: int) -> None:
    """What the attackers' own process does: `python test_web_under_attack.py PORT`."""
    os.nice(10)  # others' attackers have processors of their own
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ends = time.monotonic() + SECONDS
    threads = [
        threading.Thread(target=attack, args=(port, act, ends), daemon=True)
        for count, act in ATTACKS.values()
        for _ in range(count)
    ]
    held = idle(port, 4_010)
    for thread in threads:
        thread.start()
    while time.monotonic() < ends:
        time.sleep(0.1)
    print(len(held), "idle")  # noqa: T201 - keeps them open until now


def peak_mb(pid: int) -> float:
    """The most that a process has had in memory: man7.org, proc_pid_status(5)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def starved(pid: int) -> float:
    """The seconds that a process's threads have waited for a processor, which others had.

    docs.kernel.org/scheduler/sched-stats.html: the second number.
    """
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text(encoding="ascii").split()[1]) for file in files) / 1e9


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak, in /proc")
def test_under_all_attacks_at_once_its_memory_is_bounded_and_others_are_answered(
    training: Training, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with process(training, log) as running, client_of(log) as client:
        began = peak_mb(running.pid)
        command = [sys.executable, __file__, str(client.base_url.port)]
        slowest, statuses = 0.0, []
        with subprocess.Popen(command, env={"PYTHONPATH": ":".join(sys.path)}) as attackers:
            while attackers.poll() is None:
                with httpx.Client(base_url=client.base_url, trust_env=False, timeout=10) as new:
                    asked, waited = time.monotonic(), starved(running.pid)
                    assert new.get("/health").status_code == 200
                    took = time.monotonic() - asked
                    slowest = max(slowest, took - (starved(running.pid) - waited))
                    statuses.append(new.post("/predict", content=ride(), headers=JSON).status_code)
                time.sleep(0.1)
        assert attackers.returncode == 0
        memory = f"{began:.0f} MB at first, {peak_mb(running.pid):.0f} at most"
        print(f"{memory}; {slowest:.2f} s at most; {Counter(statuses)}")  # noqa: T201 - to be seen with -s
        assert peak_mb(running.pid) < MOST_MB
        assert slowest < 1
        assert statuses.count(200) > 0.9 * len(statuses)
        assert client.get("/ready").status_code == 200


if __name__ == "__main__":
    attack_all(int(sys.argv[1]))
