"""What counting for `threeways monitor` costs: a handler that counts beside one that does not, in turn.

`python -m benchmarks.counting`. Both serve a model trained on the synthetic city, in batches of 1,000 rides,
on an output that takes no time; an interval ends with each batch, or with none. The goal is 2 % of a batch.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks import models, rides
from benchmarks.handlers import BATCH, CONTEXT
from benchmarks.measure import in_turn, ratio_of, timed
from benchmarks.output import Output

ROUNDS, REPEATS = 100, 2_000


def main() -> None:
    """Print both tables."""
    from threeways import artifact
    from threeways.artifact.reference.building import build
    from threeways.systems.taxi.duration import task
    from threeways.training.train import resolve_or_train

    training = models.training()
    folder = resolve_or_train(console=Console()).folder
    named = dict(zip(task.columns, training.block.T, strict=True))
    reference = build(task.name, "the city", named, {"ride_duration": training.target}, training.times)
    _columns(reference, training.block[:BATCH])
    model = artifact.load(folder)
    event, few = rides.event(rides.payloads(BATCH)), rides.event(rides.payloads(10))
    gc.collect()
    gc.freeze()
    for name, what in (("1,000 rides", event), ("10 rides", few)):
        _handlers(name, what, model, reference)


def _columns(reference: Any, block: Any) -> None:
    from threeways.artifact.reference.binning import SAMPLED, counter_of

    for place, column in enumerate(reference.features):
        count, values = counter_of(column, SAMPLED), block[:, place]
        spent = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            count(values)
            spent.append(time.perf_counter() - began)
        print(f"{column.name:16} {column.kind:8} {1e6 * median(spent):6.1f} µs per {len(values):,} rows")


def _handlers(name: str, event: Any, model: Any, reference: Any) -> None:
    sides: dict[str, Callable[[], object]] = {}
    spent: dict[str, list[float]] = {}
    for side in ("off", "counts", "counts and puts"):
        sides[side], spent[side] = _handler(model, reference, side, event)
    found = in_turn({side: timed(work) for side, work in sides.items()}, ROUNDS)
    batch = median(found["off"])
    print(f"\na batch of {name}, off: {1e3 * batch:.3f} ms")
    for side in ("counts", "counts and puts"):
        ratio, (first, third) = ratio_of(found[side], found["off"])
        share = 100 * median(spent[side]) / batch
        whole = f"{100 * (ratio - 1):+.1f} % ({100 * (first - 1):+.1f} to {100 * (third - 1):+.1f})"
        print(f"{side:16} {1e6 * median(spent[side]):.0f} µs of it, {share:.2f} %; whole batch {whole}")


def _handler(model: Any, reference: Any, side: str, event: Any) -> tuple[Callable[[], object], list[float]]:
    from threeways.lifecycle.counting import Counting
    from threeways.scoring.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine
    from threeways.systems.taxi.duration import task

    class Clocked(Counting):
        def count(self, *given: Any) -> int:
            began = time.perf_counter()
            failed = super().count(*given)
            spent.append(time.perf_counter() - began)
            return failed

    client: Any = Output(0.0)
    service, spent = ModelService(model, task, "bench"), list[float]()
    service.reference = reference
    seconds = 1e9 if side == "counts" else 0.0
    counting = None if side == "off" else Clocked(lambda key, body: None, seconds)
    handler = StreamHandler(
        service, StreamDelivery(client, "out"), S3Quarantine(client, "s3://bench/aside"), counting=counting
    )
    return lambda: handler(event, CONTEXT), spent


if __name__ == "__main__":
    main()
