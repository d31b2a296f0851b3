"""Run a Python program that dies with the process that started it, even if that is SIGKILLed.

Run by its path, `python -P launch.py FD WHAT ARGUMENTS…`, with only the standard library, so that it adds
nothing to a function's cold start or to its `sys.path`. FD is the read end of a pipe whose write end only the
parent holds: when the kernel closes that, reading returns end of file, on Linux and macOS alike.
WHAT is a module's name, or the path of a file that ends in `.py`.
"""

import os
import runpy
import signal
import sys
import threading


def die_with(descriptor: int) -> None:
    """Kill this process, and its group if it leads one, once `descriptor` reaches end of file."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass  # nothing is written to it; only its end matters
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main() -> None:
    """Watch the pipe and run the program."""
    die_with(int(sys.argv[1]))
    what = sys.argv[2]
    del sys.argv[1:3]
    if what.endswith(".py"):
        sys.argv[0] = what
        runpy.run_path(what, run_name="__main__")
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
