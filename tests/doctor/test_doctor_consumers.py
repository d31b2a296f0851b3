"""Rules on what several consumers of one stream share, and on what a filter lets through."""

from __future__ import annotations

from templates import SOUND
from test_doctor_rules import found


def mapping(name: str, source: str) -> str:
    """A sound mapping of a function elsewhere, in CloudFormation's form. source: its stream, as YAML."""
    event = SOUND.split("          Properties:\n")[1].replace("            ", "      ")
    event = event.replace("Stream:", "EventSourceArn:").replace("Type: S3, ", "")
    head = f"  {name}:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n"
    return head + "      FunctionName: elsewhere\n" + event.replace("!GetAtt Orders.Arn", source)


def test_three_consumers_of_one_stream_are_too_many_unless_they_have_fan_outs_of_their_own() -> None:
    fan_out = "  Fan: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: !GetAtt Orders.Arn}}\n"
    two = SOUND + fan_out + mapping("Second", "!GetAtt Orders.Arn")
    assert found(two + mapping("Third", "!GetAtt Fan.ConsumerARN")) == set()
    assert found(two + mapping("Third", "!GetAtt Orders.Arn")) == {"W9713"}


def test_consumers_of_a_stream_elsewhere_are_counted_by_its_arn() -> None:
    theirs = "arn:aws:kinesis:us-east-1:123456789012:stream/theirs"
    two = SOUND + mapping("Second", theirs) + mapping("Third", theirs)
    assert found(two) == set()
    assert found(two + mapping("Fourth", f"{theirs}/consumer/fast:1")) == set()
    assert found(two + mapping("Fourth", theirs)) == {"W9713"}


def test_a_filter_with_fan_out_sees_what_is_in_aggregated_records() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html"""
    fan_out = "  Fan: {Type: AWS::Kinesis::StreamConsumer, Properties: {StreamARN: !GetAtt Orders.Arn}}\n"
    filtered = '      FilterCriteria: {Filters: [{Pattern: \'{"data": {"a": [1]}}\'}]}\n'
    assert found(SOUND + fan_out + mapping("Second", "!GetAtt Fan.ConsumerARN") + filtered) == set()
    assert found(SOUND + fan_out + mapping("Second", "!GetAtt Orders.Arn") + filtered) == {"E9717"}
    none = "      FilterCriteria: {Filters: []}\n"
    assert found(SOUND + mapping("Second", "!GetAtt Orders.Arn") + none) == set()


def test_a_stream_takes_twenty_fan_out_consumers() -> None:
    """docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
    fan_out = (
        "  Fan{}: {{Type: AWS::Kinesis::StreamConsumer, Properties: {{StreamARN: !GetAtt Orders.Arn}}}}\n"
    )
    twenty = SOUND + "".join(map(fan_out.format, range(20)))
    assert found(twenty) == set()
    assert found(twenty + fan_out.format(20)) == {"W9715"}
