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
from threeways.ops.capacity.record_sizes import Sizes
from threeways.stream.delivery import MAX_ENTRIES, OVERLAPPED, PUT_SECONDS

FILLED = 0.8
"""The planned utilisation of a shard: keys are never distributed evenly."""
GOOD_BATCH, LONGEST_WINDOW = 100, 10
"""A batch size whose cost an event is close to that of 1,000, and the limit on the seconds to wait for it."""
GROWTH = 2
"""The multiple of the rate that the lanes can process."""
MAX_RATE = 1e9
POLL_SECONDS = 1.0
"""Lambda polls a shard once a second."""


def put_rounds(batch: float) -> int:
    """Return how often an invocation waits for `PutRecords`, of which some run concurrently."""
    return ceil(batch / (MAX_ENTRIES * OVERLAPPED))


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is asked for.

    rate: events a second. sizes: of the records. shards: of each stream; None: as needed. memory: MB; None:
    as needed.
    """

    rate: float
    sizes: Sizes
    shards: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A sized deployment.

    shards: of each of the two streams. batch_size, window, parallelization: the mapping's settings.
    batch: events of an average invocation. seconds: its duration. memory: MB.
    """

    rate: float
    shards: int
    memory: int
    window: int
    batch_size: int
    parallelization: int
    latencies: Latencies
    sizes: Sizes

    @property
    def lanes(self) -> int:
        """The number of concurrent batches, and so the maximum of concurrent invocations."""
        return self.shards * self.parallelization

    @property
    def share(self) -> float:
        """The share of a processor that one invocation can use; it computes on one thread."""
        return min(1.0, self.memory / limits.VCPU_MB)

    def invocation_seconds(self, batch: float) -> float:
        """Return the seconds of an invocation with so many events: computing, then putting."""
        return self.latencies.cpu_seconds(batch) / self.share + put_rounds(batch) * PUT_SECONDS

    @property
    def lane_capacity(self) -> float:
        """The events a second of a lane with full batches only."""
        return self.batch_size / self.invocation_seconds(self.batch_size)

    @property
    def key_capacity(self) -> float:
        """The events a second of a single key in full batches: its predictions go one a call."""
        seconds = self.latencies.cpu_seconds(self.batch_size) / self.share + self.batch_size * PUT_SECONDS
        return self.batch_size / seconds

    def batch_at(self, rate: float) -> float:
        """Return the events of an average invocation at a rate, at least one."""
        lane = rate / self.lanes
        if lane >= self.lane_capacity:
            return self.batch_size
        batch = max(1.0, min(self.batch_size, lane * self.window))
        # If the work takes longer than the window, the next batch is what has arrived meanwhile.
        while batch < self.batch_size and batch / self.invocation_seconds(batch) < lane:
            batch = min(self.batch_size, batch * 1.1)
        return batch

    @property
    def batch(self) -> float:
        """The events of an average invocation."""
        return self.batch_at(self.rate)

    @property
    def seconds(self) -> float:
        """The duration of an average invocation."""
        return self.invocation_seconds(self.batch)

    @property
    def invocations(self) -> float:
        """The invocations a second."""
        return self.rate / self.batch

    @property
    def busy(self) -> float:
        """The average of concurrent invocations (Little's law); the maximum is `lanes`."""
        return self.invocations * self.seconds


def plan(request: Request, latencies: Latencies) -> Plan:
    """Size a deployment for a rate. Raises UsageError if the request cannot be met."""
    if not 0 < request.rate <= MAX_RATE:
        raise UsageError(
            f"RATE={request.rate:g} is no rate: give events a second, above 0 and up to {MAX_RATE:,.0f}"
        )
    memory = _memory(request, latencies)
    sizes = request.sizes
    shards = needed_shards(request.rate, sizes)
    if request.shards is not None:
        if request.shards < 1:
            raise UsageError(f"SHARDS={request.shards}: a stream has 1 shard or more")
        if request.rate > request.shards * sizes.shard_rate:
            raise UsageError(
                f"SHARDS={request.shards} take {request.shards * sizes.shard_rate:,.0f} events a second at "
                f"most, and RATE={request.rate:.10g} is more: give SHARDS={shards} or leave it out"
            )
        shards = request.shards
    if shards > limits.STREAM_SHARDS:
        raise UsageError(
            f"RATE={request.rate:.10g} needs {shards:,} shards in a stream, and a stack's have at most "
            f"{limits.STREAM_SHARDS:,}: divide the events over several stacks and plan each with "
            f"RATE={capacity_of_a_stack(sizes):.0f}"
        )
    window = min(LONGEST_WINDOW, max(1, ceil(GOOD_BATCH * shards / request.rate)))
    size = _batch_size(request.rate / shards * window, sizes)
    for lanes in range(1, limits.PARALLELIZATION + 1):
        found = Plan(request.rate, shards, memory, window, size, lanes, latencies, sizes)
        if found.lanes * found.lane_capacity >= GROWTH * request.rate:
            return found
    raise UsageError(
        f"with {memory} MB a lane does {found.lane_capacity:,.0f} events a second, and "
        f"{limits.PARALLELIZATION} lanes a shard are too few for twice RATE={request.rate:.10g}: "
        f"give more MEMORY (up to {limits.VCPU_MB} it helps) or SHARDS"
    )


def needed_shards(rate: float, sizes: Sizes) -> int:
    """Return the shards that each stream needs, by records and by bytes, in and out.

    Reading is no limit: a shard gives twice the bytes that it accepts.
    """
    return max(1, ceil(rate / (sizes.shard_rate * FILLED)))


def capacity_of_a_stack(sizes: Sizes) -> float:
    """Return the rate that the maximum of shards of one stack is planned for."""
    return limits.STREAM_SHARDS * sizes.shard_rate * FILLED


def _memory(request: Request, latencies: Latencies) -> int:
    """Return twice the process's peak memory, or the requested memory if that is enough."""
    twice = max(limits.MIN_MB, ceil(2 * latencies.peak_mb / 64) * 64)
    if request.memory is None:
        return min(twice, limits.MAX_MB)
    if not limits.MIN_MB <= request.memory <= limits.MAX_MB or request.memory < latencies.peak_mb:
        raise UsageError(
            f"MEMORY={request.memory} cannot be: the function takes {latencies.peak_mb:.0f} MB at its peak, "
            f"and the template lets {limits.MIN_MB} to {limits.MAX_MB} MB through; "
            f"give MEMORY={twice} or leave it out"
        )
    return request.memory


def _batch_size(events: float, sizes: Sizes) -> int:
    """Return a `BatchSize` with room for twice the events of a window, as far as a payload has it.

    A shard takes 1,000 a second at the most, so it stays far below Lambda's 10,000.
    """
    return min(max(100, ceil(GROWTH * events / 100) * 100), max(1, limits.PAYLOAD_BYTES // sizes.in_payload))
