"""The parts of a SAM template that run here: a function, its Kinesis event, and other resources."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.resources import Resource


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis stream. logical_id: "" where another stack makes it. shards: the initial number."""

    logical_id: str
    name: str
    shards: int
    arn: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The template's resources by logical id. The name of a FIFO queue or topic ends in `.fifo`.

    source: the stream of the function's Kinesis event. Given by its ARN, it may be another stack's: then it
    is not among `streams`, which are made with the stack.
    """

    streams: dict[str, Stream]
    buckets: dict[str, Resource]
    queues: dict[str, Resource]
    topics: dict[str, Resource]
    function: FunctionConfig
    source: Stream
    mapping: MappingSettings
