"""The event source mapping: where it starts, what it is told to change, and how far it is."""

from __future__ import annotations

import time
import uuid as uuids
from collections.abc import Callable
from threading import Event, RLock
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import InvocationResult
from threeways.aws.kinesis import list_shards
from threeways.emulator.failures import raise_failure
from threeways.emulator.mapping.counts import MappingCounts, MappingEvent, MappingReporter
from threeways.emulator.mapping.destination import NO_CLIENTS, Clients, Destination
from threeways.emulator.mapping.lane import Work
from threeways.emulator.mapping.poller import Poller
from threeways.emulator.mapping.read_limits import ReadLimits
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.mapping.shards import Shards
from threeways.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from threeways.emulator.mapping.position import Shard

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:local"


class EventSourceMapping:
    """Feeds a function from a stream as AWS does. A context manager that runs the mapping.

    docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html; docs/event-source-mapping.md has the details.
    stream: the stream's name; of a table's stream, which is read through `as_kinesis`, its ARN. invoke:
    called with an event's JSON bytes, from one thread a lane at a time; `LocalFunction.invoke`, or any
    function with its results (an exception counts as a function error). clients: boto3's; the one for the
    settings' failure destination is required. uuid: part of the objects' names there. on_event: called from
    the lanes' threads with what a user should see; it must return quickly. clock: epoch seconds. backoff:
    consecutive failures (from 1) -> seconds until the next try. limits: of reads, shared with other mappings
    of the stream; None for none. With enhanced fan-out a mapping has its own.
    """

    def __init__(
        self,
        kinesis: KinesisClient,
        stream: str,
        invoke: Callable[[bytes], InvocationResult],
        settings: MappingSettings,
        *,
        clients: Clients = NO_CLIENTS,
        function_arn: str = FUNCTION_ARN,
        uuid: str | None = None,
        on_event: Callable[[MappingEvent], None] | None = None,
        clock: Callable[[], float] = time.time,
        backoff: Callable[[int], float] = MAPPING_BACKOFF.after,
        limits: ReadLimits | None = None,
    ) -> None:
        self.uuid = uuid or str(uuids.uuid4())
        self._kinesis, self._stream = kinesis, stream
        self._invoke, self._clients, self._function_arn = invoke, clients, function_arn
        self._clock, self._backoff, self._limits = clock, backoff, limits
        self._reporter = MappingReporter(on_event)
        self._settings = settings
        self._work = self._work_of(settings)
        self._shards = Shards(kinesis, stream, settings)
        self._poller: Poller | None = None
        self._arn = ""
        self._stopping = Event()
        self._failure: BaseException | None = None
        self._lock = RLock()

    def _work_of(self, settings: MappingSettings) -> Work:
        to = settings.destination
        destination = Destination(to, self._clients, self.uuid, self._function_arn) if to else None
        limits = ReadLimits(fan_out=True) if settings.fan_out else self._limits
        return Work(
            settings, self._invoke, destination, self._reporter, self._clock, self._backoff, Event(), limits
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def enabled(self) -> bool:
        """Whether it reads, as its settings say; `update` changes them."""
        return self._settings.enabled

    @property
    def settings(self) -> MappingSettings:
        """Its settings as they are now."""
        return self._settings

    def start(self) -> None:
        """Begin to read at the starting position; a disabled mapping only takes that position.

        Raises LocalError if the stream cannot be read, or if the starting timestamp lies in the future.
        """
        settings = self._settings
        if settings.starting_timestamp is not None and settings.starting_timestamp > self._clock():
            raise LocalError(
                "StartingPositionTimestamp lies in the future, which AWS refuses: take a past one"
            )
        with self._lock:
            if self._arn:
                raise LocalError("the mapping was started before: make another EventSourceMapping")
            try:
                summary = self._kinesis.describe_stream_summary(StreamName=self._stream)
                begun = self._shards.at_start()
            except (ClientError, BotoCoreError) as error:
                raise LocalError(f"stream {self._stream} cannot be read: {error}") from error
            self._arn = summary["StreamDescriptionSummary"]["StreamARN"]
            if settings.enabled:
                self._poll(begun)

    def update(self, settings: MappingSettings) -> None:
        """Change the settings: from then on it reads from its checkpoint on, or not at all if disabled.

        docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html. Invocations in progress are
        finished first. What is done beyond a checkpoint comes again. Raises LocalError for what cannot be
        changed.
        """
        for name in ("starting_position", "starting_timestamp", "fan_out"):
            if getattr(settings, name) != getattr(self._settings, name):
                raise LocalError(
                    "the stream and the starting position of a mapping cannot be changed: make another one, "
                    "which begins anew"
                )
        work = self._work_of(settings)
        with self._lock:
            if self._poller is not None:
                self._poller.join()
                self._poller = None
                self._shards.rewind()
            self._settings, self._work = settings, work
            if settings.enabled and self._arn and not self._stopping.is_set():
                self._poll(self._shards.unfinished())

    def _poll(self, shards: list[Shard]) -> None:
        self._poller = Poller(self._kinesis, self._stream, self._arn, self._shards, self._work, self._failed)
        self._poller.start(shards)

    def _failed(self, error: Exception) -> None:
        self._failure = error
        self.halt()

    def halt(self) -> None:
        """Stop without waiting; `stop` waits."""
        self._stopping.set()
        poller = self._poller
        if poller is not None:
            poller.halt()

    def stop(self) -> dict[str, str | None]:
        """Stop reading, finish the invocations in progress, and return the `positions`. Idempotent.

        Raises LocalError if a thread of the mapping has failed.
        """
        self.halt()
        with self._lock:
            if self._poller is not None:
                self._poller.join()
        raise_failure(self._failure, "the event source mapping")
        return self.positions()

    def drained(self) -> bool:
        """Return whether everything on the stream is done: no shard has a record after its checkpoint.

        It queries the stream, by one small read a shard. Raises LocalError if a thread has failed.
        """
        raise_failure(self._failure, "the event source mapping")
        if not self._arn:
            raise LocalError("the mapping was not started")
        poller = self._poller
        if poller is not None and poller.holds_records:
            return False
        try:
            return not self._shards.behind(list_shards(self._kinesis, self._stream))
        except (ClientError, BotoCoreError) as error:
            self._reporter.report(MappingEvent("read_failed", "", f"drained: {error}"))
            return False

    def positions(self) -> dict[str, str | None]:
        """Return by shard id the sequence number up to which everything is done; None: nothing yet."""
        return self._shards.positions()

    def counts(self) -> MappingCounts:
        """Return the counters; their `metrics()` has CloudWatch's names."""
        return self._reporter.snapshot()
