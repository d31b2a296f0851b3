"""Run pytest as `make test` does: at once on each core up to four, with the words of ARGS behind that.

`ARGS="-n0 -k 'one or other'"` is split as a shell splits it, and nothing of it is run.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

AT_ONCE = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]


def command(environ: Mapping[str, str]) -> list[str]:
    """Return pytest's command line. Raises ValueError for a quote that is not closed."""
    return [sys.executable, "-m", "pytest", *AT_ONCE, *shlex.split(environ.get("ARGS", ""))]


if __name__ == "__main__":
    try:
        words = command(os.environ)
    except ValueError as error:
        sys.exit(f"error: ARGS: {error}: {os.environ['ARGS']}")
    os.execv(words[0], words)  # noqa: S606 - pytest, in place of this process: Ctrl-C is its alone
