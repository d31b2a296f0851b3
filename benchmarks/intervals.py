"""What intervals cost: the handler with a table of them beside the same handler without, batch by batch.

`python -m benchmarks.intervals [--model FOLDER] [--rounds 60]`. The model is the registered one (one is
trained where none is); its own table is taken, or one of as many bins. In processor time, which other
processes of the machine disturb least. Prints the ratios, and fails where a batch of 1,000 takes over 3 %
more.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # as for make bench

import msgspec
import numpy as np
from rich.console import Console

from benchmarks import rides
from benchmarks.handlers import CONTEXT, done
from benchmarks.measure import in_turn, ratio_of
from benchmarks.output import Output

LOCAL = Path(".local")
SIZES = (1, 100, 1_000)
GOAL = 1.03


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an artifact's folder")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    console = Console()
    from threeways.training.train import resolve_or_train

    folder = given.model or resolve_or_train(console=console, folder=LOCAL).folder
    from threeways import artifact
    from threeways.artifact import interval

    model = artifact.load(folder)
    table = interval.of(model.info) or _made()
    plain = replace(model, info=msgspec.structs.replace(model.info, metadata=None))
    payloads = rides.payloads(max(SIZES))
    sides = {"without": _handler(plain, None), "with": _handler(plain, table)}
    gc.collect()
    gc.freeze()
    ratio = 1.0
    for size in SIZES:
        event, repeats = rides.event(payloads[:size]), max(1, 300 // size)
        found = in_turn({name: _work(one, event, repeats) for name, one in sides.items()}, given.rounds)
        ratio, (first, third) = ratio_of(found["with"], found["without"])
        each = {name: float(np.median(one)) / repeats / size * 1e6 for name, one in found.items()}
        console.print(
            f"batch of {size:,}: {each['without']:.2f} us a ride without, {each['with']:.2f} with intervals: "
            f"{ratio:.3f} times (quartiles {first:.3f} to {third:.3f})",
            highlight=False,
        )
    return 0 if ratio <= GOAL else 1


def _handler(model: Any, table: Any) -> Any:
    """The handler of a function, on an output that takes no time."""
    from threeways.scoring.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine
    from threeways.systems.taxi.duration import task

    client: Any = Output()
    service = ModelService(model, task, "bench", interval=table)
    return StreamHandler(service, StreamDelivery(client, "out"), S3Quarantine(client, "s3://bench/aside"))


def _work(handler: Any, event: dict[str, Any], repeats: int) -> Any:
    def once() -> float:
        began = time.process_time()
        for _ in range(repeats):
            done(handler(event, CONTEXT))
        return time.process_time() - began

    return once


def _made() -> Any:
    """A table of 20 bins in two groups, as training makes of a month of taxi rides."""
    from threeways.artifact.interval import IntervalTable

    edges = tuple(np.linspace(4, 40, 19).tolist())
    return IntervalTable(0.8, edges, (-3.21,) * 40, (5.43,) * 40, 0.0, "trip_distance", (0.5,))


if __name__ == "__main__":
    sys.exit(main())
