"""What is trained on and what is judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from threeways.errors import DataError
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.training.data import load
from threeways.systems.taxi.trips import city


def ignore(_line: str) -> None:
    """Say nothing."""


@pytest.fixture
def january(tmp_path: Path) -> str:
    file = tmp_path / "green.parquet"
    city.month(2021, 1, 3_000).sample(frac=1, random_state=0).to_parquet(file)
    return str(file)


def test_without_validation_the_last_fifth_by_time_is_held_out_and_that_is_said(january: str) -> None:
    said: list[str] = []
    training, validation = load(duration, january, None, said.append)
    assert training.raw + validation.raw == 3_000
    assert validation.raw == pytest.approx(600, abs=5)
    assert any("last fifth" in line for line in said)
    assert len(training.target) == len(training.block) == training.raw - sum(training.dropped.values())
    whole, _ = load(duration, january, january, ignore)
    assert len(whole.target) == len(training.target) + len(validation.target)


def test_a_held_out_ride_is_never_older_than_one_trained_on(tmp_path: Path) -> None:
    frame = city.month(2021, 1, 2_000)
    day = frame["lpep_pickup_datetime"].dt.normalize()
    file = tmp_path / "days.parquet"
    frame.assign(lpep_pickup_datetime=day, lpep_dropoff_datetime=day + np.timedelta64(10, "m")).to_parquet(
        file
    )
    training, validation = load(duration, str(file), None, ignore)
    # All of a day's rides begin at its midnight here, so a day is in one set or the other: 7 of 31 held out.
    assert 0.18 < len(validation.target) / (len(training.target) + len(validation.target)) < 0.28


def test_a_file_that_is_in_both_sets_is_warned_of_in_one_line_whatever_its_name(
    january: str, tmp_path: Path
) -> None:
    february, copied = str(tmp_path / "february.parquet"), tmp_path / "copied.parquet"
    city.month(2021, 2, 500).to_parquet(february)
    copied.write_bytes(Path(january).read_bytes())
    said: list[str] = []
    load(duration, january, february, said.append)
    assert said == []
    load(duration, january, f"{copied} {february}", said.append)
    (warning,) = said
    assert f"warning: {copied}: in DATA and in VALIDATION" in warning
    assert "\n" not in warning


def test_validation_without_data_is_refused() -> None:
    with pytest.raises(DataError, match="VALIDATION is given without DATA"):
        load(duration, None, "a.parquet", ignore)


def test_a_file_without_a_usable_ride_is_refused_with_the_reasons(tmp_path: Path, january: str) -> None:
    frame = city.month(2021, 1, 100)
    file = tmp_path / "still.parquet"
    frame.assign(lpep_dropoff_datetime=frame["lpep_pickup_datetime"]).to_parquet(file)
    with pytest.raises(DataError, match=r"VALIDATION: .*no usable ride \(100 under 1 minute\)"):
        load(duration, january, str(file), ignore)


def test_rides_that_all_begin_at_once_cannot_be_split_by_time(tmp_path: Path) -> None:
    frame = city.month(2021, 1, 100)
    began = frame["lpep_pickup_datetime"].iloc[50]
    file = tmp_path / "once.parquet"
    frame.assign(lpep_pickup_datetime=began, lpep_dropoff_datetime=began + np.timedelta64(9, "m")).to_parquet(
        file
    )
    with pytest.raises(DataError, match="no later rides to hold out; give VALIDATION="):
        load(duration, str(file), None, ignore)
