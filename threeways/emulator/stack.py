"""The parts of a SAM template that run here: a function, its Kinesis event, and other resources."""

from __future__ import annotations

from dataclasses import dataclass, field

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.settings import MappingSettings

__all__ = ["Bucket", "FunctionConfig", "Queue", "Stack", "Stream", "Topic"]


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis stream. logical_id: "" where another stack makes it. shards: the initial number."""

    logical_id: str
    name: str
    shards: int
    arn: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket."""

    logical_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue; a FIFO one's name ends in `.fifo`."""

    logical_id: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Topic:
    """An SNS topic; a FIFO one's name ends in `.fifo`."""

    logical_id: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The template's resources by logical id.

    source: the stream of the function's Kinesis event. Given by its ARN, it may be another stack's: then it
    is not among `streams`, which are made with the stack.
    """

    streams: dict[str, Stream]
    buckets: dict[str, Bucket]
    function: FunctionConfig
    source: Stream
    mapping: MappingSettings
    queues: dict[str, Queue] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
