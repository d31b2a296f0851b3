"""What the commands share: a Ctrl-C that lets them finish, and a folder of its own for each run."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts."""
    stopping = threading.Event()

    def stop(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's form
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stopping.set()

    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def new_folder(parent: Path) -> Path:
    """A folder of its own for a run or a replay, named for the time."""
    folder = parent / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"  # noqa: DTZ005 - a name
    folder.mkdir(parents=True)
    return folder
