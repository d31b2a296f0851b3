"""`make bench-growth`: how it grows with the batch, with the shards and with the artifact.

Prints a table and writes `.local/bench-growth.json`; what `make bench` wrote gets the rows under `growth`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # as for make bench

from rich.console import Console

from benchmarks import growth_artifact, growth_lanes, handlers, rides, tell
from benchmarks.measure import Measure, in_turn, rate, timed
from benchmarks.output import Output

LOCAL = Path(".local")
SIZES = (1, 10, 100, 1_000, 10_000)


def batches(trained: Path, rounds: int) -> list[Measure]:
    """Rides a second by the batch's size; the usual way's is the same for any, and told for 100."""
    payloads = rides.payloads(max(SIZES))
    mine = handlers.ours(trained, Output())
    theirs = handlers.theirs(trained, Output())
    few = rides.event(payloads[: handlers.USUAL_RECORDS])
    found = []
    for size in SIZES:
        event, repeats = rides.event(payloads[:size]), max(1, 100 // size)

        def batch(event: dict[str, object] = event, repeats: int = repeats) -> None:
            for _ in range(repeats):
                handlers.done(mine(event))

        taken = in_turn({"ours": timed(batch), "usual": timed(lambda: theirs(few))}, rounds)
        counts = {"ours": size * repeats, "usual": handlers.USUAL_RECORDS}
        found.append(rate(f"our model, batch of {size:,}: rides a second", taken, counts, None))
    return found


def lanes(trained: Path, seconds: float) -> list[Measure]:
    """Rides a second of all lanes together; the floor is one lane's."""
    cores = tell.machine()["cores"]
    speeds = growth_lanes.speeds(trained, seconds)
    return [
        Measure(
            f"handler processes, one a shard, on {cores} cores: {count} (floor: 1): rides a second",
            speed, None, speeds[1], speed / speeds[1], (speed / speeds[1],) * 2, against="floor",
        )
        for count, speed in speeds.items()
    ]  # fmt: skip


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each number of processes")
    parser.add_argument("--megabytes", type=int, nargs="+", default=growth_artifact.MEGABYTES)
    given = parser.parse_args()
    console = Console()
    from threeways.training.train import resolve_or_train

    trained = resolve_or_train(console=console, folder=LOCAL).folder.resolve()
    console.print("Batches")
    found = batches(trained, given.rounds)
    console.print("Shards")
    found += lanes(trained, given.seconds)
    console.print("Artifacts")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=LOCAL) as folder:
        found += growth_artifact.measures(Path(folder).resolve(), max(1, given.rounds // 2), given.megabytes)
    wide = Console(width=None if console.is_terminal else 150)
    wide.print(tell.table(found, "Growth: medians of interleaved rounds"))
    _keep(found, console)
    return 0


def _keep(found: list[Measure], console: Console) -> None:
    """In a file of its own, and beside the rest where `make bench` has written it."""
    rows = [one.plain() for one in found]
    own, whole = LOCAL / "bench-growth.json", LOCAL / "bench.json"
    tell.put(own, {"growth": rows, "machine": tell.machine(), "versions": tell.versions()}, console)
    if whole.exists():
        tell.put(whole, json.loads(whole.read_text()) | {"growth": rows}, console)


if __name__ == "__main__":
    sys.exit(main())
