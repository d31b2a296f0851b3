"""A join's image: its four functions by Lambda's runtime interface, beside a table, a queue and streams."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from threeways.aws.kinesis import read_all
from threeways.aws.kinesis_event import ROLE_ARN, EventRecord, KinesisPart, event_of
from threeways.docker import engine, images
from threeways.emulator.container import ContainerFunction
from threeways.emulator.provision import provision
from threeways.emulator.server import Emulator
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.emulator.triggers import mapping_of
from threeways.integration import sites
from threeways.join import finding
from threeways.join.join import Key, decision_id

ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
NAME = "moderation"
JOIN = finding.find(NAME)
SHARD = "shardId-000000000000"
SOON = 20.0
"""Seconds until the deadline of a key that is to expire: containers answer within that."""


class Site:
    """The stack of join.yaml, with containers of the image as its functions."""

    def __init__(self, emulator: Emulator, stack: Stack, image: str, running: ExitStack) -> None:
        self.emulator, self.stack = emulator, stack
        self.log: list[str] = []
        self.sent = 0
        configs = {one.function.logical_id: one.function for one in stack.mappings}
        configs |= {one.function.logical_id: one.function for one in stack.triggers}
        self.functions = {
            name: running.enter_context(
                ContainerFunction(config, emulator.environment(), self.log.append, image=image)
            )
            for name, config in configs.items()
        }

    def invoke(self, name: str, payload: bytes) -> Any:
        """A function's answer."""
        result = self.functions[name].invoke(payload)
        assert result.error is None, (result.error, self.log[-20:])
        return json.loads(result.payload or b"null")

    def join(self, *events: bytes, age: float = 0.0) -> Any:
        """Give events to the joiner, received so many seconds ago."""
        stream = self.stack.mappings[0].source
        members = []
        for data in events:
            self.sent += 1
            number = str(10**20 + self.sent)
            members.append(
                msgspec.json.encode(
                    EventRecord(
                        kinesis=KinesisPart("k", number, data, time.time() - age),
                        event_id=f"{SHARD}:{number}",
                        invoke_identity_arn=ROLE_ARN,
                        event_source_arn=stream.arn,
                        aws_region="us-east-1",
                    )
                )
            )
        return self.invoke("Joiner", event_of(members))

    def item(self, key: Key) -> dict[str, Any]:
        """A key's item."""
        table, name = self.emulator.client("dynamodb"), self.stack.tables["Table"].name
        found = table.get_item(TableName=name, Key={"key": {"S": json.dumps(key)}})
        return dict(found.get("Item", {}))

    def told(self) -> dict[str, dict[str, Any]]:
        """The messages on the decisions stream by their ids."""
        stream = self.stack.streams["DecisionsStream"].name
        found = [json.loads(data) for data in read_all(self.emulator.client("kinesis"), stream)]
        return {message["id"]: message for message in found}


@pytest.fixture(scope="module")
def site(join_image: str) -> Iterator[Site]:
    LOCAL.mkdir(exist_ok=True)
    with ExitStack() as running:
        emulator = running.enter_context(sites.emulator("moto", LOCAL))
        assert isinstance(emulator, Emulator)
        stack = load(ROOT / "join.yaml", {"Join": NAME}, name=f"join-{uuid.uuid4().hex[:8]}")
        provision(stack, emulator)
        yield Site(emulator, stack, join_image, running)


def subject(key: Key) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(JOIN.example), JOIN.id: key})


def verdict(source: str, key: Key, score: float = 0.01) -> bytes:
    fields = {field.name: field for field in msgspec.structs.fields(JOIN.verdicts[source])}
    prediction: dict[str, Any] = {JOIN.id: key}
    if "probabilities" in fields:
        [label] = msgspec.structs.fields(fields["probabilities"].type)
        prediction["probabilities"] = {label.encode_name: score}
    else:
        prediction["score"] = score
    said = {"model": source, "version": "1", "prediction": prediction, "source_event_id": f"{source}-{key}"}
    return json.dumps(said).encode()


def waited(until: Callable[[], bool], seconds: float = 60.0) -> bool:
    ends = time.monotonic() + seconds
    while not until() and time.monotonic() < ends:
        time.sleep(0.2)
    return until()


def test_it_has_no_model_s_packages_and_stays_small(join_image: str) -> None:
    said = engine.inside(
        join_image,
        "import importlib.util, json; print(json.dumps([name for name in "
        "('numpy', 'onnxruntime', 'sklearn', 'pandas', 'boto3', 'msgspec', 'threeways.join.functions') "
        "if importlib.util.find_spec(name)]))",
    )
    assert json.loads(said.splitlines()[-1]) == ["boto3", "msgspec", "threeways.join.functions"]
    assert images.added_mb(join_image) <= images.LIMITS_MB["join"]


def test_all_verdicts_make_a_decision_whose_messages_are_published(site: Site) -> None:
    answer = site.join(subject("whole"), *(verdict(source, "whole") for source in sorted(JOIN.expected)))
    assert answer == {"batchItemFailures": []}
    assert {"subject", "d#1", "outbox"} <= set(site.item("whole"))
    [outbox] = [one for one in site.stack.triggers if one.function.logical_id == "Publisher"]
    wanted = decision_id(JOIN.name, "whole", 1)
    with mapping_of(outbox, site.emulator, site.functions["Publisher"].invoke):
        assert waited(lambda: any(one["decision"] == wanted for one in site.told().values())), site.log[-20:]
        assert waited(lambda: "outbox" not in site.item("whole"))
    [decided] = [
        one for one in site.told().values() if one["decision"] == wanted and one["message"] == "decision"
    ]
    assert decided[JOIN.id] == "whole"


def test_the_deadline_s_message_and_the_sweeper_decide_what_is_missing(site: Site) -> None:
    age = JOIN.deadline - SOON
    opened = time.time()
    site.join(subject("late"), verdict(min(JOIN.expected), "late"), subject("swept"), age=age)
    assert "d#1" not in site.item("late")
    due = float(site.item("late")["due"]["N"])
    body = json.dumps({"key": "late", "due": due})
    message = {
        "messageId": "m1", "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {},
        "eventSource": "aws:sqs", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:timers",
    }  # fmt: skip
    payload = json.dumps({"Records": [message]}).encode()
    if time.time() < due:
        assert site.invoke("Expirer", payload) == {"batchItemFailures": []}
        assert time.time() > due or "d#1" not in site.item("late"), "it is sent again, and nothing is decided"
    time.sleep(max(0.0, due - time.time()) + 0.1)
    assert site.invoke("Expirer", payload) == {"batchItemFailures": []}
    assert "d#1" in site.item("late")
    assert "d#1" not in site.item("swept"), "its message is lost"
    site.invoke("Sweeper", json.dumps({"source": "aws.events", "detail-type": "Scheduled Event"}).encode())
    decided = json.loads(site.item("swept")["d#1"]["S"])
    assert sorted(decided["missing"]) == sorted(JOIN.expected)
    assert decided["expired"] is True
    assert time.time() - opened < 120


def test_what_is_no_event_is_in_quarantine_and_the_rest_is_joined(site: Site) -> None:
    answer = site.join(b"junk", subject("beside"))
    assert answer == {"batchItemFailures": []}
    assert "subject" in site.item("beside")
    bucket = site.stack.buckets["QuarantineBucket"].name
    listed = site.emulator.client("s3").list_objects_v2(Bucket=bucket)
    assert listed["KeyCount"] == 1
