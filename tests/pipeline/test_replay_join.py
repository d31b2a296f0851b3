"""`make replay FUNCTION=` of a join: what was set aside is in its table, or in quarantine again."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from doubles import kinesis_event
from lambda_api import lambda_api
from replay_lab import SHARD, entry, failure_document, lines
from rich.console import Console

from threeways.emulator.function import InProcessFunction
from threeways.emulator.provision import provision
from threeways.emulator.server import Emulator
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.errors import LocationError
from threeways.join.functions import Functions
from threeways.ops.replay.join_proof import JoinProof
from threeways.ops.replay.ledger import ReplayLedger
from threeways.ops.replay.replay import Options, replay
from threeways.settings import JoinSettings, from_environment

TEMPLATE = Path(__file__).parents[2] / "join.yaml"
JOIN = """
import msgspec
from threeways.join.join import Decision, Join

class Order(msgspec.Struct):
    id: str

class Seen(msgspec.Struct):
    id: str
    score: float

join: Join[Order] = Join(
    name="orders", subject=Order, example=Order("1"), verdicts={"stock": Seen}, expected=frozenset({"stock"}),
    deadline=3600.0, decide=lambda found, expected, expired: Decision("ship") if found or expired else None,
    effects=lambda order, decided: (),
)
"""


def order(key: str) -> bytes:
    return json.dumps({"id": key}).encode()


def verdict(key: str, event_id: str = "e1") -> bytes:
    said = {
        "model": "stock",
        "version": "1",
        "prediction": {"id": key, "score": 0.5},
        "source_event_id": event_id,
    }
    return json.dumps(said).encode()


@pytest.fixture
def stack(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A join's stack with its function that reads events behind Lambda's API."""
    (tmp_path / "replayed_own").mkdir()
    (tmp_path / "replayed_own" / "orders.py").write_text(JOIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    made = load(TEMPLATE, {"Join": "replayed_own.orders"}, name=f"join-{uuid.uuid4().hex[:8]}")
    provision(made, emulator)
    variables = made.mappings[0].function.environment
    handler = Functions(from_environment(JoinSettings, variables)).join_events()
    function = InProcessFunction(handler, 60)
    with lambda_api("joiner", variables, function.invoke) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint)
        yield made


def run(location: str, folder: Path) -> tuple[ReplayLedger, str]:
    said = io.StringIO()

    def nobody(_: str) -> Any:
        raise AssertionError("nobody is to be asked, and nothing is brought up here")

    ledger = replay(Options(location, "joiner"), nobody, Console(file=said, width=200), folder, nobody)
    return ledger, said.getvalue()


def keys(emulator: Emulator, stack: Stack) -> dict[str, set[str]]:
    """The keys of the table, with their attributes."""
    items = emulator.client("dynamodb").scan(TableName=stack.tables["Table"].name)["Items"]
    return {json.loads(item["key"]["S"]): set(item) for item in items}


def test_quarantine_goes_into_the_table_and_what_is_still_wrong_stays_told(
    stack: Stack, emulator: Emulator, tmp_path: Path
) -> None:
    s3, bucket = emulator.client("s3"), stack.buckets["QuarantineBucket"].name
    records = [(1, order("a")), (2, verdict("a")), (3, verdict("b")), (4, b"junk"), (5, order("a"))]
    body = lines([entry(f"{SHARD}:{number}", data) for number, data in records])
    s3.put_object(Bucket=bucket, Key="quarantine/2026/03/01/13/a.jsonl", Body=body)
    ledger, said = run(f"s3://{bucket}/quarantine", tmp_path)
    assert (ledger.read, ledger.predicted, ledger.quarantined, ledger.complete) == (5, 4, 1, True)
    assert f"Events go into the table {stack.tables['Table'].name}" in said
    found = keys(emulator, stack)
    assert {"subject", "v#stock", "d#1"} <= found["a"]
    assert "v#stock" in found["b"]
    assert "subject" not in found["b"]


def test_a_batch_that_was_given_up_goes_into_the_table(
    stack: Stack, emulator: Emulator, tmp_path: Path
) -> None:
    s3, bucket = emulator.client("s3"), stack.buckets["FailuresBucket"].name
    s3.put_object(
        Bucket=bucket,
        Key="aws/lambda/a.json",
        Body=failure_document(kinesis_event([order("c"), verdict("c")])),
    )
    changes = {"version": "1.0", "DDBStreamBatchInfo": {"batchSize": 1}, "payload": {"Records": []}}
    s3.put_object(Bucket=bucket, Key="aws/lambda/b.json", Body=json.dumps(changes).encode())
    ledger, said = run(f"s3://{bucket}/aws/lambda", tmp_path)
    assert (ledger.read, ledger.predicted, ledger.unreadable, ledger.removed) == (2, 2, 1, 1)
    assert "d#1" in keys(emulator, stack)["c"]
    assert "of a join the sweeper puts their messages" in said


def test_what_the_function_says_is_done_and_the_table_has_not_is_lost_and_stays(
    stack: Stack, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, bucket = emulator.client("s3"), stack.buckets["QuarantineBucket"].name
    s3.put_object(Bucket=bucket, Key="quarantine/a.jsonl", Body=lines([entry(f"{SHARD}:1", order("z"))]))
    variables = stack.mappings[0].function.environment
    answers = InProcessFunction(lambda event, context: {"batchItemFailures": []}, 60)
    monkeypatch.setattr("threeways.ops.replay.replay.JoinProof", partial(JoinProof, patience=0.2))
    with lambda_api("joiner", variables, answers.invoke) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint)
        ledger, _ = run(f"s3://{bucket}/quarantine", tmp_path)
    assert (ledger.lost, ledger.removed, ledger.complete) == (1, 0, False)


def test_without_the_join_here_nothing_is_touched(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    s3, bucket = emulator.client("s3"), stack.buckets["QuarantineBucket"].name
    s3.put_object(Bucket=bucket, Key="quarantine/a.jsonl", Body=lines([entry(f"{SHARD}:1", order("z"))]))
    variables = stack.mappings[0].function.environment | {"JOIN": "nowhere.orders"}
    with lambda_api("joiner", variables, lambda _: pytest.fail("it is not called")) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint)
        with pytest.raises(LocationError, match=r"can't be used from here.*no module nowhere"):
            run(f"s3://{bucket}/quarantine", tmp_path)
