"""The parts of a run that the ledger rests on: what is put, what is read back, what is shown."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_training import Training
from typer.testing import CliRunner
from uneven import UnevenClient

from threeways.cli.app import app
from threeways.emulator.server import Emulator
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.local_run import provision as provisioning
from threeways.local_run.collector import Collector
from threeways.local_run.producer import Outgoing, Producer
from threeways.local_run.progress import FunctionLog
from threeways.local_run.stack import RunningStack
from threeways.scoring import tasks

pytestmark = pytest.mark.exhaustive


class Throttled:
    """A stream that stores only every other entry of a call."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []

    def put_records(self, *, Records: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        answers: list[dict[str, str]] = []
        for position, record in enumerate(Records):
            if position % 2:
                answers.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.stored.append(record["Data"])
                answers.append({"ShardId": "shardId-0", "SequenceNumber": str(len(self.stored))})
        return {"Records": answers}


def outgoing(count: int, size: int = 4) -> Any:
    return (Outgoing(str(n), f"{n:0{size}d}".encode(), n) for n in range(count))


def test_what_the_stream_does_not_store_is_put_again_and_counted_once() -> None:
    client: Any = Throttled()
    producer = Producer(client, "rides", outgoing(20), None)
    producer.start()
    producer.join(30)
    assert producer.error is None
    assert sorted(int(data) for data in client.stored) == list(range(20))
    assert sorted(sent.index for sent in producer.sent.values() if sent.index is not None) == list(range(20))


def test_the_rate_is_kept() -> None:
    client: Any = Throttled()
    producer = Producer(client, "rides", outgoing(60), 100.0)
    begun = time.monotonic()
    producer.start()
    producer.join(30)
    assert len(producer.sent) == 60
    assert time.monotonic() - begun > 0.5


def test_a_producer_that_is_stopped_puts_no_more() -> None:
    client: Any = Throttled()
    producer = Producer(client, "rides", outgoing(10**6), 50.0)
    producer.start()
    producer.stop()
    assert len(producer.sent) == len(client.stored) < 10**5


def test_the_collector_reads_to_the_end_and_counts_duplicates(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    kinesis.create_stream(StreamName="collected", ShardCount=2)
    made = [
        {
            "prediction": {"ride_duration": n / 2, "ride_id": n % 900},
            "source_event_id": f"s:{n % 900}",
            "version": "v7",
        }
        for n in range(1000)
    ]
    collector = Collector(kinesis, "collected", tasks.find("ride_duration"))
    collector.start()
    for start in range(0, 1000, 500):
        kinesis.put_records(
            StreamName="collected",
            Records=[
                {"Data": json.dumps(one).encode(), "PartitionKey": one["source_event_id"]}  # type: ignore[typeddict-item]
                for one in made[start : start + 500]
            ],
        )
    collector.stop()
    assert (len(collector.predictions), collector.duplicates, collector.version) == (900, 100, "v7")
    assert collector.predictions["s:3"].value == 1.5


def test_the_collector_reads_to_the_end_however_the_pages_come(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    kinesis.create_stream(StreamName="uneven", ShardCount=1)
    made = [{"prediction": {"ride_duration": 1, "ride_id": n}, "source_event_id": str(n)} for n in range(450)]
    kinesis.put_records(
        StreamName="uneven", Records=[{"Data": json.dumps(one).encode(), "PartitionKey": "k"} for one in made]
    )
    client: Any = UnevenClient(kinesis)
    collector = Collector(client, "uneven", tasks.find("ride_duration"))
    collector._stopping.set()  # before the first page, which is an empty one
    collector.start()
    collector.stop()
    assert len(collector.predictions) == 450


def test_the_function_s_metrics_are_added_up_from_its_log(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "function.log")
    for line in (
        '{"_aws": {}, "Retries": [2.0], "Quarantined": [1.0]}',
        "a line of text with _aws in it",
        '{"_aws" is no JSON',
        '{"_aws": {}, "Retries": [3.0]}',
    ):
        log(line)
    log.close()
    assert {name: count for name, count in log.totals.items() if count} == {
        "Retries": 5.0,
        "Quarantined": 1.0,
    }
    assert len((tmp_path / "function.log").read_text().splitlines()) == 4


def test_what_lies_at_the_failure_destination_is_read_back(training: Training, tmp_path: Path) -> None:
    with RunningStack(tmp_path, training.report.model, 1, Console(file=io.StringIO())) as stack:
        stack.mapping.stop()
        assert stack.failures is not None
        document = {
            "KinesisBatchInfo": {"shardId": "shardId-000000000000"},
            "payload": {"Records": [{"eventID": "shardId-000000000000:7"}]},
        }
        stack.s3.put_object(Bucket=stack.failures, Key="aws/lambda/x/1", Body=json.dumps(document).encode())
        back = stack.read_back()
    assert back.abandoned == {"shardId-000000000000:7"}
    assert json.loads((tmp_path / "failures" / "aws" / "lambda" / "x" / "1").read_text()) == document


def test_a_function_that_loses_rides_is_found_out_and_the_exit_status_says_so(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(*arguments: Any, **more: Any) -> Stack:
        stack = load(*arguments, **more)
        environment = stack.function.environment | {"TEST_RUN": "true"}  # acknowledges, and delivers nothing
        function = replace(stack.function, environment=environment)
        return replace(stack, mappings=tuple(replace(one, function=function) for one in stack.mappings))

    monkeypatch.setattr(provisioning, "load", forgetful)
    monkeypatch.chdir(training.folder.parent)
    done = CliRunner().invoke(app, ["run", "--n", "200", "--poison", "0.1"])
    assert done.exit_code == 1
    ledger = json.loads((training.folder / "last-run.json").read_text())
    assert (ledger["sent"], ledger["quarantined"], ledger["lost"]) == (200, 20, 180)
    assert "lost 180" in done.output
