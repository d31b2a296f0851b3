"""What following a pointer costs a batch: with and without, interleaved, and what a start and a swap take.

    .venv/bin/python -m benchmarks.following --batches 2000

Batches of 500 rides through the handler, delivered to nowhere, one handler that follows and one that does not
in turn. The pointer does not change, and is asked for each FOLLOW_SECONDS of AWS on this machine. Prints p50
and p99 of both and their ratio, by rounds; a quarter of all on a busy machine is noise, so that the median of
the rounds counts. Memory: what the process holds before, with two models, and after a swap.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import os
import time
from pathlib import Path
from statistics import median, quantiles

os.environ["OMP_NUM_THREADS"] = "1"  # as for make bench

import msgspec
from rich.console import Console

import model
from threeways import artifact
from threeways.emulator.server import Emulator
from threeways.lifecycle import memory, promotion
from threeways.lifecycle.pointer import PointerStore
from threeways.local_run.following import uploaded
from threeways.settings import Settings
from threeways.systems.taxi import duration
from threeways.systems.taxi.trips import producer
from threeways.training.train import resolve_or_train

PLACE = "s3://bench-models/champion.json"


class Context:
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def batch(rides: list[bytes]) -> dict[str, object]:
    return {
        "Records": [
            {
                "kinesis": {
                    "partitionKey": str(place), "sequenceNumber": str(10_000 + place),
                    "data": base64.b64encode(ride).decode(), "approximateArrivalTimestamp": time.time(),
                },
                "eventSource": "aws:kinesis", "eventID": f"shardId-000000000000:{10_000 + place}",
            }
            for place, ride in enumerate(rides)
        ]
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=400, help="of each handler, a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=30.0, help="FOLLOW_SECONDS")
    given = parser.parse_args()
    champion = resolve_or_train(console=Console(stderr=True), folder=Path(".local"))
    event = batch(list(producer.load(None, 500, duration.task).payloads()))
    with Emulator() as emulator:
        os.environ.update(emulator.environment())
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket="bench-models")
        store = PointerStore(s3, PLACE)
        named = uploaded(s3, "bench-models", champion.folder, "first", "ride_duration")
        promotion.put(store, None, None, named)
        plain = Settings(
            model_location=named.location, model_sha256=artifact.digest(champion.folder), run_id="first",
            task="ride_duration", test_run=True, return_predictions=False,
        )  # fmt: skip
        starts = {}
        handlers = {}
        for name, settings in (
            ("once", plain),  # imports are not what is measured
            ("without", plain),
            ("with", Settings(**{
                **{field: getattr(plain, field) for field in plain.__struct_fields__},
                "follow": PLACE, "follow_seconds": given.seconds,
            })),
        ):  # fmt: skip
            began = time.perf_counter()
            handlers[name] = model.build(settings)
            starts[name] = time.perf_counter() - began
        del handlers["once"]
        ratios = [round_of(handlers, event, given.batches) for _ in range(given.rounds)]
        print(json.dumps({
            "start_s": starts,
            "p50_ratio": round(median(one["p50"] for one in ratios), 4),
            "p99_ratio": round(median(one["p99"] for one in ratios), 4),
            "p99_ratios": [round(one["p99"], 3) for one in ratios],
            "p50_ms": round(median(one["ms"] for one in ratios), 2),
        }))  # fmt: skip
        swap(handlers["with"], store, event)


def round_of(handlers: dict[str, object], event: dict[str, object], batches: int) -> dict[str, float]:
    """Return p50's and p99's ratio, with over without, of batches in turn."""
    took: dict[str, list[float]] = {name: [] for name in handlers}
    gc.collect()
    for number in range(batches):
        for name in sorted(handlers, reverse=bool(number % 2)):
            began = time.perf_counter()
            handlers[name](event, Context())
            took[name].append(time.perf_counter() - began)
    at = {name: quantiles(one, n=100) for name, one in took.items()}
    return {
        "p50": at["with"][49] / at["without"][49],
        "p99": at["with"][98] / at["without"][98],
        "ms": 1000 * at["without"][49],
    }


def swap(handler: object, store: PointerStore, event: dict[str, object]) -> None:
    """Promote the same files as another model, and print what loading it took."""
    held = store.read()
    before = memory.held()

    copy = msgspec.structs.replace(held.pointer, version="second", location=held.pointer.location + "-2")
    s3 = store._client  # noqa: SLF001
    for one in s3.list_objects_v2(Bucket="bench-models", Prefix="models/")["Contents"]:
        key = one["Key"].replace(held.pointer.sha256, f"{held.pointer.sha256}-2")
        s3.copy_object(
            Bucket="bench-models", Key=key, CopySource={"Bucket": "bench-models", "Key": one["Key"]}
        )
    promotion.put(store, held.pointer, held.etag, copy)
    handler._following._ask_at = 0.0  # noqa: SLF001 - now
    began = time.perf_counter()
    handler(event, Context())
    took, during = time.perf_counter() - began, memory.held()
    gc.collect()
    print(json.dumps({
        "swapped_to": handler.service.version, "batch_with_swap_s": round(took, 3),
        "held_mb": [round((one or 0) / 2**20, 1) for one in (before, during, memory.held())],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
