"""Allow one training at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(file: Path, when_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on `file`; call `when_waiting` before waiting for another process.

    The operating system releases it when the process ends, for whatever reason.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
