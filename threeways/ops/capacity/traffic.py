"""Compute an event's age when it is scored: now, and if the traffic doubles without any change."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.ops.capacity import limits
from threeways.ops.capacity.sizing import POLL_SECONDS, Plan


@dataclass(frozen=True, slots=True)
class Traffic:
    """A deployment's state at a rate.

    rate: events a second that are sent. taken: those that the shards accept; the rest is refused at the
    producer (ProvisionedThroughputExceededException), and is in no metric of the consumer. age: the seconds
    that a batch's oldest event has waited when it is done, about what IteratorAge shows. growing: by how many
    seconds the age grows each second, 0 if the lanes keep up.
    """

    rate: float
    taken: float
    age: float
    growing: float

    @property
    def refused(self) -> float:
        """The events a second that no shard accepts."""
        return self.rate - self.taken

    @property
    def hours_to_give_up(self) -> float | None:
        """The hours until events exceed the record age and go to the failure destination; None: never."""
        return limits.RECORD_AGE_SECONDS / self.growing / 3600 if self.growing else None


def at(plan: Plan, rate: float) -> Traffic:
    """Compute the traffic of the plan's deployment at a rate."""
    taken = min(rate, plan.shards * plan.sizes.shard_rate)
    capacity = plan.lanes * plan.lane_capacity
    batch = plan.batch_at(taken)
    filled = min(plan.window, batch * plan.lanes / taken)
    growing = max(0.0, 1 - capacity / taken)
    return Traffic(rate, taken, POLL_SECONDS + filled + plan.invocation_seconds(batch), growing)
