"""Shards of 1 to 16: as many handler processes as there are shards, each with batches of its own.

That is what Lambda does; here they share this machine's cores, so that more processes than cores show what
waiting for a core costs, and not how far Lambda scales. The event source mapping and the emulator are not in
it: the emulator, one process, would be all that is measured.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

LANES = (1, 2, 4, 8, 16)
BATCH = 1_000


def speeds(trained: Path, seconds: float) -> dict[int, float]:
    """Lanes -> rides a second of all of them together, over so many seconds."""
    return {lanes: _together(trained, lanes, seconds) for lanes in LANES}


def _together(trained: Path, lanes: int, seconds: float) -> float:
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(lanes), context.SimpleQueue()
    processes = [
        context.Process(target=_lane, args=(trained, seconds, barrier, done), daemon=True)
        for _ in range(lanes)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit(f"{lanes} handler processes: one ended with an error, which is above")
    return sum(done.get() for _ in processes)


def _lane(trained: Path, seconds: float, barrier: Barrier, done: Any) -> None:
    from benchmarks import handlers, rides
    from benchmarks.output import Output

    handler, event = handlers.ours(trained, Output()), rides.event(rides.payloads(BATCH))
    handler(event)
    barrier.wait(120)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        handlers.done(handler(event))
        count += BATCH
    done.put(count / (time.perf_counter() - began))
