"""The handler beside the usual way: MLflow's pyfunc, one predict and one put a record.

Both sides get the same Lambda events and the same model, and put onto the same in-process output that
takes no time, so that what is compared is the work, not a network. Rounds of the two are interleaved and
the medians compared. Prints a table and writes `.local/bench.json`.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
LOCAL = ROOT / ".local"
BATCHES = {100: 5, 1000: 3}
"""Batch size -> rounds."""


class Output:
    """An output stream that acknowledges at once."""

    def __init__(self) -> None:
        self.count = 0

    def put_record(self, **arguments: Any) -> dict[str, Any]:
        self.count += 1
        return {"SequenceNumber": str(self.count)}

    def put_records(self, *, Records: list[Any], **arguments: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.count += len(Records)
        return {"Records": [{"SequenceNumber": str(n)} for n in range(len(Records))]}


def usual_way(pyfunc: Any, output: Output) -> Callable[[dict[str, Any]], Any]:
    """A handler as it is usually written: decode, features, predict, put; one record at a time."""
    from datetime import datetime

    def handler(event: dict[str, Any]) -> dict[str, Any]:
        predictions = []
        for record in event["Records"]:
            ride_event = json.loads(base64.b64decode(record["kinesis"]["data"]).decode("utf-8"))
            ride = ride_event["ride"]
            pickup = datetime.fromisoformat(ride["pickup_datetime"])
            pair = ride["PULocationID"] * 1000 + ride["DOLocationID"]
            features = [
                ride["PULocationID"], ride["DOLocationID"], pair, ride["trip_distance"],
                pickup.hour * 60 + pickup.minute, pickup.weekday(),
            ]  # fmt: skip
            prediction = float(pyfunc.predict(np.array([features], dtype=np.float64))[0])
            message = {
                "model": "ride_duration_prediction_model",
                "version": "bench",
                "prediction": {"ride_duration": prediction, "ride_id": ride_event["ride_id"]},
            }
            output.put_record(
                StreamName="out", Data=json.dumps(message), PartitionKey=str(ride_event["ride_id"])
            )
            predictions.append(message)
        return {"predictions": predictions}

    return handler


def our_way(folder: Path, output: Output) -> Callable[[dict[str, Any]], Any]:
    """Our handler, without what both sides would have alike: metrics and logs."""
    from threeways import artifact
    from threeways.service import ModelService
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import NoQuarantine
    from threeways.tasks.ride_duration import task

    client: Any = output
    service = ModelService(artifact.load(folder), task, "bench")
    return StreamHandler(service, StreamDelivery(client, "out"), NoQuarantine())


def events(size: int) -> dict[str, Any]:
    """A Lambda event of `size` rides of the synthetic city."""
    from threeways.trips.city import trips
    from threeways.trips.cleaning import clean
    from threeways.trips.rides import payloads_of

    frame = trips(2021, 3, rides=2 * size).frame
    payloads = list(payloads_of(frame[clean(frame).valid]))[:size]
    return {
        "Records": [
            {
                "kinesis": {
                    "data": base64.b64encode(payload).decode(),
                    "partitionKey": str(n),
                    "sequenceNumber": str(n),
                    "approximateArrivalTimestamp": time.time(),
                },
                "eventID": f"shardId-000000000000:{n}",
            }
            for n, payload in enumerate(payloads)
        ]
    }


def seconds(handler: Callable[[dict[str, Any]], Any], event: dict[str, Any]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    handler(event)
    return time.perf_counter() - started


def main() -> None:
    """Run both sides in turn and print what came of it."""
    console = Console()
    from threeways.training.train import resolve_or_train

    model = resolve_or_train(console=console, folder=LOCAL)
    import mlflow

    sides = {
        "ours": our_way(model.folder, Output()),
        "usual": usual_way(mlflow.pyfunc.load_model(str(model.folder)), Output()),
    }
    table = Table(title="One batch through the handler: medians of interleaved rounds", title_justify="left")
    for name in ("batch", "ours, records/s", "usual, records/s", "ratio"):
        table.add_column(name, justify="right")
    measures = []
    for size, rounds in BATCHES.items():
        console.print(f"batches of {size:,}: {rounds} rounds of each side")
        event = events(size)
        taken: dict[str, list[float]] = {"ours": [], "usual": []}
        for round_number in range(rounds + 1):
            for side, handler in sides.items():
                spent = seconds(handler, event)
                if round_number:  # the first warms both up
                    taken[side].append(spent)
        ours, usual = (size / median(taken[side]) for side in ("ours", "usual"))
        table.add_row(f"{size:,}", f"{ours:,.0f}", f"{usual:,.0f}", f"{ours / usual:.1f} x")
        measures.append(
            {"name": f"handler, batch of {size}", "ours": ours, "usual": usual, "ratio": ours / usual}
        )
    console.print(table)
    LOCAL.mkdir(exist_ok=True)
    (LOCAL / "bench.json").write_text(json.dumps({"measures": measures}, indent=2) + "\n")
    console.print(f"Written to {LOCAL / 'bench.json'}")


main()
