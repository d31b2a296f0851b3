"""Size a deployment for a rate: shards, batches, lanes, memory.

A shard has `parallelization` lanes, each of which invokes the function with one batch after the other. A
lane's batch is what arrives in a batch window, or while the previous batch is processed if that takes longer.
docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (Polling and batching streams)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from threeways.errors import UsageError
from threeways.ops.capacity import limits
from threeways.ops.capacity.measurements import Latencies
from threeways.stream.delivery import MAX_ENTRIES, OVERLAPPED, PUT_SECONDS

RIDE_BYTES, PREDICTION_BYTES = 150, 280
"""The size of a ride and of a prediction on their streams, partition keys included."""
EVENT_BYTES = 700
"""The size of a ride in the Lambda event's JSON."""
FILLED = 0.8
"""The planned utilisation of a shard: keys are never distributed evenly."""
GOOD_BATCH, LONGEST_WINDOW = 100, 10
"""A batch size whose cost a ride is close to that of 1,000, and the limit on the seconds to wait for it."""
GROWTH = 2
"""The multiple of the rate that the lanes can process."""
POLL_SECONDS = 1.0
"""Lambda polls a shard once a second."""


def waits(batch: float) -> int:
    """Return how often an invocation waits for `PutRecords`, of which some run concurrently."""
    return ceil(batch / (MAX_ENTRIES * OVERLAPPED))


@dataclass(frozen=True, slots=True)
class Asked:
    """The request for a plan.

    rate: rides a second. shards: of each stream; None: as needed. memory: MB; None: as needed.
    """

    rate: float
    shards: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A sized deployment.

    shards: of each of the two streams. batch_size, window, parallelization: the mapping's settings.
    batch: rides of an average invocation. seconds: its duration. memory: MB.
    """

    rate: float
    shards: int
    memory: int
    window: int
    batch_size: int
    parallelization: int
    latencies: Latencies

    @property
    def lanes(self) -> int:
        """The number of concurrent batches, and so the maximum of concurrent invocations."""
        return self.shards * self.parallelization

    @property
    def share(self) -> float:
        """The share of a processor that one invocation can use; it computes on one thread."""
        return min(1.0, self.memory / limits.VCPU_MB)

    def took(self, batch: float) -> float:
        """Return the seconds of an invocation with so many rides: computing, then putting."""
        return self.latencies.cpu_seconds(batch) / self.share + waits(batch) * PUT_SECONDS

    @property
    def lane_capacity(self) -> float:
        """The rides a second of a lane with full batches only."""
        return self.batch_size / self.took(self.batch_size)

    @property
    def key_capacity(self) -> float:
        """The rides a second of a single key in full batches: its predictions go one a call."""
        seconds = self.latencies.cpu_seconds(self.batch_size) / self.share + self.batch_size * PUT_SECONDS
        return self.batch_size / seconds

    def batch_at(self, rate: float) -> float:
        """Return the rides of an average invocation at a rate, at least one."""
        lane = rate / self.lanes
        if lane >= self.lane_capacity:
            return self.batch_size
        batch = max(1.0, min(self.batch_size, lane * self.window))
        # If the work takes longer than the window, the next batch is what has arrived meanwhile.
        while batch < self.batch_size and batch / self.took(batch) < lane:
            batch = min(self.batch_size, batch * 1.1)
        return batch

    @property
    def batch(self) -> float:
        """The rides of an average invocation."""
        return self.batch_at(self.rate)

    @property
    def seconds(self) -> float:
        """The duration of an average invocation."""
        return self.took(self.batch)

    @property
    def invocations(self) -> float:
        """The invocations a second."""
        return self.rate / self.batch

    @property
    def busy(self) -> float:
        """The average of concurrent invocations (Little's law); the maximum is `lanes`."""
        return self.invocations * self.seconds


def plan(asked: Asked, latencies: Latencies) -> Plan:
    """Size a deployment for a rate. Raises UsageError if the request cannot be met."""
    memory = _memory(asked, latencies)
    shards = needed_shards(asked.rate)
    if asked.shards is not None:
        least = ceil(
            max(asked.rate / limits.SHARD_RECORDS, asked.rate * PREDICTION_BYTES / limits.SHARD_BYTES)
        )
        if asked.shards < least:
            raise UsageError(
                f"SHARDS={asked.shards} take {asked.shards * limits.SHARD_RECORDS:,} rides a second at most, "
                f"and RATE={asked.rate:.10g} is more: give SHARDS={shards} or leave it out"
            )
        shards = asked.shards
    if shards > limits.STREAM_SHARDS:
        raise UsageError(
            f"RATE={asked.rate:.10g} needs {shards:,} shards in a stream, and a stack's have at most "
            f"{limits.STREAM_SHARDS:,}: divide the rides over several stacks and plan each with "
            f"RATE={capacity_of_a_stack():.0f}"
        )
    window = min(LONGEST_WINDOW, max(1, ceil(GOOD_BATCH * shards / asked.rate)))
    size = _batch_size(asked.rate / shards * window)
    for lanes in range(1, limits.PARALLELIZATION + 1):
        found = Plan(asked.rate, shards, memory, window, size, lanes, latencies)
        if found.lanes * found.lane_capacity >= GROWTH * asked.rate:
            return found
    raise UsageError(
        f"with {memory} MB a lane does {found.lane_capacity:,.0f} rides a second, and "
        f"{limits.PARALLELIZATION} lanes a shard are too few for twice RATE={asked.rate:.10g}: "
        f"give more MEMORY (up to {limits.VCPU_MB} it helps) or SHARDS"
    )


def needed_shards(rate: float) -> int:
    """Return the shards that each stream needs, by records and by bytes, in and out."""
    by_records = rate / (limits.SHARD_RECORDS * FILLED)
    by_bytes = rate * max(RIDE_BYTES, PREDICTION_BYTES) / (limits.SHARD_BYTES * FILLED)
    by_reading = rate * RIDE_BYTES / (limits.SHARD_READ_BYTES * FILLED)
    return max(1, ceil(max(by_records, by_bytes, by_reading)))


def capacity_of_a_stack() -> float:
    """Return the rate that the maximum of shards of one stack is planned for."""
    return limits.STREAM_SHARDS * limits.SHARD_RECORDS * FILLED


def _memory(asked: Asked, latencies: Latencies) -> int:
    """Return twice the process's peak memory, or the requested memory if that is enough."""
    twice = max(limits.MIN_MB, ceil(2 * latencies.peak_mb / 64) * 64)
    if asked.memory is None:
        return min(twice, limits.MAX_MB)
    if not limits.MIN_MB <= asked.memory <= limits.MAX_MB or asked.memory < latencies.peak_mb:
        raise UsageError(
            f"MEMORY={asked.memory} cannot be: the function takes {latencies.peak_mb:.0f} MB at its peak, "
            f"and the template lets {limits.MIN_MB} to {limits.MAX_MB} MB through; "
            f"give MEMORY={twice} or leave it out"
        )
    return asked.memory


def _batch_size(rides: float) -> int:
    """Return a `BatchSize` with room for twice the rides of a window.

    A shard takes 1,000 a second, so it stays far below Lambda's 10,000 and a payload's 6 MB.
    """
    return max(100, ceil(GROWTH * rides / 100) * 100)
