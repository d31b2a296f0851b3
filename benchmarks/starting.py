"""What a cold start runs: `python starting.py MODULE EVENT` imports MODULE, whose `lambda_handler` answers.

HIDDEN names modules, with commas between them, that are to be as if they were not installed: what the image
that is measured has not. Prints `answered` when the first batch is, and then, for each line on its standard
input, handles that many more batches and prints the peak of its memory. Nothing here is imported that either
side would not import itself.
"""

import importlib
import json
import os
import sys

ANSWERED = "answered"


class Context:
    """The part of Lambda's context that a handler may look at."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name = "bench"
    memory_limit_in_mb = 1024

    def get_remaining_time_in_millis(self) -> int:
        """A minute, always."""
        return 60_000


class Hides:
    """An importer that finds nothing, and says so, for some names."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, name: str, *_: object) -> None:
        """None leaves the search to the others."""
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}: it is hidden", name=name)


def peak_mb() -> float:
    """The most of this process that was ever in memory (VmHWM, RSS), in MB."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib is not needed by either side
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def main() -> None:
    """Start, answer, and do as told."""
    sys.path.insert(0, "")
    hidden = frozenset(os.environ.get("HIDDEN", "").split(","))
    sys.meta_path.insert(0, Hides(hidden))
    handler = importlib.import_module(sys.argv[1]).lambda_handler
    with open(sys.argv[2]) as file:  # noqa: PTH123 - as above
        event = json.load(file)
    # What handlers print goes to standard error: the answers are alone on standard output.
    answered = handler(event, Context())
    if answered.get("batchItemFailures"):
        sys.exit(f"{answered}: the first batch is not done")
    tell(ANSWERED)
    for line in sys.stdin:
        for _ in range(int(line)):
            handler(event, Context())
        tell(str(peak_mb()))


def tell(line: str) -> None:
    """A line to who started it."""
    sys.__stdout__.write(f"\n> {line}\n")  # type: ignore[union-attr]  # it is a pipe
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
