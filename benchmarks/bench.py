"""`make bench`: the stream's function beside the usual way, in under ten minutes on two cores.

Prints a table and writes `.local/bench.json` and `.local/bench.png`. A goal that is missed is told, and fails
nothing: `make bench-check` compares the ratios with the committed ones.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before NumPy and scikit-learn: a function of a gigabyte has less than a core
)

from rich.console import Console

from benchmarks import handlers, latency, mixed, models, picture, stages, start, tell

LOCAL = Path(".local")


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of the handler; of slower sides a share")
    parser.add_argument("--starts", type=int, default=9, help="cold starts of each side")
    given = parser.parse_args()
    console, began = Console(), time.monotonic()
    from threeways.training.train import resolve_or_train

    trained = resolve_or_train(console=console, folder=LOCAL).folder.resolve()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=LOCAL) as place:
        folder = Path(place).resolve()
        console.print("A linear model and a forest to compare with")
        fitted = models.training()
        others = models.linear(folder / "linear", fitted), models.forest(folder / "forest", fitted)
        console.print(f"Cold starts and memory: {given.starts} rounds of each side")
        found = start.measures(trained, folder, given.starts, max(1, given.starts // 4))
        texts = mixed.model(folder / "mixed")
        starts = max(2, given.starts // 3)
        found.append(start.mixed_measure(texts, folder, starts, mixed.payloads(start.BATCH)))
        console.print(f"The handler: {given.rounds} rounds of each side")
        found += fresh(handlers.measured, trained, *others, given.rounds)
        found += fresh(mixed.measured, texts, max(2, given.rounds // 4))
        console.print("Where the time goes")
        spent = fresh(stages.of, trained, given.rounds // 2 + 1)
        picture.draw(spent, LOCAL / "bench.png")
        measured = fresh(latency.latencies, trained, given.rounds, found)
    title = f"Beside the usual way: medians of interleaved rounds, {time.monotonic() - began:.0f} s"
    wide = Console(width=None if console.is_terminal else 150)
    wide.print(tell.table(found, title))
    tell.write(LOCAL / "bench.json", found, console, stages=spent, latencies=measured)
    console.print(f"A picture of the stages: {LOCAL / 'bench.png'}", highlight=False)
    return 0


def fresh[**Given, Found](work: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """What some work gives in a process of its own, as a function has one: this one's memory is in pieces."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given, **named).result()


if __name__ == "__main__":
    sys.exit(main())
