"""How much the intervals of ride durations hold on TLC's months, by month, by week, by hour and by distance.

`python tools/interval_coverage.py FOLDER [--model ARTIFACT]`. FOLDER has green_tripdata_2021-01.parquet and
those of 2021-02, 2022-01 and 2022-02 (nyc.gov/site/tlc/about/tlc-trip-record-data.page); without them it says
so and does nothing. The model is trained on 2021-01, or given. Exit 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from threeways import artifact
from threeways.artifact.interval import IntervalTable
from threeways.scoring import calibration, tasks
from threeways.scoring.calibration import Parts
from threeways.systems.taxi.training import data, model

MONTHS = ("2021-01", "2021-02", "2022-01", "2022-02")
FEWEST = 1_000
MONTH_GOAL, WEEK_GOAL, BAND_GOAL = 0.02, 0.03, 0.05
_TASK = tasks.find("ride_duration")
_DISTANCES = next(one for one in _TASK.slices if one.edges)


@dataclass(frozen=True, slots=True)
class Rides:
    """n rides: what was predicted, what was true, when, their hour and their miles."""

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    time: NDArray[np.datetime64]
    hour: NDArray[np.int64]
    miles: NDArray[np.float64]

    def only(self, which: NDArray[np.bool_]) -> Rides:
        """Those of them."""
        return Rides(*(getattr(self, name)[which] for name in self.__slots__))

    def held(self, table: IntervalTable) -> NDArray[np.bool_]:
        """(n,) whose interval holds what was true."""
        return calibration.held(table, self.predicted, self.actual, self.miles)


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="an artifact that was trained on 2021-01")
    given = parser.parse_args()
    files = {month: given.folder / f"green_tripdata_{month}.parquet" for month in MONTHS}
    if lacking := [path.name for path in files.values() if not path.is_file()]:
        print(f"NOT RUN HERE: {given.folder} has no {', '.join(lacking)}")
        return 0
    months = _months(files, given.model)
    tables = {month: _fitted(rides) for month, rides in months.items()}
    good = True
    for fit, judge, goal in (
        ("2021-01", "2021-02", None), ("2021-02", "2022-01", None), ("2021-02", "2022-02", None),
        ("2022-01", "2022-02", MONTH_GOAL),
    ):  # fmt: skip
        good &= _told(
            f"fitted on {fit}, on {judge}", tables[fit], months[judge], goal, bands=goal is not None
        )
    return 0 if _by_week(months["2022-01"], months["2022-02"]) and good else 1


def _months(files: dict[str, Path], folder: Path | None) -> dict[str, Rides]:
    examples = {month: data.sample(_TASK, str(path), print) for month, path in files.items()}
    first = examples["2021-01"]
    fitted: Any = artifact.load(folder) if folder else model.fit(first.block, first.target)
    found = {}
    for month, one in examples.items():
        minute = one.block[:, _TASK.columns.index("minute_of_day")].astype(np.int64)
        miles = one.block[:, _TASK.columns.index("trip_distance")]
        time = np.asarray(one.times)
        found[month] = Rides(fitted.predict(one.block), one.target, time, minute // 60, miles)
    return found


def _fitted(rides: Rides) -> IntervalTable:
    parts = [Parts(_DISTANCES.field, rides.miles, _DISTANCES.edges)]
    return calibration.fitted(rides.predicted, rides.actual, least=0.0, parts=parts)


def _told(what: str, table: IntervalTable, rides: Rides, goal: float | None, *, bands: bool) -> bool:
    """Print the coverage; whether it is as good as the goal, and each band's too."""
    found = calibration.covered(table, rides.predicted, rides.actual, rides.miles)
    good = goal is None or abs(found.share - table.coverage) <= goal
    groups = (
        f", groups by {table.by} at {', '.join(f'{one:g}' for one in table.by_edges)}" if table.by else ""
    )
    width = f"{found.width:.2f} minutes wide"
    print(f"{what}: {found.share:.1%} of {found.rows:,} rides, {width}{groups}{_mark(good)}")
    return (_bands(rides.held(table), rides) and good) if bands else good


def _bands(held: NDArray[np.bool_], rides: Rides) -> bool:
    """Print the coverage of each band of hour and of distance; whether all are good."""
    good = True
    distance = np.searchsorted(_DISTANCES.edges, rides.miles, "right") - 1
    for name, band in (("hour", rides.hour), ("miles from", distance)):
        for number, (share, count) in calibration.by_part(held, band).items():
            if count >= FEWEST:
                own = abs(share - calibration.COVERAGE) <= BAND_GOAL
                label = f"{_DISTANCES.edges[number]:g}" if band is distance else number
                print(f"    {name} {label}: {share:.1%} of {count:,}{_mark(own)}")
                good &= own
    return good


def _by_week(one: Rides, other: Rides) -> bool:
    """Recalibrate on each week, and judge on the week after."""
    rides = Rides(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in Rides.__slots__))
    week = ((rides.time - np.datetime64("2022-01-01")) // np.timedelta64(7, "D")).astype(np.int64)
    config, held, judged, good = _fitted(one), [], [], True
    for number in range(1, int(week.max()) + 1):
        before, now = rides.only(week == number - 1), rides.only(week == number)
        table = calibration.recalibrated(config, before.predicted, before.actual, before.miles)
        good &= _told(f"week {number}, recalibrated on the one before", table, now, WEEK_GOAL, bands=False)
        held.append(now.held(table))
        judged.append(number)
    print("all of these weeks, each by the table of the one before:")
    return _bands(np.concatenate(held), rides.only(np.isin(week, judged))) and good


def _mark(good: bool) -> str:
    return "" if good else "   <- beyond its goal"


if __name__ == "__main__":
    sys.exit(main())
