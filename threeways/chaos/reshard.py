"""Splits and merges shards while a run goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from threeways.local_run.background import BackgroundThread

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

LOOK_SECONDS = 0.1


class Resharder(BackgroundThread):
    """Reshards one of the streams in turn each time that `every` more records are done.

    done: how many are. most: open shards of a stream at most. count: reshardings made.
    """

    def __init__(
        self,
        kinesis: KinesisClient,
        streams: Sequence[str],
        seed: int,
        done: Callable[[], int],
        *,
        every: int,
        most: int,
    ) -> None:
        super().__init__()
        self._kinesis, self._streams, self._done = kinesis, streams, done
        self._dice = random.Random(f"{seed} resharding")  # noqa: S311 - a schedule, not a secret
        self._every, self._most = every, most
        self.count = 0

    def work(self) -> None:
        """Reshard until it is stopped."""
        while not self._stopping.wait(LOOK_SECONDS):
            if self._done() >= (self.count + 1) * self._every:
                self._reshard(self._streams[self.count % len(self._streams)])
                self.count += 1

    def _reshard(self, stream: str) -> None:
        """Split or merge, by chance where both can be."""
        shards = self._open(stream)
        if len(shards) > 1 and (len(shards) >= self._most or self._dice.random() < 0.5):
            left = self._dice.randrange(len(shards) - 1)
            self._kinesis.merge_shards(
                StreamName=stream,
                ShardToMerge=shards[left]["ShardId"],
                AdjacentShardToMerge=shards[left + 1]["ShardId"],
            )
            return
        shard = self._dice.choice(shards)
        start, end = (int(shard["HashKeyRange"][f"{name}HashKey"]) for name in ("Starting", "Ending"))
        self._kinesis.split_shard(
            StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((start + end + 1) // 2)
        )

    def _open(self, stream: str) -> list[Any]:
        """List the open shards by their hash keys, so that neighbours are adjacent."""
        listed = self._kinesis.list_shards(StreamName=stream)["Shards"]
        still = [shard for shard in listed if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return sorted(still, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
