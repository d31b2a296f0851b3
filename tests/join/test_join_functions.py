"""A join's four functions as Lambda runs them: by name, in processes of their own, behind their mappings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from join_lab import AMPLE, new_table

import threeways.join
from examples.orders_join import join as patient
from threeways.aws.kinesis import ShardReader, list_shards
from threeways.emulator.faults import Fault, Kind, Script
from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.errors import SettingsError
from threeways.join import functions
from threeways.join.functions import Functions
from threeways.join.state import KeyState
from threeways.join.table import DynamoTable
from threeways.settings import JoinSettings

ROOT = Path(__file__).parents[2]
PROMPT = """
import dataclasses
from examples.orders_join import join as patient
join = dataclasses.replace(patient, deadline={deadline})
"""
REPORTS = ["ReportBatchItemFailures"]
type Make = Callable[..., Harness]


def order(order_id: str) -> dict[str, Any]:
    return {"order_id": order_id, "email": "ann@example.com"}


def answer(order_id: str, source: str, ok: bool = True) -> dict[str, Any]:
    return {
        "model": source,
        "version": "3",
        "prediction": {"order_id": order_id, "ok": ok},
        "source_event_id": f"{source}-{order_id}",
    }


class Stack:
    """A join's table, queue and streams, and its functions behind their mappings."""

    def __init__(self, emulator: Emulator, make: Make, folder: Path, deadline: float = 30.0) -> None:
        (folder / "joins").mkdir()
        (folder / "joins" / "prompt.py").write_text(PROMPT.format(deadline=deadline))
        self.emulator = emulator
        self.make = make
        self.table = new_table(emulator)
        self.decisions = f"{self.table}-decisions"
        emulator.client("kinesis").create_stream(StreamName=self.decisions, ShardCount=1)
        emulator.client("s3").create_bucket(Bucket=self.table)
        emulator.client("sqs").create_queue(QueueName=self.table, Attributes={"VisibilityTimeout": "10"})
        self.queue_url = emulator.client("sqs").get_queue_url(QueueName=self.table)["QueueUrl"]
        self.environment = {
            "JOIN": "joins.prompt",
            "JOIN_TABLE_NAME": self.table,
            "JOIN_QUEUE_URL": self.queue_url,
            "DECISIONS_STREAM_NAME": self.decisions,
            "QUARANTINE_LOCATION": f"s3://{self.table}/quarantine",
            "PYTHONPATH": str(folder),
        }

    def function(self, name: str, **source: Any) -> Harness:
        """A function behind its mapping, which is not started yet."""
        return self.make(
            f"threeways.join.functions.{name}",
            root=ROOT,
            environment=self.environment,
            timeout=10.0,
            **source,
        )

    def told(self) -> list[dict[str, Any]]:
        kinesis = self.emulator.client("kinesis")
        [shard] = list_shards(kinesis, self.decisions)
        reader = ShardReader(kinesis, shard.id, {"StreamName": self.decisions})
        return [json.loads(record["Data"]) for record in reader.read()]

    def state(self, key: str) -> KeyState:
        table = DynamoTable(self.emulator.client("dynamodb"), self.table, patient)
        found = table.load(key, AMPLE)
        assert found is not None
        return found


@pytest.fixture
def stack(local_aws: Emulator, event_source_mapping: Make, tmp_path: Path) -> Stack:
    return Stack(local_aws, event_source_mapping, tmp_path)


@pytest.mark.slow
def test_the_four_functions_decide_and_tell(stack: Stack) -> None:
    joiner = stack.function("join_events", BatchSize=100, FunctionResponseTypes=REPORTS)
    publisher = stack.function("publish", table=stack.table, BatchSize=100, FunctionResponseTypes=REPORTS)
    for name, ok in (("a-1", True), ("a-2", False)):
        for message in (order(name), answer(name, "fraud", ok), answer(name, "stock")):
            joiner.put(message, key=name)
    joiner.put("{", key="broken")
    joiner.drain()
    publisher.drain()
    assert {one["order_id"]: one["told"] for one in stack.told()} == {"a-1": "ship", "a-2": "refuse"}
    assert stack.state("a-1").outbox is None
    metrics = [json.loads(line) for line in joiner.log if '"Decided"' in line]
    assert metrics[0]["Decided"] == [2.0]
    assert (metrics[0]["Quarantined"], metrics[0]["service"]) == ([1.0], "orders")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_with_no_traffic_the_queue_alone_decides_within_five_seconds(
    local_aws: Emulator, event_source_mapping: Make, tmp_path: Path
) -> None:
    stack = Stack(local_aws, event_source_mapping, tmp_path, deadline=1.5)
    timers = stack.function("expire", queue=stack.table, FunctionResponseTypes=REPORTS)
    timers.start()
    joiner = stack.function("join_events")
    joiner.put(order("a-1"), key="a-1")
    joiner.drain()
    timers.wait(lambda: stack.state("a-1").revision, within=20.0)
    [decided] = stack.state("a-1").decisions.values()
    assert (decided.outcome, decided.missing) == ("ask a person", ("fraud", "stock"))
    assert 0 <= decided.decided_at - decided.due < 5


