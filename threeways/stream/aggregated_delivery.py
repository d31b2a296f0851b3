"""Deliver a key's predictions packed into KPL-aggregated records.

`PutRecords` promises no order within a call, so that a key's entries go one a call. In an aggregated record
they have an order, and a call takes as many as fit into one. Its partition key is the input's, so that the
predictions of a key are on one shard; a consumer has to deaggregate them, as AWS's consumer libraries do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from threeways.aws.calls import Deadline
from threeways.scoring.decoding import KEY_LENGTH
from threeways.stream.aggregation import pack
from threeways.stream.delivery import Delivery, Entry, Receipt

MAX_BYTES = 51_200
"""The size limit of an aggregated record: the Kinesis Producer Library's default.
github.com/awslabs/amazon-kinesis-producer/blob/master/java/amazon-kinesis-producer-sample/default_config.properties
(AggregationMaxSize)"""
TYPICAL_BYTES = 512
"""The assumed size of a prediction, before it is known; most have 300."""

type Group = list[int]
"""Positions of one key's entries that are packed together."""


class AggregatedDelivery:
    """Delivers a key's entries packed. inner: delivers the packed entries."""

    def __init__(self, inner: Delivery) -> None:
        self._inner = inner

    def deliver(
        self, entries: Sequence[Entry], deadline: Deadline, events: Sequence[int] | None = None
    ) -> Receipt:
        """Deliver all entries, or report which are unfinished; `retries` counts packed ones.

        events: none may be given: an event's messages have partition keys of their own, which packing loses.
        """
        if events is not None:
            raise ValueError("events of several messages cannot be packed")
        groups = list(_groups(entries))
        receipt = self._inner.deliver([_packed(entries, group) for group in groups], deadline)
        receipt.unfinished = {
            position: why for place, why in receipt.unfinished.items() for position in groups[place]
        }
        return receipt

    def seconds(self, of_a_key: int) -> float:
        """Estimate the seconds to deliver so many entries of one key."""
        return self._inner.seconds(ceil(of_a_key * TYPICAL_BYTES / MAX_BYTES))


def _groups(entries: Sequence[Entry]) -> Iterator[Group]:
    """Yield groups of entries of one key, in order, of at most MAX_BYTES unless a single one is larger."""
    by_key: dict[str, Group] = {}
    sizes: dict[str, int] = {}
    for position, entry in enumerate(entries):
        key, size = entry.order_key, len(entry.data)
        if key in by_key and sizes[key] + size > MAX_BYTES:
            yield by_key.pop(key)
        if key not in by_key:
            by_key[key], sizes[key] = [], 0
        by_key[key].append(position)
        sizes[key] += size
    yield from by_key.values()


def _packed(entries: Sequence[Entry], group: Group) -> Entry:
    """Pack a group into one entry; a single entry is not packed, but gets the same partition key.

    A user key in a damaged aggregated record may be invalid for Kinesis: the event's id is used instead.
    """
    first = entries[group[0]]
    key = first.order_key if 0 < len(first.order_key.encode("utf-16-le")) <= 2 * KEY_LENGTH else ""
    partition_key = key or first.partition_key
    data = [entries[position].data for position in group]
    return Entry(first.order_key, partition_key, pack(partition_key, data) if len(data) > 1 else data[0])
