"""`make replay FUNCTION=`: a deployed function, by Lambda's HTTP API; the account is the emulator."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from doubles import kinesis_event, ride
from lambda_api import lambda_api
from replay_lab import SHARD, Lab, entry, failure_document, lines
from rich.console import Console

from threeways.aws.invocation import THROTTLED, FunctionError, InvocationResult
from threeways.errors import LocationError
from threeways.ops.replay.ledger import ReplayLedger
from threeways.ops.replay.replay import Options, replay

pytest_plugins = ["replay_fixtures"]


@pytest.fixture
def variables(lab: Lab) -> dict[str, str]:
    return {"PREDICTIONS_STREAM_NAME": lab.name, "QUARANTINE_LOCATION": lab.quarantine}


@pytest.fixture(autouse=True)
def _function(lab: Lab, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with lambda_api("predictor", variables, lab.invoke) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint)
        yield


def not_here(folder: str) -> Any:
    raise AssertionError("a deployed function is not brought up here")


def not_asked(question: str) -> bool:
    raise AssertionError("nobody is to be asked")


def run(
    location: str, folder: Path, *, confirm: Callable[[str], bool] = not_asked, **options: Any
) -> tuple[ReplayLedger, str]:
    said = io.StringIO()
    console = Console(file=said, width=200)
    given = Options(location, **{"function": "predictor"} | options)
    return replay(given, not_here, console, folder, confirm), said.getvalue()


def test_quarantine_on_s3_is_scored_by_the_deployed_function(lab: Lab, tmp_path: Path) -> None:
    good, bad = f"{SHARD}:1", f"{SHARD}:2"
    lab.put("quarantine/2026/03/01/13/a.jsonl", lines([entry(good, ride(1)), entry(bad, b"junk")]))
    ledger, said = run(lab.quarantine, tmp_path)
    assert (ledger.read, ledger.predicted, ledger.quarantined, ledger.complete) == (2, 1, 1, True)
    assert (lab.predicted_ids(), lab.quarantined()) == ([good], [bad])
    for told in (lab.quarantine, "predictor", f"stream {lab.name}", "no real account: http://127.0.0.1"):
        assert said.index(told) < said.index("events done"), "it says first what it will touch"
    assert json.loads((tmp_path / "last-replay.json").read_text())["predicted"] == 1


def test_a_throttled_or_failing_function_is_told_and_tried_again(lab: Lab, tmp_path: Path) -> None:
    errors = [FunctionError(THROTTLED, "Rate"), FunctionError("ValueError", "not today")]
    lab.before = lambda event: InvocationResult(error=errors.pop()) if errors else None
    lab.put("quarantine/a.jsonl", lines([entry(f"{SHARD}:1", ride(1))]))
    ledger, said = run(lab.quarantine, tmp_path)
    assert (ledger.predicted, ledger.complete) == (1, True)
    assert "not today" in said


def test_a_queue_s_documents_are_fetched_from_the_stream_and_done_messages_leave(
    lab: Lab, tmp_path: Path
) -> None:
    sqs: Any = boto3.client("sqs")
    queue = sqs.create_queue(QueueName=lab.name)["QueueUrl"]
    lab.kinesis.create_stream(StreamName=f"{lab.name}-in", ShardCount=1)
    numbers = [
        lab.kinesis.put_record(StreamName=f"{lab.name}-in", PartitionKey="k", Data=data)["SequenceNumber"]
        for data in (ride(1), b"junk", ride(2))
    ]
    batch = {"streamArn": f"arn:aws:kinesis:us-east-1:123456789012:stream/{lab.name}-in", "batchSize": 3}
    batch |= {"startSequenceNumber": numbers[0], "endSequenceNumber": numbers[2]}
    for body in (failure_document(None, **batch), b"a note"):
        sqs.send_message(QueueUrl=queue, MessageBody=body.decode())
    ledger, said = run(queue, tmp_path)
    assert (ledger.read, ledger.predicted, ledger.quarantined, ledger.unreadable) == (3, 2, 1, 1)
    assert lab.predicted_ids() == [f"{SHARD}:{numbers[0]}", f"{SHARD}:{numbers[2]}"]
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == (
        "0", "1",
    )  # fmt: skip
    assert "neither quarantine's" in said


def test_what_of_a_queue_is_not_done_is_visible_again_at_once(lab: Lab, tmp_path: Path) -> None:
    sqs: Any = boto3.client("sqs")
    queue = sqs.create_queue(QueueName=lab.name)["QueueUrl"]
    lab.before = lambda event: InvocationResult(error=FunctionError("ValueError", "no"))
    document = failure_document(kinesis_event([ride(1)]))
    sqs.send_message(QueueUrl=queue, MessageBody=document.decode())
    ledger, _ = run(queue, tmp_path)
    assert (ledger.unfinished, ledger.complete) == (1, False)
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"].encode() == document


def test_a_folder_may_be_replayed_with_a_deployed_function(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.jsonl").write_bytes(lines([entry(f"{SHARD}:1", ride(1))]))
    ledger, _ = run(str(tmp_path / "here"), tmp_path / "local")
    assert ledger.predicted == 1
    assert list((tmp_path / "here").iterdir()) == []


def test_nothing_there_is_no_failure(lab: Lab, tmp_path: Path) -> None:
    ledger, said = run(lab.quarantine, tmp_path)
    assert (ledger.complete, lab.events) == (True, [])
    assert "nothing to replay" in said


@pytest.fixture
def _real(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that does not look like this machine, though it is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.emulator.endpoint_url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104


@pytest.mark.usefixtures("_real")
def test_before_a_real_account_is_touched_it_is_named_and_the_user_is_asked(lab: Lab, tmp_path: Path) -> None:
    lab.put("quarantine/a.jsonl", lines([entry(f"{SHARD}:1", ride(1))]))
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(LocationError, match="nothing was touched"):
        run(lab.quarantine, tmp_path, confirm=refuse)
    assert (len(asked), lab.events) == (1, [])
    ledger, said = run(lab.quarantine, tmp_path, yes=True)
    assert ledger.predicted == 1
    assert "the real AWS account 123456789012" in said


def test_a_place_elsewhere_needs_a_deployed_function(tmp_path: Path) -> None:
    with pytest.raises(LocationError, match="FUNCTION=name"):
        run("s3://somewhere/quarantine", tmp_path, function=None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"TEST_RUN": "true"}, "puts no predictions"), ({"PREDICTIONS_STREAM_NAME": ""}, "puts no predictions"),
     ({"TEST_RUN": "perhaps"}, "TEST_RUN|test_run")],
)  # fmt: skip
def test_a_function_that_cannot_deliver_is_refused(
    lab: Lab, variables: dict[str, str], tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    lab.put("quarantine/a.jsonl", lines([entry(f"{SHARD}:1", ride(1))]))
    variables |= change
    with pytest.raises(LocationError, match=reason):
        run(lab.quarantine, tmp_path)
    assert lab.quarantined() == [f"{SHARD}:1"]


def test_a_function_or_a_bucket_that_is_not_there_is_named(lab: Lab, tmp_path: Path) -> None:
    lab.put("quarantine/a.jsonl", lines([entry(f"{SHARD}:1", ride(1))]))
    with pytest.raises(LocationError, match="FUNCTION=nobody"):
        run(lab.quarantine, tmp_path, function="nobody")
    with pytest.raises(LocationError, match="no-such-bucket"):
        run("s3://no-such-bucket/q", tmp_path)


def test_an_aws_that_fails_in_the_middle_ends_it_with_a_true_ledger(
    lab: Lab, variables: dict[str, str], tmp_path: Path
) -> None:
    variables["PREDICTIONS_STREAM_NAME"] = "no-such-stream"
    lab.put("quarantine/a.jsonl", lines([entry(f"{SHARD}:1", ride(1))]))
    ledger, said = run(lab.quarantine, tmp_path)
    assert (ledger.read, ledger.unfinished, ledger.complete) == (1, 1, False)
    assert "no-such-stream" in said
    assert lab.quarantined() == [f"{SHARD}:1"]
