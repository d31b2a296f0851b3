"""The event source mapping: a worker for each readable shard, while the stream is split and merged."""

from __future__ import annotations

import time
import uuid as uuids
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.calls import MAPPING_BACKOFF
from threeways.aws.invocation import InvocationResult
from threeways.aws.kinesis import list_shards
from threeways.aws.kinesis_event import ROLE_ARN
from threeways.emulator.mapping.counts import MappingCounts, MappingEvent, MappingReporter
from threeways.emulator.mapping.destination import NO_CLIENTS, Clients, Destination
from threeways.emulator.mapping.lane import Work
from threeways.emulator.mapping.read_limits import ReadLimits
from threeways.emulator.mapping.records import Origin
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.mapping.shards import Shards
from threeways.emulator.mapping.worker import ShardWorker
from threeways.errors import LocalError, LocalFailed

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from threeways.emulator.mapping.position import Shard

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:local"
LIST_SECONDS = 1.0
"""The interval in seconds at which shards are listed; the end of a shard triggers it, too."""


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
        self._kinesis = kinesis
        self._stream = stream
        self._stopping = Event()
        self._reporter = MappingReporter(on_event)
        to = settings.destination
        destination = Destination(to, clients, self.uuid, function_arn) if to else None
        limits = ReadLimits(fan_out=True) if settings.fan_out else limits
        self._work = Work(
            settings, invoke, destination, self._reporter, clock, backoff, self._stopping, limits
        )
        self._shards = Shards(kinesis, stream, settings)
        self._workers: dict[str, ShardWorker] = {}
        self._look = Event()
        self._follower = Thread(target=self._follow, name=f"follower-{stream}", daemon=True)
        self._arn = ""
        self._failure: BaseException | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to read at the starting position; a disabled mapping only takes that position.

        Raises LocalError if the stream cannot be read, or if the starting timestamp lies in the future.
        """
        settings = self._work.settings
        if settings.starting_timestamp is not None and settings.starting_timestamp > self._work.clock():
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
                self._serve(begun)
                self._follower.start()

    def _serve(self, shards: list[Shard]) -> None:
        for shard in shards:
            origin = Origin(shard.id, self._arn, ROLE_ARN, self._kinesis.meta.region_name)
            worker = ShardWorker(shard, origin, self._work, on_end=self._look.set, on_failure=self._failed)
            self._workers[shard.id] = worker
            worker.start()

    def _follow(self) -> None:
        """List the shards and begin new ones until the mapping stops."""
        while not self._stopping.is_set():
            self._look.wait(LIST_SECONDS)
            self._look.clear()
            if self._stopping.is_set():
                return
            try:
                listed = list_shards(self._kinesis, self._stream)
                for shard in listed:
                    if shard.closed and shard.id in self._workers:
                        self._workers[shard.id].reader.closed.set()
                self._serve(self._shards.to_begin(listed))
            except (ClientError, BotoCoreError) as error:
                self._reporter.report(MappingEvent("read_failed", "", f"ListShards: {error}"))
            except Exception as error:  # noqa: BLE001 - kept for `drained` and `stop`, which raise it
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._failure = error
        self.halt()

    def halt(self) -> None:
        """Stop without waiting; `stop` waits."""
        self._stopping.set()
        self._look.set()
        for worker in list(self._workers.values()):
            worker.buffer.close()

    def stop(self) -> dict[str, str | None]:
        """Stop reading, finish the invocations in progress, and return the `positions`. Idempotent.

        Raises LocalError if a thread of the mapping has failed.
        """
        self.halt()
        if self._follower.ident is not None:
            self._follower.join()
        self.halt()  # also workers that the follower began meanwhile
        for worker in self._workers.values():
            worker.join()
        self._raise_failure()
        return self.positions()

    def drained(self) -> bool:
        """Return whether everything on the stream is done: no shard has a record after its checkpoint.

        It queries the stream, by one small read a shard. Raises LocalError if a thread has failed.
        """
        self._raise_failure()
        if not self._arn:
            raise LocalError("the mapping was not started")
        if any(len(worker.buffer) for worker in list(self._workers.values())):
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

    def _raise_failure(self) -> None:
        if isinstance(self._failure, LocalFailed):
            raise self._failure
        if self._failure is not None:
            raise LocalError(f"the event source mapping failed: {self._failure!r}") from self._failure