@pytest.mark.exhaustive
def test_with_no_traffic_the_sweeper_alone_decides_within_a_minute(
    local_aws: Emulator, event_source_mapping: Make, tmp_path: Path
) -> None:
    stack = Stack(local_aws, event_source_mapping, tmp_path, deadline=1.5)
    sweeper = stack.function("sweep", schedule="Schedule", Schedule="rate(1 minute)")
    sweeper.start()
    joiner = stack.function("join_events")
    joiner.put(order("a-1"), key="a-1")
    joiner.drain()
    sweeper.wait(lambda: stack.state("a-1").revision, within=75.0)
    [decided] = stack.state("a-1").decisions.values()
    assert 0 <= decided.decided_at - decided.due < 65  # the queue being down: 5 s and a minute
    sweeper.wait(stack.told, within=130.0)
    assert [one["told"] for one in stack.told()] == ["ask a person"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [Kind.KILL_BEFORE, Kind.KILL_AFTER])
def test_a_publisher_killed_between_put_and_mark_puts_the_same_ids_again(stack: Stack, kind: Kind) -> None:
    joiner = stack.function("join_events")
    for message in (order("a-1"), answer("a-1", "fraud"), answer("a-1", "stock")):
        joiner.put(message, key="a-1")
    joiner.drain()
    publisher = stack.function(
        "publish", table=stack.table, FunctionResponseTypes=REPORTS, faults=Script(UpdateItem=[Fault(kind)])
    )
    publisher.drain()
    told = stack.told()
    assert len(told) == 2
    assert len({one["id"] for one in told}) == 1
    assert stack.state("a-1").outbox is None


@pytest.mark.parametrize(
    ("handler", "given", "said"),
    [
        ("join_events", {"join": None}, "JOIN is not set: name a join"),
        ("join_events", {"join": "nothing"}, "JOIN='nothing' is not a join here; there is moderation"),
        ("join_events", {"join_table_name": None}, "JOIN_TABLE_NAME is not set"),
        ("join_events", {"join_queue_url": None}, "JOIN_QUEUE_URL is not set"),
        ("join_events", {"quarantine_location": "here"}, "s3://"),
        ("publish", {"decisions_stream_name": None}, "DECISIONS_STREAM_NAME is not set"),
    ],
)
def test_what_is_not_set_stops_the_start(handler: str, given: dict[str, Any], said: str) -> None:
    settings: dict[str, Any] = {
        "join": "examples.orders_join", "join_table_name": "t", "join_queue_url": "http://127.0.0.1:9/q",
        "decisions_stream_name": "d", "quarantine_location": "s3://bucket/prefix",
    } | given  # fmt: skip
    with pytest.raises(SettingsError, match=said):
        getattr(Functions(JoinSettings(**settings)), handler)()


def test_a_join_of_ones_own_is_a_file_of_thirty_lines() -> None:
    assert len((ROOT / "examples" / "orders_join.py").read_text().splitlines()) <= 30


def test_a_join_that_would_wait_for_ever_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "waiting").mkdir()
    (tmp_path / "waiting" / "ever.py").write_text(
        "import dataclasses\nfrom examples.orders_join import join as patient\n"
        "join = dataclasses.replace(patient, decide=lambda verdicts, expected, expired: None)\n"
    )
    with pytest.raises(SettingsError, match=r"decide\({}, expected, expired=True\) returned None"):
        Functions(JoinSettings(join="waiting.ever"))


def test_no_other_name_is_a_function() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lambda_handler'"):
        getattr(functions, "lambda_handler")  # noqa: B009 - the module has no such name


def test_a_joins_process_imports_neither_numpy_nor_scikit_learn_nor_what_is_local() -> None:
    """The image of a join has none of them."""
    code = (
        "import sys; from threeways.join import functions; from threeways.settings import JoinSettings\n"
        "made = functions.Functions(JoinSettings(join='examples.orders_join', join_table_name='t', "
        "join_queue_url='http://127.0.0.1:9/q', decisions_stream_name='d', quarantine_location='s3://b/p'))\n"
        "made.join_events(), made.publish(), made.expire(), made.sweep()\n"
        "heavy = ('numpy', 'sklearn', 'scipy', 'skops', 'onnxruntime', 'yaml', 'pandas', 'moto', 'rich', "
        "'threeways.artifact', 'threeways.emulator', 'threeways.ops', 'threeways.training')\n"
        "print(*[name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_each_guarantee_names_tests_that_there_are() -> None:
    named = set(re.findall(r"test_\w+(?=`)", threeways.join.__doc__ or ""))
    text = "".join(path.read_text() for path in (ROOT / "tests" / "join").glob("test_*.py"))
    assert len(named) >= 14
    assert [name for name in sorted(named) if f"def {name}(" not in text] == []
