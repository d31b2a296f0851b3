"""What a training learns from and what it is judged on: the user's files, or the synthetic city."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.artifact.inputs import Block
from threeways.aws.files import Say
from threeways.errors import DataError, UsageError
from threeways.scoring.task import Features, Task, Truth
from threeways.systems.taxi.rides import Ride, RideEvent
from threeways.training.examples import Examples

if TYPE_CHECKING:
    import pandas as pd

    from threeways.systems.taxi.trips.reading import Trips

CITY_TRAINING, CITY_VALIDATION = (2021, 1, 60_000), (2021, 2, 20_000)
"""Year, month and rides of the synthetic city's two sets."""
MOST_EVENTS = 200
"""The rides of which a golden set may be made."""
CITY_LATER = (2021, 2, 40_000), (2021, 3, 40_000)
"""Its two months that a model is retrained on; from the second one on the bridge is closed."""
_HELD_OUT = 0.2


def load(task: Task[Any], data: str | None, validation: str | None, say: Say) -> tuple[Examples, Examples]:
    """Return the training set and the validation set.

    data, validation: what `DATA` and `VALIDATION` say (`threeways.systems.taxi.trips.reading.read`).
    Without `data` it is the synthetic city, validated on its next month; without `validation` the last fifth
    of the data by pickup time is held out. A file with the same bytes in both is warned of. Raises DataError.
    """
    from threeways.systems.taxi.trips import city
    from threeways.systems.taxi.trips.reading import read

    if data is None:
        if validation is not None:
            raise DataError("VALIDATION is given without DATA; give both, or neither for the synthetic city")
        say("data: the synthetic city; give DATA=trips.parquet for real ones")
        return (
            _usable(task, city.trips(*CITY_TRAINING), "DATA"),
            _usable(task, city.trips(*CITY_VALIDATION), "VALIDATION"),
        )
    trips = read(data, "DATA", say)
    if validation is None:
        say("validation: the last fifth of the data by pickup time is held out; VALIDATION= names other data")
        return _held_out(task, trips)
    judging = read(validation, "VALIDATION", say)
    _warn_of_rides_in_both(trips, judging, say)
    return _usable(task, trips, "DATA"), _usable(task, judging, "VALIDATION")


def sample(task: Task[Any], data: str | None, say: Say) -> Examples:
    """Return one set of rides, all of them. Raises DataError.

    data: as `load` takes it, or a folder of parquet files; None: the synthetic city's validation set.
    """
    from threeways.systems.taxi.trips import city
    from threeways.systems.taxi.trips.reading import read

    if data is None:
        say("rides: the synthetic city; give --rides trips.parquet for real ones")
        return _usable(task, city.trips(*CITY_VALIDATION), "--rides")
    trips = _folder(Path(data), say) if Path(data).is_dir() else read(data, "--rides", say)
    return _usable(task, trips, "--rides")


