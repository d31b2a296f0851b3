"""What `make plan` reckons with: an invocation's seconds by its batch, metrics and logs included."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import rides
from benchmarks.handlers import CONTEXT, done
from benchmarks.measure import Measure, in_turn, timed
from benchmarks.output import Output
from benchmarks.start import MEMORY, NAMES, SECONDS

SIZES = (1, 10, 100, 500, 1_000)


def latencies(trained: Path, rounds: int, measures: Sequence[Measure]) -> dict[str, Any]:
    """`batches`: size -> seconds of our whole handler on an output that takes no time; `start_seconds` and
    `peak_mb`: what `benchmarks.start` measured of it.
    """
    payloads = rides.payloads(max(SIZES))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        handler = whole(trained)
        sides = {str(size): timed(_batch(handler, rides.event(payloads[:size]))) for size in SIZES}
        found = in_turn(sides, rounds)
    ours = {one.name: one.ours for one in measures}
    return {
        "batches": {size: median(seconds) for size, seconds in found.items()},
        "start_seconds": ours[f"{SECONDS}, {NAMES['ours']}"],
        "peak_mb": ours[f"{MEMORY}, {NAMES['ours']}"],
    }


def _batch(handler: Any, event: dict[str, Any]) -> Any:
    return lambda: done(handler(event, CONTEXT))


def whole(trained: Path) -> Any:
    """Our handler with the telemetry that it is deployed with."""
    from threeways import artifact
    from threeways.scoring.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine
    from threeways.stream.telemetry import PowertoolsTelemetry
    from threeways.systems.taxi.duration import task

    client: Any = Output()
    service = ModelService(artifact.load(trained), task, "bench")
    return StreamHandler(
        service,
        StreamDelivery(client, "out"),
        S3Quarantine(client, "s3://bench/aside"),
        PowertoolsTelemetry(task.name, "bench"),
    )
