"""The parts of a SAM template that run here: functions, their event source mappings, and other resources."""

from __future__ import annotations

from dataclasses import dataclass, field

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping.queue_settings import QueueSettings
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.resources import Resource
from threeways.emulator.schedule import ScheduleSettings
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
class Trigger:
    """What invokes a function of a template other than a Kinesis stream. where: its place there.

    source: a table's or a queue's name, of this stack or another's, or a schedule's.
    """

    where: str
    function: FunctionConfig
    source: str
    settings: MappingSettings | QueueSettings | ScheduleSettings


@dataclass(frozen=True, slots=True)
class Stack:
    """The template's resources by logical id. The name of a FIFO queue or topic ends in `.fifo`.

    mappings: from Kinesis streams. Several may have one function, or one stream, in common. triggers: all
    that invokes functions beside them. There is at least one of both. tables, queues: their properties, as
    far as they matter here, are resolved.
    """

    streams: dict[str, Stream]
    buckets: dict[str, Resource]
    queues: dict[str, Resource]
    topics: dict[str, Resource]
    mappings: tuple[SourceMapping, ...]
    tables: dict[str, Resource] = field(default_factory=dict)
    triggers: tuple[Trigger, ...] = ()

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
