"""The rides of a run: real trips from a file or the synthetic city's, with broken records among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError, UsageError
from threeways.local_run import broken_events
from threeways.local_run.producer import Outgoing
from threeways.scoring.task import Task
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import Trips, read
from threeways.systems.taxi.trips.rides import payloads_of

if TYPE_CHECKING:
    import pandas as pd

CITY_MONTH = (2021, 3)
"""The synthetic city's month that runs use; training uses others."""
CITY_RIDES = 75_000
"""How many rides "all of the file" is where there is no file."""
TRUTH = "ride_duration"
"""The output whose true values are known: `Rides.minutes`."""
_TRIED = 100


@dataclass(frozen=True)
class Rides:
    """n rides to put on the stream.

    frame: their trips, by row. minutes: (n,) what each really took. kept: (n,) whether training keeps it.
    skipped: trips of the source that are no valid ride event. broken: positions replaced by broken records.
    key: position -> partition key.
    """

    name: str
    frame: pd.DataFrame
    minutes: NDArray[np.float64]
    kept: NDArray[np.bool_]
    skipped: int
    broken: frozenset[int]
    key: Callable[[int], str] = str

    def __len__(self) -> int:
        return len(self.frame)

    def outgoing(self) -> Iterator[Outgoing]:
        """The records to put, in the order of the trips; a broken record stands for no ride."""
        junk = broken_events.stream()
        for position, payload in enumerate(payloads_of(self.frame)):
            if position in self.broken:
                yield Outgoing(self.key(position), next(junk), None)
            else:
                yield Outgoing(self.key(position), payload, position)


def load(spec: str | None, count: int, poison_share: float, key: Callable[[int], str] = str) -> Rides:
    """`count` rides (0: all) of the files in `spec`, or of the synthetic city.

    Raises DataError.
    """
    trips = read(spec, "RIDES") if spec else _city(count)
    cleaning = clean(trips.frame)
    rows = np.flatnonzero(cleaning.valid)
    if not len(rows):
        raise DataError(f"RIDES={trips.name}: none of its {len(trips.frame):,} trips is a valid ride event")
    rows = rows[:count] if count else rows
    broken = np.random.default_rng(0).choice(len(rows), round(poison_share * len(rows)), replace=False)
    return Rides(
        name=trips.name,
        frame=trips.frame.iloc[rows],
        minutes=cleaning.minutes[rows],
        kept=cleaning.kept[rows],
        skipped=int(np.count_nonzero(~cleaning.valid)),
        broken=frozenset(broken.tolist()),
        key=key,
    )


def require_taken(rides: Rides, task: Task[Any]) -> None:
    """Raise UsageError for a task that takes other events than rides: none of the first is one of its."""
    events, faults = task.decode_all(list(payloads_of(rides.frame.iloc[:_TRIED])))
    if not events:
        raise UsageError(
            f"TASK={task.name} takes other events than rides, and rides are all that can be put on the "
            f"stream here ({faults[0]}); try {task.name} with your own events: TASK={task.name} make web"
        )


def _city(count: int) -> Trips:
    from threeways.systems.taxi.trips.city import trips

    return trips(*CITY_MONTH, rides=count or CITY_RIDES)
