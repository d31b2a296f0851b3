"""The same template deployed again, with the existing input stream: a second consumer of it."""

from __future__ import annotations

from deploy_lab import Lab, client
from small_training import Training

from threeways.aws.kinesis import read_all

pytest_plugins = ["deploy_fixtures"]


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
    assert {
        first.outputs[name] for name in ("ModelBucket", "QuarantineLocation", "FailuresLocation")
    }.isdisjoint(second.outputs.values())


def test_a_consumer_that_is_removed_leaves_the_stream_to_the_others(lab: Lab) -> None:
    client("kinesis").create_stream(StreamName="uploads", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/uploads"
    lab.deploy(parameters=f"InputStreamArn={arn}")
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == ["ride_predictions", "uploads"]
    lab.destroy()
    assert client("kinesis").list_streams()["StreamNames"] == ["uploads"]


def test_removing_a_stream_s_stack_says_who_else_reads_it(lab: Lab) -> None:
    first = lab.deploy()
    lab.answers_file.unlink()
    lab.deploy(
        stack="second", parameters=f"InputStreamArn={first.outputs['InputStreamArn']} OutputStreamName=s"
    )
    lab.answers_file.unlink()
    lab.destroy()
    assert (
        f"ride_events is read by {lab.function('second')}, too: no event comes there any more"
        in lab.said.getvalue()
    )
