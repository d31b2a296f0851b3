"""What a SAM template describes, as far as it runs here: a function, streams, buckets, a Kinesis event."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.local.function.config import FunctionConfig
from threeways.local.mapping.settings import MappingSettings

__all__ = ["Bucket", "FunctionConfig", "Stack", "Stream"]


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis stream. shards: as provisioned at the start."""

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
class Stack:
    """The template's resources, by logical id. source: the stream that the function's Kinesis event names."""

    streams: dict[str, Stream]
    buckets: dict[str, Bucket]
    function: FunctionConfig
    source: Stream
    mapping: MappingSettings
