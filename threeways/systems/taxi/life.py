"""The life of a ride's model on one machine: a month of the synthetic city, whose bridges are closed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.local_run.life.declared import LifeEvents
from threeways.scoring.events import Events
from threeways.systems.taxi.duration import TRUTH
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import DROPOFF, PICKUP
from threeways.systems.taxi.trips.rides import payloads_of

if TYPE_CHECKING:
    import pandas as pd

JOIN = "threeways.systems.taxi.labels"
MONTH = (2021, 3)
"""The month after those that a model of the synthetic city is trained and validated on."""
CLOSED = np.datetime64("2021-03-11T06:00")


def load(count: int) -> LifeEvents:
    """Return so many rides, or a few less: those that training would keep."""
    trips = city.trips(*MONTH, rides=count, closed=CLOSED)
    cleaning = clean(trips.frame, TRUTH)
    rows = np.flatnonzero(cleaning.kept)
    frame = trips.frame.iloc[rows].sort_values(PICKUP, kind="stable")
    truth = cleaning.target[frame.index.to_numpy()]
    return LifeEvents(
        events=Events(
            name=trips.name,
            ids=frame.index.tolist(),
            payloads=partial(payloads_of, frame),
            truth=truth,
            counted=np.ones(len(frame), np.bool_),
            skipped=len(trips.frame) - len(frame),
            skipped_because="its duration is none that a model learns from",
        ),
        times=frame[PICKUP].to_numpy(),
        known=frame[DROPOFF].to_numpy(),
        labels=partial(_labels, frame, truth),
        changes=CLOSED,
        what="bridges are closed",
        write=partial(_write, frame),
    )


def _labels(frame: pd.DataFrame, minutes: NDArray[np.float64]) -> Iterator[bytes]:
    for ride_id, duration in zip(frame.index.tolist(), minutes.tolist(), strict=True):
        yield msgspec.json.encode({"event": "ride_ended", "ride_id": ride_id, "duration_minutes": duration})


def _write(frame: pd.DataFrame, positions: NDArray[np.intp], file: Path) -> None:
    frame.iloc[positions].to_parquet(file, index=False)
