"""Which shards may be read when a stream is split or merged: children after their parents, no one twice.

docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html: what a parent holds comes
before what its children hold, so that the records of a key stay in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from threeways.aws.kinesis import Listed
from threeways.emulator.mapping.settings import Position


def passed_over(listed: Iterable[Listed], position: Position) -> frozenset[str]:
    """The shards that are no concern of a mapping that starts now: from LATEST on, those that are closed."""
    return frozenset(shard.id for shard in listed if shard.closed and position == "LATEST")


def ready(listed: Iterable[Listed], begun: Collection[str], complete: Collection[str]) -> list[str]:
    """The shards to begin with now: not begun, and each parent complete or gone from the stream unread.

    begun, complete: ids; those that were passed over are in both.
    """
    listed = list(listed)
    in_the_way = ({shard.id for shard in listed} | set(begun)) - set(complete)
    return [shard.id for shard in listed if shard.id not in begun and in_the_way.isdisjoint(shard.parents)]
