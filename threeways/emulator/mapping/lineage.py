"""Which shards may be read after a stream is split or merged: children after their parents, each once.

docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html: a parent's records come
before its children's, so that the records of a key stay in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from threeways.aws.kinesis import Listed
from threeways.emulator.mapping.settings import Position


def passed_over(listed: Iterable[Listed], position: Position) -> frozenset[str]:
    """Return the shards that a mapping skips at its start: from LATEST on, those that are closed."""
    return frozenset(shard.id for shard in listed if shard.closed and position == "LATEST")


def ready(listed: Iterable[Listed], begun: Collection[str], complete: Collection[str]) -> list[str]:
    """Return the shards to begin with: not begun, and each parent complete or gone from the stream unread.

    begun, complete: ids; skipped shards are in both.
    """
    listed = list(listed)
    in_the_way = ({shard.id for shard in listed} | set(begun)) - set(complete)
    return [shard.id for shard in listed if shard.id not in begun and in_the_way.isdisjoint(shard.parents)]
