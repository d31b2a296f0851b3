"""`make bench-join`: a join's keys a second, memory and cold start, beside boto3's own.

The table answers after 5 ms. Keys a second are those of a second of CPU time, which is what a vCPU of
Lambda's has: the two sides of a round go one after the other in this process, the table is another. Writes
`.local/bench-join.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Measure, Side, in_turn, ratio_of
from benchmarks.starting import Context

ROOT = Path(__file__).resolve().parents[1]
TABLE_SECONDS = 0.005
KEYS, USUAL_KEYS = 1_000, 200
GOAL_KEYS, GOAL_MB, GOAL_START = 1_200, 150, 1.3
BATCHES = 50
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "JOIN": "examples.orders_join",
    "JOIN_TABLE_NAME": "orders", "QUARANTINE_LOCATION": "s3://bench/aside",
}  # fmt: skip
STARTS = {
    "ours": "from threeways.join.functions import join_events",
    "usual": "import boto3; boto3.client('dynamodb'); boto3.client('sqs')",
}
MEMORY = """
import sys
from benchmarks.joining import event, Context
from benchmarks.starting import peak_mb
from threeways.join.functions import join_events
for number in range(int(sys.argv[1])):
    assert join_events(event(1_000, number), Context()) == {"batchItemFailures": []}
print(peak_mb())
"""


def event(keys: int, batch: int = 0, kind: str = "order") -> dict[str, Any]:
    """A batch of Lambda's, a record a key: orders, each of which needs a timer, or verdicts."""
    import base64

    records = []
    for place in range(keys):
        key = f"o-{batch}-{place}"
        message: dict[str, Any] = {"order_id": key, "email": "ann@example.com"}
        if kind == "verdict":
            prediction = {"order_id": key, "ok": True}
            message = {
                "model": "fraud",
                "version": "7",
                "prediction": prediction,
                "source_event_id": f"e{key}",
            }
        number = str(batch * keys + place + 1)
        kinesis = {
            "sequenceNumber": number, "partitionKey": key, "approximateArrivalTimestamp": time.time(),
            "data": base64.b64encode(json.dumps(message).encode()).decode(),
        }  # fmt: skip
        records.append({"eventID": f"shardId-000000000000:{number}", "kinesis": kinesis})
    return {"Records": records}


@contextmanager
def table() -> Iterator[str]:
    """The URL of a table that answers after 5 ms."""
    arguments = [sys.executable, str(ROOT / "benchmarks" / "join_server.py"), str(TABLE_SECONDS)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def of_cpu(work: Callable[[], object], keys: int) -> Side:
    """A side that gives the CPU seconds of a key."""

    def once() -> float:
        began = time.process_time()
        work()
        return (time.process_time() - began) / keys

    return once


def usual_loop(given: dict[str, Any]) -> Callable[[], object]:
    """Return the usual way: boto3's client makes the same writes, one after the other."""
    import boto3

    from examples.orders_join import join
    from threeways.join import requests
    from threeways.join.events import Events
    from threeways.join.item import Items
    from threeways.stream.records import batch_of

    dynamodb, events, items = boto3.client("dynamodb"), Events(join), Items(join)

    def loop() -> None:
        for record in batch_of(given):
            key, arrival = events.read(record.event_id, record.data, record.arrived_at)
            early, _ = requests.add(join, key, arrival, items.attributes([arrival]))
            dynamodb.update_item(TableName="orders", **early)

    return loop


def throughput(rounds: int) -> list[Measure]:
    """Keys a second of CPU time."""
    from threeways.join.functions import join_events

    found = []
    for name, kind in (("a verdict each", "verdict"), ("an order each, and its timer", "order")):
        ours, usual = event(KEYS, kind=kind), event(USUAL_KEYS, kind=kind)
        sides = {
            "ours": of_cpu(lambda given=ours: _done(join_events(given, Context())), KEYS),  # type: ignore[misc]
            "usual": of_cpu(usual_loop(usual), USUAL_KEYS),
        }
        spent = in_turn(sides, rounds)
        ratio, quartiles = ratio_of(spent["usual"], spent["ours"])
        speed = {side: 1 / median(values) for side, values in spent.items()}
        what = f"keys a CPU second, {name} (goal {GOAL_KEYS:,})"
        found.append(Measure(what, speed["ours"], speed["usual"], None, ratio, quartiles))
    return found


def cold_starts(rounds: int) -> Measure:
    """Seconds of a new process until its handler is there, beside boto3 with the same two clients."""

    def start(code: str) -> Side:
        def once() -> float:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603 - ours
            return time.perf_counter() - began

        return once

    spent = in_turn({side: start(code) for side, code in STARTS.items()}, rounds)
    ratio, quartiles = ratio_of(spent["ours"], spent["usual"])
    ours, usual = median(spent["ours"]), median(spent["usual"])
    what = "cold start, seconds, beside boto3 and two clients"
    return Measure(what, ours, usual, None, ratio, quartiles, GOAL_START, at_most=True)


def memory() -> Measure:
    """The peak of a process that has joined some batches, in MB."""
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", MEMORY, str(BATCHES)], check=True, cwd=ROOT, capture_output=True, text=True
    )
    peak = float(done.stdout.splitlines()[-1])
    ratio = peak / GOAL_MB
    what = f"peak RSS after {BATCHES} batches of {KEYS:,} keys, MB, of {GOAL_MB}"
    return Measure(what, peak, None, None, ratio, (ratio, ratio), 1.0, at_most=True)


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with table() as url:
        os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=url, JOIN_QUEUE_URL=f"{url}/123456789012/timers")
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # the join's log
            found = throughput(given.rounds)
        found += [memory(), cold_starts(given.rounds)]
    for one in found:
        beside = "" if one.usual is None else f" boto3 {one.usual:,.2f}"
        low, high = one.quartiles
        print(f"{one.name}: {one.ours:,.2f}{beside}, ratio {one.ratio:.2f} ({low:.2f} to {high:.2f})")
    target = ROOT / ".local" / "bench-join.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([one.plain() for one in found], indent=1))
    return 0


def _done(answer: dict[str, Any]) -> None:
    assert answer == {"batchItemFailures": []}, answer


if __name__ == "__main__":
    sys.exit(main())
