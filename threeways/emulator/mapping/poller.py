"""The threads of a mapping that is enabled: a worker for each readable shard, and what follows resharding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.kinesis import list_shards
from threeways.aws.kinesis_event import ROLE_ARN
from threeways.emulator.mapping.counts import MappingEvent
from threeways.emulator.mapping.lane import Work
from threeways.emulator.mapping.records import Origin
from threeways.emulator.mapping.shards import Shards
from threeways.emulator.mapping.worker import ShardWorker

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from threeways.emulator.mapping.position import Shard

LIST_SECONDS = 1.0
"""The interval in seconds at which shards are listed; the end of a shard triggers it, too."""


class Poller:
    """Reads a stream and invokes the function until it is halted; it is started once.

    work: with an event of its own that ends it. on_failure: called with a bug of this program or a listener.
    """

    def __init__(
        self,
        kinesis: KinesisClient,
        stream: str,
        arn: str,
        shards: Shards,
        work: Work,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._kinesis, self._stream, self._arn = kinesis, stream, arn
        self._shards, self._work, self._on_failure = shards, work, on_failure
        self._workers: dict[str, ShardWorker] = {}
        self._look = Event()
        self._follower = Thread(target=self._follow, name=f"follower-{stream}", daemon=True)

    def start(self, shards: Sequence[Shard]) -> None:
        """Begin to read these shards, each from its checkpoint on, and those that come."""
        self._serve(shards)
        self._follower.start()

    def halt(self) -> None:
        """Stop without waiting; `join` waits."""
        self._work.stopping.set()
        self._look.set()
        for worker in list(self._workers.values()):
            worker.buffer.close()

    def join(self) -> None:
        """Finish the invocations in progress, and end all threads."""
        self.halt()
        self._follower.join()
        self.halt()  # also workers that the follower began meanwhile
        for worker in self._workers.values():
            worker.join()

    @property
    def holds_records(self) -> bool:
        """Whether it has read something that no batch was made of yet."""
        return any(len(worker.buffer) for worker in list(self._workers.values()))

    def _serve(self, shards: Sequence[Shard]) -> None:
        for shard in shards:
            origin = Origin(shard.id, self._arn, ROLE_ARN, self._kinesis.meta.region_name)
            worker = ShardWorker(
                shard, origin, self._work, on_end=self._look.set, on_failure=self._on_failure
            )
            self._workers[shard.id] = worker
            worker.start()

    def _follow(self) -> None:
        """List the shards and begin new ones until it is halted."""
        while not self._work.stopping.is_set():
            self._look.wait(LIST_SECONDS)
            self._look.clear()
            if self._work.stopping.is_set():
                return
            try:
                listed = list_shards(self._kinesis, self._stream)
                for shard in listed:
                    if shard.closed and shard.id in self._workers:
                        self._workers[shard.id].reader.closed.set()
                self._serve(self._shards.to_begin(listed))
            except (ClientError, BotoCoreError) as error:
                self._work.reporter.report(MappingEvent("read_failed", "", f"ListShards: {error}"))
            except Exception as error:  # noqa: BLE001 - the mapping's methods raise it
                self._on_failure(error)
