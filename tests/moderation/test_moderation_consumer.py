"""The example consumer acts on each message once: however often it comes, in any order, whoever dies."""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moderation_lab import UPLOAD, a_join, by_person, verdict

from threeways.emulator.faults import Fault, Kind, Script
from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.join.join import Decision, decided_of

type Handler = Callable[[Any, Any], Any]
EXAMPLES = Path(__file__).parents[2] / "examples"
FILTERS = [{"Pattern": json.dumps({"data": {"message": [kind]}})} for kind in ("notification", "stop_upload")]


class Consumer:
    """The function on a stream, with its tables and its queue."""

    def __init__(self, emulator: Emulator, handler: Handler | None = None, **more: Any) -> None:
        name = uuid.uuid4().hex
        self.dynamodb, self.sqs = emulator.client("dynamodb"), emulator.client("sqs")
        self.uploads, sent = f"uploads-{name}", f"sent-{name}"
        for table, key in ((self.uploads, "upload_id"), (sent, "id")):
            self.dynamodb.create_table(
                TableName=table, KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )  # fmt: skip
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.variables = {
            "SENT_TABLE": sent, "UPLOADS_TABLE": self.uploads, "NOTIFICATIONS_QUEUE": self.queue,
            "CLAIM_SECONDS": "1",
        }  # fmt: skip
        self.harness = Harness(
            emulator, handler or "decisions.handler", root=None if handler else EXAMPLES,
            environment=None if handler else self.variables, BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            FilterCriteria={"Filters": FILTERS}, backoff=lambda _: 0.1, timeout=60.0, **more,
        )  # fmt: skip

    def sent(self) -> Counter[str]:
        """How often each notification was sent."""
        found: Counter[str] = Counter()
        while got := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            found.update(json.loads(one["Body"])["id"] for one in got)
            for one in got:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return found

    def stopped(self) -> dict[str, bool]:
        items = self.dynamodb.scan(TableName=self.uploads)["Items"]
        return {item["upload_id"]["S"]: item["stopped"]["BOOL"] for item in items}


def messages(upload_id: str, *outcomes: str) -> list[dict[str, Any]]:
    """The messages of an upload's revisions, as the join puts them."""
    join = a_join()
    made = []
    for revision, outcome in enumerate(outcomes, 1):
        found = {"nsfw": verdict(join, "nsfw", 0.95), "reviewer": by_person(join, outcome)}
        decision = join.decide(found, join.expected, True)
        assert isinstance(decision, Decision)
        decided = decided_of(join, upload_id, revision, decision)
        made += [
            {
                "message": one.kind,
                "id": f"{decided.id}-{one.kind}",
                "revision": revision,
                "upload_id": upload_id,
            }
            | dict(one.body)
            for one in join.effects(UPLOAD, decided)
        ]
    return made


def test_redelivered_and_reordered_messages_notify_once_and_leave_the_upload_as_the_last_revision_says(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(EXAMPLES)
    consumer = Consumer(emulator, importlib.import_module("decisions").handler)
    for name, value in consumer.variables.items():
        monkeypatch.setenv(name, value)
    made = [
        *messages("a", "remove", "allow"), *messages("b", "allow", "remove"), *messages("c", "allow"),
        *messages("d", "remove", "allow", "remove"),
    ]  # fmt: skip
    shuffled = made * 2
    random.Random(1).shuffle(shuffled)
    for message in shuffled:
        consumer.harness.put(message)
    with consumer.harness:
        consumer.harness.drain(within=120)
    assert consumer.sent() == Counter(one["id"] for one in made if one["message"] == "notification")
    assert consumer.stopped() == {"a": False, "b": True, "d": True}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("operation", "kind", "times"),
    [
        ("SendMessage", Kind.KILL_BEFORE, 1),
        ("SendMessage", Kind.KILL_AFTER, 2),
        ("SendMessage", Kind.ERROR, 1),
    ],
)
def test_a_function_that_dies_while_it_notifies_loses_nothing(
    emulator: Emulator, operation: str, kind: Kind, times: int
) -> None:
    """Sent twice only where it died between sending and marking."""
    script = Script(**{operation: [Fault(kind)]})
    consumer = Consumer(emulator, faults=script)
    made = [*messages("a", "remove"), *messages("b", "allow")]
    for message in made:
        consumer.harness.put(message)
    with consumer.harness:
        consumer.harness.drain(within=120)
    first, second = (one["id"] for one in made if one["message"] == "notification")
    assert consumer.sent() == {first: times, second: 1}
    assert consumer.stopped() == {"a": True}


@pytest.mark.parametrize("name", ["aggregated", "consumer", "decisions", "orders_join"])
def test_an_example_is_imported_without_a_region_and_without_a_file(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": f"{EXAMPLES}:{EXAMPLES.parent}", "AWS_CONFIG_FILE": os.devnull},
    )  # fmt: skip
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
