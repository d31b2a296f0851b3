"""What a run adds up while its chunks pass: enough for the summary and the report, however many rides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk, Refused
from threeways.scoring.outcomes import ColumnScores
from threeways.systems.taxi.rides import LAST_ZONE
from threeways.systems.taxi.trips.cleaning import LONGEST_MINUTES, SHORTEST_MINUTES

type Floats = NDArray[np.float64]

MILES = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0)
MOST_MINUTES = 60
_REASONS = 1_000  # a message may quote a row; more kinds than this are counted together
OTHER = ("other", "more kinds of reasons")


@dataclass(slots=True)
class Slices:
    """Rides added up by a whole number from 0 to n - 1: how many, their predicted minutes, and their errors.

    judged: the rides with a real duration of 1 to 60 minutes, which are those that training keeps; absolute
    and squared: their errors' sums.
    """

    n: int
    rides: Floats = field(init=False)
    minutes: Floats = field(init=False)
    judged: Floats = field(init=False)
    absolute: Floats = field(init=False)
    squared: Floats = field(init=False)

    def __post_init__(self) -> None:
        for name in ("rides", "minutes", "judged", "absolute", "squared"):
            setattr(self, name, np.zeros(self.n))

    def add(self, at: NDArray[np.int64], predicted: Floats, actual: Floats) -> None:
        """(m,) rides: their slice, and their predicted and real minutes (NaN where unknown)."""
        self.rides += np.bincount(at, minlength=self.n)
        self.minutes += np.bincount(at, predicted, self.n)
        kept = (actual >= SHORTEST_MINUTES) & (actual <= LONGEST_MINUTES)
        where, off = at[kept], (predicted - actual)[kept]
        self.judged += np.bincount(where, minlength=self.n)
        self.absolute += np.bincount(where, np.abs(off), self.n)
        self.squared += np.bincount(where, off**2, self.n)

    def mean(self) -> Floats:
        """(n,) the mean predicted minutes, NaN without a ride."""
        return _share(self.minutes, self.rides)

    def mae(self) -> Floats:
        """(n,) the mean absolute error in minutes, NaN where nothing is judged."""
        return _share(self.absolute, self.judged)


class Tally:
    """The whole run: counts, and rides by hour of pickup, pickup zone, miles and predicted minutes."""

    def __init__(self) -> None:
        self.all = Slices(1)
        self.hours = Slices(24)
        self.zones = Slices(LAST_ZONE + 1)  # 0: a zone that is none of TLC's
        self.miles = Slices(len(MILES))
        self.minutes = np.zeros(MOST_MINUTES + 1)
        self.flags: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.quarantined = 0
        self.undated = 0

    @property
    def scored(self) -> int:
        """How many predictions there are."""
        return int(self.all.rides[0])

    @property
    def read(self) -> int:
        """How many rows were read: all of them are scored or quarantined."""
        return self.scored + self.quarantined

    def add(self, chunk: Chunk, scores: ColumnScores, rows: NDArray[np.int64]) -> None:
        """Add the rides of a chunk that have a prediction: those at `rows`."""
        predicted, actual = scores.values[rows], chunk.minutes[rows]
        second = chunk.rides.pickup[rows].astype(np.int64)
        zone = chunk.rides.pickup_zone[rows]
        known = (zone >= 1) & (zone <= LAST_ZONE)
        miles = np.searchsorted(MILES, chunk.rides.distance[rows], side="right") - 1
        for slices, at in (
            (self.all, np.zeros(len(rows), np.int64)),
            (self.hours, second // 3600 % 24),
            (self.zones, np.where(known, zone, 0)),
            (self.miles, miles),
        ):
            slices.add(at, predicted, actual)
        whole = np.clip(predicted, 0, MOST_MINUTES).astype(np.int64)
        self.minutes += np.bincount(whole, minlength=MOST_MINUTES + 1)
        for flag, mask in scores.flags.items():
            self.flags[flag] += int(np.count_nonzero(mask[rows]))

    def refuse(self, refused: list[Refused]) -> None:
        """Count rows that went to quarantine."""
        self.quarantined += len(refused)
        self.undated += sum(one.pickup_datetime is None for one in refused)
        for one in refused:
            reason = (one.code, one.message)
            self.reasons[reason if reason in self.reasons or len(self.reasons) < _REASONS else OTHER] += 1

    def mean_minutes(self) -> float | None:
        """Of the predictions."""
        return _number(self.all.mean())

    def mae(self) -> float | None:
        """The mean absolute error in minutes, where real durations are known."""
        return _number(self.all.mae())

    def rmse(self) -> float | None:
        """The root mean square error in minutes, where real durations are known."""
        return _number(np.sqrt(_share(self.all.squared, self.all.judged)))


def _share(total: Floats, count: Floats) -> Floats:
    shares: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return shares


def _number(values: Floats) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])
