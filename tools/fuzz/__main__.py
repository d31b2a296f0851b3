"""Attack what a stranger's bytes reach: `python -m tools.fuzz --seconds 180 --seed 1 [FORMAT …]`.

Exit status 1 where an attempt crashed, hung, took too much memory, or ended in an error of another kind. Each
fault is printed with the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys

from . import runner
from .formats import FORMATS


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument(
        "formats", nargs="*", choices=[[], *FORMATS], help="which formats; all of them if none"
    )
    parser.add_argument("--seconds", type=float, default=180, help="how long, for all formats together")
    parser.add_argument("--seed", type=int, default=1, help="the first attempt's seed")
    parser.add_argument("--attempts", type=int, help="how many attempts a format, at most")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    chosen = asked.formats or list(FORMATS)
    if asked.worker:
        runner.work(FORMATS[chosen[0]](), asked.seed)
        return 0
    faults = 0
    for name in chosen:
        found = runner.run(name, asked.seconds / len(chosen), asked.seed, asked.attempts)
        print(found)
        faults += len(found.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
