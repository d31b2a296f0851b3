"""Read single keys of a terminal while something else is shown on it."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.1


@contextmanager
def keys(
    pressed: Callable[[str], None],
    terminal: int | None = None,
    *,
    started: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Call `pressed` with each key, from a thread; where there is no terminal to read from, with none.

    terminal: its file descriptor, standard input's if None. started: is called where keys are read. Ctrl-C
    stays what it is.
    """
    descriptor = _standard_input() if terminal is None else terminal
    if descriptor is None or not os.isatty(descriptor) or _in_background(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            if select.select([descriptor], [], [], LOOK_SECONDS)[0]:
                found = os.read(descriptor, 1)
                if not found:
                    return
                pressed(found.decode(errors="replace"))

    reader = threading.Thread(target=read, name="keys", daemon=True)
    try:
        tty.setcbreak(descriptor)
        started()
        reader.start()
        yield
    finally:
        ended.set()
        if reader.ident is not None:
            reader.join()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _in_background(descriptor: int) -> bool:
    """Return whether the shell has put this process aside, which a read would then stop."""
    try:
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    except OSError:  # it is not the terminal that this process was started from
        return False


def _standard_input() -> int | None:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or a test's own
        return None
