"""The same template deployed again, with the existing input stream: a second consumer of it."""

from __future__ import annotations

import pytest
from deploy_lab import Lab, client
from small_training import Training

from threeways.aws.kinesis import read_all
from threeways.errors import UsageError

pytest_plugins = ["deploy_fixtures"]


@pytest.mark.exhaustive
def test_both_consumers_predict_each_event_on_a_stream_of_their_own(lab: Lab, training: Training) -> None:
    first = lab.deploy()
    lab.consume()
    lab.answers_file.unlink()
    arn = first.outputs["InputStreamArn"]
    second = lab.deploy(
        stack="second", parameters=f"InputStreamArn={arn} OutputStreamName=seconds BatchSize=7"
    )
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
    kept = ("ModelBucket", "QuarantineLocation", "FailuresLocation", "FunctionName")
    assert {first.outputs[name] for name in kept}.isdisjoint(second.outputs.values())
    with pytest.raises(UsageError, match="nothing was touched"):
        lab.destroy("no")  # of the first, which makes the stream
    assert f"ride_events is read by {lab.function('second')}, too: no event comes" in lab.said.getvalue()


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
