"""Read how long an invocation computes, from `make bench`'s figures or the committed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from threeways import project
from threeways.errors import UsageError

COMMITTED = project.ROOT / "benchmarks" / "committed.json"

Positive = Annotated[float, Meta(gt=0)]


class Figures(msgspec.Struct, frozen=True):
    """Measured figures. batches: batch size -> seconds, on one core. peak_mb: the process's peak memory."""

    batches: Annotated[dict[int, Positive], Meta(min_length=2)]
    start_seconds: Positive
    peak_mb: Positive


class Result(msgspec.Struct, frozen=True):
    """The fields of a `bench.json` that are read here."""

    latencies: Figures
    machine: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Latencies:
    """An invocation's compute time on a whole processor: `fixed` seconds plus `per_event` seconds an event.

    start_seconds: of a cold start. peak_mb: the process's peak memory. source: where the figures are from.
    """

    fixed: float
    per_event: float
    start_seconds: float
    peak_mb: float
    source: str

    def cpu_seconds(self, batch: float) -> float:
        """Return the compute time of a batch."""
        return self.fixed + batch * self.per_event


def find(local: Path, committed: Path = COMMITTED) -> Latencies:
    """Read `bench.json` in the folder `local` if it exists, else the committed figures.

    Raises UsageError where the file cannot be read.
    """
    path, fix = local / "bench.json", "run `make bench` again, or remove it"
    source = f"{path}, measured here"
    if not path.exists():
        path, fix = committed, "run `make bench`"
        source = f"{path.name}, committed with the code; `make bench` measures here"
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result, strict=False)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} has no latencies ({error}): {fix}") from None
    figures = result.latencies
    fixed, per_event = line(figures.batches)
    where = ", ".join(str(result.machine[key]) for key in ("processor", "when") if key in result.machine)
    return Latencies(fixed, per_event, figures.start_seconds, figures.peak_mb, f"{source} ({where})")


def line(batches: Mapping[int, float]) -> tuple[float, float]:
    """Return fixed seconds and seconds a record, both above 0, from the smallest and the largest batch.

    A least-squares fit would weigh the largest batch most, which is one of the two points anyway.
    """
    small, large = min(batches), max(batches)
    per_event = max(1e-9, (batches[large] - batches[small]) / (large - small))
    return max(1e-6, batches[small] - small * per_event), per_event
