"""What `make plan` reckons with: an invocation's seconds by its batch, metrics and logs included."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import rides
from benchmarks.handlers import _done
from benchmarks.measure import in_turn, timed
from benchmarks.output import Output

SIZES = (1, 10, 100, 500, 1_000)


def latencies(trained: Path, rounds: int) -> dict[str, float]:
    """`batch of N, seconds` for each size: our model, the whole handler, an output that takes no time."""
    payloads = rides.payloads(max(SIZES))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        handler = whole(trained)
        sides = {
            f"batch of {size}, seconds": timed(lambda event=rides.event(payloads[:size]): _done(handler(event)))  # type: ignore[misc]  # the loop's own
            for size in SIZES
        }
        found = in_turn(sides, rounds)
    return {name: median(seconds) for name, seconds in found.items()}


def whole(trained: Path) -> Any:
    """Our handler with the telemetry that it is deployed with."""
    from threeways import artifact
    from threeways.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine
    from threeways.stream.telemetry import PowertoolsTelemetry
    from threeways.tasks.ride_duration import task

    client: Any = Output()
    service = ModelService(artifact.load(trained), task, "bench")
    return StreamHandler(
        service,
        StreamDelivery(client, "out"),
        S3Quarantine(client, "s3://bench/aside"),
        PowertoolsTelemetry(task.name, "bench"),
    )
