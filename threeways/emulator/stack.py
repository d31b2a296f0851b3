"""The parts of a SAM template that run here: functions, their event source mappings, and other resources."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.resources import Resource
from threeways.errors import LocalError


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis stream. logical_id: "" where another stack makes it. shards: the initial number."""

    logical_id: str
    name: str
    shards: int
    arn: str


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """An event source mapping of a template, between a stream and a function. where: its place there.

    source: the stream. Given by its ARN, it may be another stack's: then it is not among `Stack.streams`,
    which are made with the stack.
    """

    where: str
    function: FunctionConfig
    source: Stream
    settings: MappingSettings


@dataclass(frozen=True, slots=True)
class Stack:
    """The template's resources by logical id. The name of a FIFO queue or topic ends in `.fifo`.

    mappings: at least one. Several may have one function, or one stream, in common.
    """

    streams: dict[str, Stream]
    buckets: dict[str, Resource]
    queues: dict[str, Resource]
    topics: dict[str, Resource]
    mappings: tuple[SourceMapping, ...]

    @property
    def function(self) -> FunctionConfig:
        """The function of the only mapping. Raises LocalError where there are several."""
        return self._only.function

    @property
    def source(self) -> Stream:
        """The stream of the only mapping. Raises LocalError where there are several."""
        return self._only.source

    @property
    def mapping(self) -> MappingSettings:
        """The settings of the only mapping. Raises LocalError where there are several."""
        return self._only.settings

    @property
    def _only(self) -> SourceMapping:
        if len(self.mappings) != 1:
            places = ", ".join(one.where for one in self.mappings)
            raise LocalError(
                f"the template has {len(self.mappings)} event source mappings from Kinesis, {places}; this "
                "takes exactly one: run another template, or each of `Stack.mappings` by itself"
            )
        return self.mappings[0]
