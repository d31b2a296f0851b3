"""What goes into the simulated stream: records, good and poison, alone or KPL-aggregated.

A batch is written as text, one word a record: its key, `!` after it if it is poison, `?` if it is sound and
`simulated.Costly` raises on it, `+` between the user records of an aggregated one: `a b! a` is three records
over two keys; `a+a!+a` is one of three user records.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from doubles import ride
from kpl import aggregated

from threeways.emulator.mapping.records import Origin, StreamRecord, encode_all

ARRIVED = 1_612_185_300.0
"""Epoch seconds: when the simulation begins, and the first record arrives."""
FIRST_NUMBER = 98
"""So that sequence numbers in the order of their text are not in the order of their value."""
POISON = b"junk of ride %d"
RAISES = 1e6
"""The trip distance of a ride that is sound, and that `simulated.Costly` raises on."""


@dataclass(frozen=True, slots=True)
class Part:
    """An event that must come home. ride_id: unique in a world. key: what its order is kept by."""

    event_id: str
    key: str
    ride_id: int
    good: bool
    data: bytes

    @property
    def value(self) -> float:
        """The prediction of `doubles.FakeModel` for it."""
        return 2.0 * _distance(self.ride_id)


@dataclass(frozen=True, slots=True)
class Input:
    """A Kinesis record and the events in it; one that is not aggregated has one."""

    record: StreamRecord
    parts: tuple[Part, ...]


def _distance(ride_id: int) -> float:
    return ride_id + 0.5


def _word(word: str, shard: str, sequence_number: int, ride_ids: Iterator[int], arrived: float) -> Input:
    record_id = f"{shard}:{sequence_number}"
    users = word.split("+")
    parts = []
    for place, user in enumerate(users):
        ride_id, good = next(ride_ids), user[-1] not in "!?"
        distance = RAISES if user.endswith("?") else _distance(ride_id)
        data = POISON % ride_id if user.endswith("!") else ride(ride_id, distance=distance)
        event_id = f"{record_id}:{place}" if len(users) > 1 else record_id
        parts.append(Part(event_id, user.rstrip("!?"), ride_id, good, data))
    whole = aggregated((part.key, part.data, None) for part in parts) if len(users) > 1 else parts[0].data
    origin = Origin(shard, "arn:aws:kinesis:us-east-1:123456789012:stream/rides", "role", "us-east-1")
    [record] = encode_all(
        [
            {
                "SequenceNumber": str(sequence_number),
                "PartitionKey": parts[0].key,
                "Data": whole,
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(arrived, UTC),
            }
        ],
        origin,
    )
    return Input(record, tuple(parts))


def inputs_of(
    batch: str, shard: str, first: int, ride_ids: Iterator[int], arrived: float
) -> tuple[Input, ...]:
    """The records of a batch's text, with sequence numbers from `first` on."""
    words = enumerate(batch.split())
    return tuple(_word(word, shard, first + position, ride_ids, arrived) for position, word in words)


@cache
def alone(batch: str, shard: str) -> tuple[Input, ...]:
    """The records of a world that gets no others."""
    return inputs_of(batch, shard, FIRST_NUMBER, itertools.count(), ARRIVED)


def small_batches(longest: int = 4) -> Iterator[str]:
    """Every batch of one to `longest` records over two keys, each good or poison.

    Keys are opaque to everything under test, so of two batches that are equal up to swapping the keys only
    the one that begins with `a` counts.
    """
    for length in range(1, longest + 1):
        for words in itertools.product(("a", "a!", "b", "b!"), repeat=length):
            if words[0].startswith("a"):
                yield " ".join(words)


def aggregated_pairs() -> Iterator[str]:
    """Every KPL-aggregated record of two user records, as above."""
    for first, second in itertools.product(("a", "a!"), ("a", "a!", "b", "b!")):
        yield f"{first}+{second}"
