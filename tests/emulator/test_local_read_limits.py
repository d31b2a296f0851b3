"""What the mappings of a shard may read together.

docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threeways.emulator.harness import Harness
from threeways.emulator.mapping import ReadLimits
from threeways.emulator.template import load
from threeways.errors import LocalError

type Make = Callable[..., Harness]
SHARD = "shardId-000000000000"
MB = 10**6


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def test_a_shard_is_read_five_times_a_second_and_each_shard_by_itself() -> None:
    clock = Clock()
    limits = ReadLimits(clock=clock)
    assert [limits.take(SHARD) for _ in range(6)] == [True] * 5 + [False]
    assert limits.take("another")
    clock.now += 0.2
    assert [limits.take(SHARD) for _ in range(2)] == [True, False]
    clock.now += 60
    assert sum(limits.take(SHARD) for _ in range(20)) == 5


def test_after_a_read_of_ten_megabytes_those_of_five_seconds_are_refused() -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
    clock = Clock()
    limits = ReadLimits(clock=clock)
    assert limits.take(SHARD)
    limits.read(SHARD, 10 * MB)
    clock.now += 4.99
    assert not limits.take(SHARD)
    clock.now += 0.02
    assert limits.take(SHARD)


def test_two_megabytes_a_second_are_never_refused_and_more_are() -> None:
    clock = Clock()
    limits = ReadLimits(clock=clock)
    for _ in range(50):
        assert limits.take(SHARD)
        limits.read(SHARD, 4 * MB // 10)
        clock.now += 0.2
    for _ in range(10):
        limits.read(SHARD, MB)
    assert not limits.take(SHARD)


def test_enhanced_fan_out_has_no_limit_on_calls_and_bytes_of_its_own() -> None:
    """docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html"""
    limits = ReadLimits(fan_out=True, clock=Clock())
    assert all(limits.take(SHARD) for _ in range(100))
    limits.read(SHARD, 3 * MB)
    assert not limits.take(SHARD)


def test_mappings_that_poll_share_a_shards_reads_and_one_with_fan_out_does_not(
    event_source_mapping: Make, emulator: Any
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: shared and dedicated throughput"""
    limits = ReadLimits()
    first = event_source_mapping(nothing, limits=limits)
    others = [event_source_mapping(nothing, limits=limits, stream=first.stream) for _ in range(7)]
    consumer = f"arn:aws:kinesis:us-east-1:123456789012:stream/{first.stream}/consumer/tip:1"
    alone = event_source_mapping(nothing, limits=limits, stream=first.stream, Stream=consumer)
    everyone = [first, *others, alone]
    ids = [first.put({"n": n}) for n in range(30)]
    for one in everyone:
        one.start()
    for one in everyone:
        one.drain()
        assert [name for made in one.invocations for name in made.ids] == ids
    assert sum(one.counts().reads_refused for one in everyone[:-1]) > 0
    assert alone.counts().reads_refused == 0


TEMPLATE = """
Resources:
  In: {Type: "AWS::Kinesis::Stream", Properties: {Name: rides}}
  Reader: {Type: "AWS::Kinesis::StreamConsumer", Properties: {ConsumerName: tip, StreamARN: !GetAtt In.Arn}}
  Tip:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        In: {Type: Kinesis, Properties: {Stream: !GetAtt Reader.ConsumerARN, StartingPosition: LATEST}}
"""


def test_a_template_s_stream_consumer_gives_its_mapping_fan_out(tmp_path: Path) -> None:
    """docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-streamconsumer.html"""
    path = tmp_path / "template.yaml"
    for reference in ("!GetAtt Reader.ConsumerARN", "!Ref Reader"):
        path.write_text(TEMPLATE.replace("!GetAtt Reader.ConsumerARN", reference))
        stack = load(path)
        assert stack.mapping.fan_out
        assert stack.source == stack.streams["In"]
    project = Path(__file__).parents[2] / "template.yaml"
    assert [load(project, {"EnhancedFanOut": given}).mapping.fan_out for given in ("false", "true")] == [
        False,
        True,
    ]


def test_twenty_one_fan_out_consumers_of_a_stream_are_refused(tmp_path: Path) -> None:
    """docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html: 20 registered consumers"""
    kind = 'Type: "AWS::Kinesis::StreamConsumer"'
    for count in (19, 20):
        more = "\n".join(
            f"  More{n}: {{{kind}, Properties: {{ConsumerName: c{n}, StreamARN: !GetAtt In.Arn}}}}"
            for n in range(count)
        )
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE + more)
        if count == 19:
            load(path)
            continue
        with pytest.raises(LocalError, match=r"More19 is consumer 21 of .*; AWS takes 20"):
            load(path)
