"""The same template deployed again, with the existing input stream: a second consumer of it."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest
from deploy_lab import Lab, client
from small_training import Training

from threeways.aws.kinesis import read_all
from threeways.errors import UsageError
from threeways.ops.deploy import parameters, smoke_test
from threeways.scoring import tasks

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]


@pytest.mark.exhaustive
def test_both_consumers_predict_each_event_on_a_stream_of_their_own(lab: Lab, training: Training) -> None:
    first = lab.deploy()
    lab.consume()
    kept = lab.answers_file.read_text()
    arn = first.outputs["InputStreamArn"]
    second = lab.deploy(
        stack="second", events_from="rides", parameters="OutputStreamName=seconds BatchSize=7"
    )
    assert lab.answers_file.read_text() == kept, "those of the first"
    assert lab.mapping("second")["EventSourceArn"] == lab.mapping()["EventSourceArn"] == arn
    assert (lab.mapping()["BatchSize"], lab.mapping("second")["BatchSize"]) == (500, 7)
    lab.consume("second")
    again = lab.deploy(stack="second", event=True)  # it keeps what it reads
    assert again.parameters["InputStreamArn"] == arn
    said = " ".join(lab.said.getvalue().split())
    assert (
        "event one is put on ride_events, which its other consumers get, too; its prediction stays on seconds"
        in said
    )
    assert "It came through" in said
    [own] = read_all(client("kinesis"), "seconds")
    assert training.report.model.run_id.encode() in own
    outputs = ("ModelBucket", "QuarantineLocation", "FailuresLocation", "FunctionName")
    assert {first.outputs[name] for name in outputs}.isdisjoint(second.outputs.values())
    with pytest.raises(UsageError, match="nothing was touched"):
        lab.destroy("no")  # of the first, which makes the stream
    assert f"ride_events is read by {lab.function('second')}, too: no event comes" in lab.said.getvalue()


@pytest.mark.exhaustive
def test_consumers_may_share_an_output_stream_whose_messages_name_their_model(
    lab: Lab, training: Training
) -> None:
    first = lab.deploy()
    output = first.outputs["OutputStreamArn"]
    second = lab.deploy(
        stack=None, task="ride_duration", events_from="rides", parameters=f"OutputStreamArn={output}"
    )
    assert second.name == "rides-ride-duration"
    assert second.outputs["OutputStreamArn"] == output
    assert lab.variables(second.name)["PREDICTIONS_STREAM_NAME"] == "ride_predictions"
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == ["ride_events", "ride_predictions"]
    lab.consume(second.name)
    run_id, ride = training.report.model.run_id, smoke_test.example_of(tasks.find("ride_duration"))
    assert ride
    theirs = Thread(
        target=answers_of_another_model, args=(first.outputs["InputStreamName"], "ride_predictions")
    )
    theirs.start()
    answer = smoke_test.send(second, ride, run_id, client, lab.console, look=0.5)
    theirs.join()
    assert answer["version"] == run_id, "and not the other's, which came first"


def answers_of_another_model(events: str, output: str) -> None:
    """Put a message of another model on the output stream for the first event that arrives."""
    kinesis = client("kinesis")
    [shard] = kinesis.list_shards(StreamName=events)["Shards"]
    where = {"StreamName": events, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**where)["ShardIterator"]
    while not (records := kinesis.get_records(ShardIterator=iterator)["Records"]):
        pass
    event_id = f"{shard['ShardId']}:{records[0]['SequenceNumber']}"
    message = {"model": "other", "version": "other", "prediction": {}, "source_event_id": event_id}
    kinesis.put_record(StreamName=output, Data=json.dumps(message).encode(), PartitionKey="k")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"events_from": "nowhere"}, "EVENTS_FROM=nowhere: there is no such stack in us-east-1"),
        ({"events_from": "rides"}, "EVENTS_FROM=rides is the stack that is deployed"),
        (
            {"events_from": "other", "stack": None},
            "EVENTS_FROM=other makes a further consumer.*STACK=.*TASK=",
        ),
        (
            {"task": "ride_tip", "parameters": "Task=ride_duration"},
            "TASK=ride_tip and .*Task=ride_duration differ",
        ),
        (
            {"parameters": "OutputStreamArn=arn:aws:kinesis:us-east-1:123456789012:stream/nowhere"},
            "OutputStreamArn=.*nowhere is not there",
        ),
        (
            {"parameters": "OutputStreamArn=arn:aws:kinesis:us-east-1:123456789012:stream/ride_events"},
            "ride_events would be both input and output",
        ),
        (
            {
                "parameters": "OutputStreamName=mine "
                "OutputStreamArn=arn:aws:kinesis:us-east-1:123456789012:stream/theirs"
            },
            "OutputStreamName=mine names a stream that the stack makes, OutputStreamArn one that is there",
        ),
    ],
)
def test_a_further_consumer_that_cannot_be_is_refused_before_anything_is_touched(
    lab: Lab, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        lab.deploy(**options)
    assert lab.tools.done == ["require"]
    assert client("kinesis").list_streams()["StreamNames"] == []


def test_a_consumer_of_one_stack_s_events_is_not_moved_to_another_s_in_passing(lab: Lab) -> None:
    lab.deploy()
    lab.deploy(stack="second", events_from="rides")
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == [
        "ride_events", "ride_predictions", "second-predictions",
    ]  # fmt: skip
    lab.deploy(stack="third", parameters="InputStreamName=others OutputStreamName=more")
    with pytest.raises(
        UsageError, match=r"the stack second reads .*/ride_events, and not .*/others of third"
    ):
        lab.deploy(stack="second", events_from="third")
    with pytest.raises(UsageError, match="name an input stream each"):
        lab.deploy(stack="fourth", events_from="third", parameters="InputStreamName=mine")


def test_a_consumer_of_an_existing_stream_makes_and_removes_none_and_takes_no_other_s_name(lab: Lab) -> None:
    client("kinesis").create_stream(StreamName="ride_events", ShardCount=1)
    lab.deploy(parameters="InputStreamArn=arn:aws:kinesis:us-east-1:123456789012:stream/ride_events")
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == ["ride_events", "ride_predictions"]
    steps = len(lab.tools.done)
    with pytest.raises(UsageError, match="there is a stream ride_events already"):
        lab.deploy(parameters="InputStreamArn=")
    assert lab.tools.done[steps:] == ["require"]
    lab.destroy()
    assert client("kinesis").list_streams()["StreamNames"] == ["ride_events"]


@pytest.mark.parametrize("name", ["EnhancedFanOut", "InputStreamArn"])
def test_another_source_is_said_to_be_another_mapping(name: str) -> None:
    """Which begins anew: docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html."""
    before = {name: "one", "BatchSize": "500"}
    assert parameters.changed(before, before) == []
    [source, size] = parameters.changed(before, {name: "two", "BatchSize": "7"})
    assert source.startswith(f"  change {name}: one -> two (another mapping: it begins at the oldest event")
    assert size == "  change BatchSize: 500 -> 7"