def events(examples: Examples) -> list[RideEvent]:
    """Return some rides of a set as events, evenly: of the date only the weekday is what it was."""
    few = examples.block[:: max(1, len(examples.target) // MOST_EVENTS)][:MOST_EVENTS].tolist()
    return [
        RideEvent(at, Ride(int(pickup), int(dropoff), miles, _time_of(int(minute), int(weekday))))
        for at, (pickup, dropoff, _, miles, minute, weekday) in enumerate(few, 1)
    ]


def _time_of(minute: int, weekday: int) -> str:
    return (datetime(2021, 2, 1) + timedelta(days=weekday, minutes=minute)).isoformat()  # noqa: DTZ001  (New York's, a Monday)


def labelled(task: Task[Any], data: str | None, variable: str, say: Say) -> Examples:
    """Return one set of rides with their times. data: files as `load` takes them, or a database's URL.

    None: two months of the synthetic city, whose bridges are closed in the second one. Raises DataError.
    """
    from threeways.systems.taxi.trips import city, database
    from threeways.systems.taxi.trips.reading import read

    if data is None:
        say(
            "data: the synthetic city, its bridges closed at last; "
            f"give {variable}=trips.parquet for real ones"
        )
        before, after = CITY_LATER
        closed = np.datetime64(f"{after[0]}-{after[1]:02d}-01")
        return _usable(task, _joined([city.trips(*before), city.trips(*after, closed=closed)]), variable)
    trips = database.read(data, variable) if database.is_named(data) else read(data, variable, say)
    return _usable(task, trips, variable)


def _joined(parts: Sequence[Trips]) -> Trips:
    import pandas as pd

    from threeways.systems.taxi.trips.reading import Trips

    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return Trips(frame, tuple(source for part in parts for source in part.sources))


def _folder(folder: Path, say: Say) -> Trips:
    """Return the trips of all parquet files in a folder, whatever its name."""
    from threeways.systems.taxi.trips.reading import read

    parts = [read(str(path), "--rides", say) for path in sorted(folder.glob("*.parquet"))]
    if not parts:
        raise DataError(f"--rides: there is no parquet file in {folder}; name another folder, or files")
    return _joined(parts)


def _warn_of_rides_in_both(training: Trips, judging: Trips, say: Say) -> None:
    learnt = {source.sha256 for source in training.sources}
    both = [source.name for source in judging.sources if source.sha256 in learnt]
    if both:
        say(
            f"warning: {', '.join(both)}: in DATA and in VALIDATION, so the errors below are on rides that "
            "the model learnt from; give other rides as VALIDATION"
        )


def _usable(task: Task[Any], trips: Trips, variable: str) -> Examples:
    from threeways.systems.taxi.trips.cleaning import clean
    from threeways.systems.taxi.trips.reading import PICKUP

    cleaning = clean(trips.frame, _truth_of(task))
    if not cleaning.kept.any():
        reasons = ", ".join(f"{count} {reason}" for reason, count in cleaning.dropped.items() if count)
        raise DataError(f"{variable}: {trips.name} has no usable ride ({reasons}); give other data")
    block = _block_of(task, trips.frame[cleaning.kept])
    target = cleaning.target[cleaning.kept]
    times = trips.frame[PICKUP].to_numpy()[cleaning.kept]
    raw = len(trips.frame)
    return Examples(trips.name, trips.sources, block, target, raw, cleaning.dropped, times=times)


def _truth_of(task: Task[Any]) -> Truth:
    if task.truth is None:
        raise UsageError(
            f"TASK={task.name} has no truth to learn from: say where trip records tell it (truth=…)"
        )
    return task.truth


def _block_of(task: Task[Any], frame: pd.DataFrame) -> Block:
    """Return the features that a task makes of rides. Raises DataError where rides are no events of it."""
    from threeways.systems.taxi.trips.rides import columns_of, payloads_of

    if task.event is RideEvent and task.features_by_column:
        block: Block = task.features_by_column(columns_of(frame).by_field()).block
        return block
    events, faults = task.decode_all(list(payloads_of(frame)))
    if not faults:
        features: Features = task.features(events, [datetime.now(UTC)] * len(events))
        if not features.faults:
            return features.block
        faults = features.faults
    raise DataError(f"TASK={task.name} takes other events than rides: {next(iter(faults.values()))}")


def _held_out(task: Task[Any], trips: Trips) -> tuple[Examples, Examples]:
    """Two sets of one file's trips: those before a moment, and those from it on."""
    from threeways.systems.taxi.trips.reading import PICKUP, Trips

    pickup = trips.frame[PICKUP]
    moment = pickup.quantile(1 - _HELD_OUT, interpolation="higher")
    later = (pickup >= moment).to_numpy()
    if later.all() or not np.any(later):
        raise DataError(f"DATA: {trips.name} has no later rides to hold out; give VALIDATION= as well")
    early, late = Trips(trips.frame[~later], trips.sources), Trips(trips.frame[later], trips.sources)
    return _usable(task, early, "DATA"), _usable(task, late, "DATA")
