"""The shards that a mapping reads, and those that it may read next: children after their parents, each once.

docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html: a parent's records come
before its children's, so that the records of a key stay in order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from threeways.aws.kinesis import Listed, list_shards
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.settings import MappingSettings, Position

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class Shards:
    """A stream's shards, read from a starting position. All methods raise boto's errors. Thread-safe."""

    def __init__(self, kinesis: KinesisClient, stream: str, settings: MappingSettings) -> None:
        self._kinesis, self._stream = kinesis, stream
        self._position, self._timestamp = settings.starting_position, settings.starting_timestamp
        self._passed_over: frozenset[str] = frozenset()
        self._begun: dict[str, Shard] = {}
        self._lock = Lock()

    def at_start(self) -> list[Shard]:
        """Take the starting position on each shard that may be read now; call it once."""
        listed = list_shards(self._kinesis, self._stream)
        self._passed_over = passed_over(listed, self._position)
        return self._begin(listed, self._position)

    def to_begin(self, listed: Sequence[Listed]) -> list[Shard]:
        """Return the shards that may be read now, each once; new ones are read from their beginning."""
        return self._begin(listed, self._later)

    @property
    def _later(self) -> Position:
        return "TRIM_HORIZON" if self._position == "LATEST" else self._position

    def _begin(self, listed: Sequence[Listed], start: Position) -> list[Shard]:
        with self._lock:
            begun = self._passed_over.union(self._begun)
            complete = self._passed_over.union(
                shard.id for shard in self._begun.values() if shard.progress.complete
            )
            found = [self._open(shard_id, start) for shard_id in ready(listed, begun, complete)]
            self._begun.update((shard.id, shard) for shard in found)
            return found

    def _open(self, shard_id: str, start: Position) -> Shard:
        return Shard(self._kinesis, self._stream, shard_id, start, self._timestamp)

    def unfinished(self) -> list[Shard]:
        """Return the shards that were begun and are not done to their end, to be read on."""
        with self._lock:
            return [shard for shard in self._begun.values() if not shard.progress.complete]

    def rewind(self) -> None:
        """Forget what was read and is not done, so that each shard is read from its checkpoint on."""
        with self._lock:
            for shard in self._begun.values():
                shard.progress.rewind()

    def behind(self, listed: Sequence[Listed]) -> bool:
        """Return whether any listed shard, begun or not, has a record that is not done."""
        with self._lock:
            known = dict(self._begun)
        for shard in listed:
            if shard.id in self._passed_over or (shard.id in known and known[shard.id].progress.complete):
                continue
            if (known.get(shard.id) or self._open(shard.id, self._later)).is_behind():
                return True
        return False

    def positions(self) -> dict[str, str | None]:
        """Return the checkpoints of the shards that were begun, by id."""
        with self._lock:
            return {shard.id: shard.checkpoint for shard in self._begun.values()}


def passed_over(listed: Sequence[Listed], position: Position) -> frozenset[str]:
    """Return the shards that a mapping skips at its start: from LATEST on, those that are closed."""
    return frozenset(shard.id for shard in listed if shard.closed and position == "LATEST")


def ready(listed: Sequence[Listed], begun: Collection[str], complete: Collection[str]) -> list[str]:
    """Return the shards to begin with: not begun, and each parent complete or gone from the stream unread.

    begun, complete: ids; skipped shards are in both.
    """
    in_the_way = ({shard.id for shard in listed} | set(begun)) - set(complete)
    return [shard.id for shard in listed if shard.id not in begun and in_the_way.isdisjoint(shard.parents)]
