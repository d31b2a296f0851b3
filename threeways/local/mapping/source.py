"""The event source mapping: for each shard of a stream a reader, a buffer and a lane."""

from __future__ import annotations

import random
import time
import uuid as uuids
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from threeways.errors import LocalError
from threeways.local.invocation import InvocationResult
from threeways.local.mapping.buffer import Buffer
from threeways.local.mapping.counts import MappingCounts, MappingEvent, Teller
from threeways.local.mapping.destination import S3Destination
from threeways.local.mapping.lane import Lane, Work
from threeways.local.mapping.position import Shard
from threeways.local.mapping.reader import Reader
from threeways.local.mapping.records import Origin
from threeways.local.mapping.settings import MappingSettings

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:local"
ROLE_ARN = "arn:aws:iam::123456789012:role/lambda-role"


def exponential(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 0.1, 0.2, … to 10, less up to half of it at random."""
    return min(10.0, 0.1 * 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


class EventSourceMapping:
    """Feeds a function from a Kinesis stream as AWS does. A context manager: it runs within it.

    stream: the stream's name. invoke: called with an event's JSON bytes, from one thread a shard at a time;
    `LocalFunction.invoke`, or anything that answers in its way (what it raises counts as a function error).
    s3: needed where the settings name a failure destination. uuid: names the objects there.
    on_event: gets what a user should see, from the lanes' threads, and is to be quick.
    clock: epoch seconds. backoff: failures in a row (from 1) -> seconds until the next try.
    """

    def __init__(
        self,
        kinesis: KinesisClient,
        stream: str,
        invoke: Callable[[bytes], InvocationResult],
        settings: MappingSettings,
        *,
        s3: S3Client | None = None,
        function_arn: str = FUNCTION_ARN,
        uuid: str | None = None,
        on_event: Callable[[MappingEvent], None] | None = None,
        clock: Callable[[], float] = time.time,
        backoff: Callable[[int], float] = exponential,
    ) -> None:
        if settings.destination is not None and s3 is None:
            raise LocalError(
                "the settings name a failure destination: give the mapping an S3 client with `s3=`"
            )
        self.uuid = uuid or str(uuids.uuid4())
        self._kinesis = kinesis
        self._stream = stream
        self._stopping = Event()
        self._teller = Teller(on_event)
        destination = None
        if settings.destination is not None and s3 is not None:
            destination = S3Destination(s3, settings.destination, self.uuid, function_arn)
        self._work = Work(settings, invoke, destination, self._teller, clock, backoff, self._stopping)
        self._shards: dict[str, Shard] = {}
        self._buffers: list[Buffer] = []
        self._threads: list[Thread] = []
        self._failure: BaseException | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to read at the starting position; where the mapping is not enabled, only take that position.

        Raises LocalError where the stream cannot be read.
        """
        with self._lock:
            if self._shards:
                raise LocalError("the mapping was started before: make another EventSourceMapping")
            arn = self._open_shards()
            if self._work.settings.enabled:
                for shard in self._shards.values():
                    self._serve(shard, Origin(shard.id, arn, ROLE_ARN, self._kinesis.meta.region_name))
        for thread in self._threads:
            thread.start()

    def _open_shards(self) -> str:
        """Take the starting position on each shard; the stream's ARN."""
        try:
            summary = self._kinesis.describe_stream_summary(StreamName=self._stream)[
                "StreamDescriptionSummary"
            ]
            pages = self._kinesis.get_paginator("list_shards").paginate(StreamName=self._stream)
            listed = [shard for page in pages for shard in page["Shards"]]
            if any("ParentShardId" in shard for shard in listed):
                raise LocalError(
                    f"stream {self._stream} was split or merged: give the mapping a stream that was not"
                )
            for shard in listed:
                start = self._work.settings.starting_position
                self._shards[shard["ShardId"]] = Shard(self._kinesis, self._stream, shard["ShardId"], start)
        except (ClientError, BotoCoreError) as error:
            raise LocalError(f"stream {self._stream} cannot be read: {error}") from error
        return summary["StreamARN"]

    def _serve(self, shard: Shard, origin: Origin) -> None:
        settings, work = self._work.settings, self._work
        buffer = Buffer(settings.batch_size, settings.window)
        reader = Reader(
            shard, origin, buffer, self._teller, settings.batch_size, self._stopping, work.backoff
        )
        lane = Lane(shard, origin, buffer, work)
        self._buffers.append(buffer)
        for name, run in (("reader", reader.run), ("lane", lane.run)):
            thread = Thread(target=self._guarded, args=(run,), name=f"{name}-{shard.id}", daemon=True)
            self._threads.append(thread)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - kept for `drained` and `stop`, which raise it
            self._failure = error
            self._halt()

    def _halt(self) -> None:
        self._stopping.set()
        for buffer in self._buffers:
            buffer.close()

    def stop(self) -> dict[str, str | None]:
        """Stop reading, finish the invocations in flight, and tell the `positions` then. Idempotent.

        Raises LocalError where a thread of the mapping had failed.
        """
        self._halt()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._raise_failure()
        return self.positions()

    def drained(self) -> bool:
        """Whether everything that is on the stream now is done: no shard holds a record after its checkpoint.

        It asks the stream, one small read a shard. Raises LocalError where a thread has failed.
        """
        self._raise_failure()
        if not self._shards:
            raise LocalError("the mapping was not started")
        if any(len(buffer) for buffer in self._buffers):
            return False
        try:
            return not any(shard.is_behind() for shard in self._shards.values())
        except (ClientError, BotoCoreError) as error:
            self._teller.tell(MappingEvent("read_failed", "", f"drained: {error}"))
            return False

    def positions(self) -> dict[str, str | None]:
        """By shard id, the sequence number up to which everything is done; None: nothing yet."""
        return {shard.id: shard.checkpoint for shard in self._shards.values()}

    def counts(self) -> MappingCounts:
        """The counters now."""
        return self._teller.snapshot()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise LocalError(f"the event source mapping failed: {self._failure!r}") from self._failure
