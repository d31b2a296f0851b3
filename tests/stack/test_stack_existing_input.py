"""A stack that reads a stream which is there already: everything follows the stream of `InputStreamArn`."""

from __future__ import annotations

import json
from typing import Any

from test_stack_template import KEY, metrics, resolved
from transformed import TEMPLATE, of_type

from threeways.emulator.template import load

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/uploads"


def predictor_statements(**given: str) -> dict[str, Any]:
    [policy] = resolved(**given)["Resources"]["PredictorRole"]["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_the_stack_makes_no_stream_of_its_own_and_everything_names_the_existing_one() -> None:
    made = resolved(InputStreamArn=ARN)
    assert set(of_type(made, "AWS::Kinesis::Stream")) == {"OutputStream"}
    event = made["Resources"]["Predictor"]["Properties"]["Events"]["Input"]["Properties"]
    assert event["Stream"] == ARN
    assert predictor_statements(InputStreamArn=ARN)["ReadEvents"]["Resource"] == ARN
    [silence] = metrics(made["Resources"]["NoEvents"]["Properties"])
    assert silence["Dimensions"] == [{"Name": "StreamName", "Value": "uploads"}]
    body = made["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    named = [metric[3] for widget in json.loads(body)["widgets"] for metric in streams(widget)]
    assert sorted(named) == ["OutputStream", "uploads", "uploads", "uploads"]
    outputs = {name: made["Outputs"][name]["Value"] for name in ("InputStreamName", "InputStreamArn")}
    assert outputs == {"InputStreamName": "uploads", "InputStreamArn": ARN}
    assert not mentions(made, "InputStream")


def test_a_shared_output_is_made_by_another_and_everything_names_it() -> None:
    """docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html"""
    made = resolved(OutputStreamArn=ARN)
    assert set(of_type(made, "AWS::Kinesis::Stream")) == {"InputStream"}
    variables = made["Resources"]["Predictor"]["Properties"]["Environment"]["Variables"]
    assert variables["PREDICTIONS_STREAM_NAME"] == "uploads"
    statements = predictor_statements(OutputStreamArn=ARN)
    assert statements["PutPredictions"]["Resource"] == ARN
    assert statements["EncryptPredictions"]["Action"] == "kms:GenerateDataKey"
    condition = {"StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": ARN}}
    assert statements["EncryptPredictions"]["Condition"] == condition
    assert {made["Outputs"][name]["Value"] for name in ("OutputStreamName", "OutputStreamArn")} == {
        "uploads",
        ARN,
    }
    assert not mentions(made, "OutputStream")
    assert "EncryptPredictions" not in predictor_statements()


def streams(widget: dict[str, Any]) -> list[list[Any]]:
    shown = widget["properties"].get("metrics", [])
    return [metric for metric in shown if metric[0] == "AWS/Kinesis"]


def mentions(value: Any, name: str) -> bool:
    """Whether a reference to the resource is left anywhere: its name or an attribute of it."""
    if isinstance(value, dict):
        return any(mentions(part, name) for part in value.values())
    if isinstance(value, list):
        return any(mentions(part, name) for part in value)
    return value == name or f"<{name}." in str(value)


def test_without_it_everything_names_the_stack_s_own() -> None:
    made = resolved()
    assert set(of_type(made, "AWS::Kinesis::Stream")) == {"InputStream", "OutputStream"}
    assert predictor_statements()["ReadEvents"]["Resource"] == "<InputStream.Arn>"
    assert made["Outputs"]["InputStreamName"]["Value"] == "InputStream"
    assert "DecryptEvents" not in predictor_statements()


def test_records_of_the_existing_stream_are_decrypted_with_whichever_key_it_has() -> None:
    """docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html"""
    for given in ({}, {"KmsKeyArn": KEY}):
        decrypt = predictor_statements(InputStreamArn=ARN, **given)["DecryptEvents"]
        assert decrypt["Action"] == "kms:Decrypt"
        assert decrypt["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:kinesis:arn": ARN}}


def test_alarms_and_dashboard_name_the_metrics_of_this_stack_alone_whatever_its_task_is() -> None:
    made = resolved(Task="my_package.my_task")
    service = made["Resources"]["Predictor"]["Properties"]["Environment"]["Variables"][
        "POWERTOOLS_SERVICE_NAME"
    ]
    for metric in metrics(made["Resources"]["QuarantineRate"]["Properties"]):
        assert {"Name": "service", "Value": service} in metric["Dimensions"]
    body = json.loads(made["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    shown = [m for widget in body["widgets"] for m in widget["properties"].get("metrics", [])]
    ours = [metric for metric in shown if metric[0] == "Threeways"]
    assert ours
    assert {metric[metric.index("service") + 1] for metric in ours} == {service}


def test_the_local_reader_takes_the_existing_stream_and_does_not_make_it() -> None:
    stack = load(TEMPLATE, {"InputStreamArn": ARN, "OutputStreamName": "decisions"})
    assert (stack.source.name, stack.source.arn) == ("uploads", ARN)
    assert [stream.name for stream in stack.streams.values()] == ["decisions"]
