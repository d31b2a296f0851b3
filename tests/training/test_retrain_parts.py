"""The parts of a retraining that need no model: windows by time, paired differences, and the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from threeways.errors import DataError, UsageError
from threeways.scoring import tasks
from threeways.scoring.paired import clusters_of, rmse_difference
from threeways.systems.taxi.trips import city
from threeways.training.examples import Examples
from threeways.training.retrain import gate
from threeways.training.retrain.windows import newest, windows
from threeways.training.times import times_of

TASK = tasks.find("ride_duration")


def say(_line: str) -> None:
    """Take no note."""


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    folder = tmp_path_factory.mktemp("months")
    for number in (1, 2, 3):
        city.month(2021, number, 1_500).to_parquet(folder / f"{number}.parquet")
    return {number: str(folder / f"{number}.parquet") for number in (1, 2, 3)}


def test_a_difference_holds_the_true_one_and_is_paired() -> None:
    random = np.random.default_rng(1)
    shared, held, widths = random.normal(0, 5, (200, 4_000)), 0, []
    for common in shared:
        own = random.normal(0, 1, (2, 4_000))
        found = rmse_difference(common + own[0] * 2, common + own[1])
        truth = np.sqrt(29) - np.sqrt(26)
        assert found.margin
        held += abs(found.value - truth) <= found.margin
        widths.append(found.margin)
    assert 0.9 < held / 200 < 0.99
    alone = 1.96 * 2 * 5.2 / np.sqrt(2 * 4_000)  # of two models on events of their own
    assert np.mean(widths) < alone / 2


def test_a_difference_of_runs_of_alike_errors_is_less_certain() -> None:
    random = np.random.default_rng(2)
    hours = np.repeat(random.normal(0, 1, 200), 20)
    mixed = random.permutation(hours)
    base = np.full(4_000, 3.0)
    found, other = (rmse_difference(base, base + one) for one in (hours, mixed))
    assert found.margin
    assert other.margin
    assert found.margin > 2 * other.margin
    times = np.repeat(np.arange(200) * 3_600.0, 20)
    mixed_up = random.permutation(4_000)
    by_time = rmse_difference(base, (base + hours)[mixed_up], clusters_of(times[mixed_up]))
    assert by_time.by == "hour"
    assert by_time.margin
    assert by_time.margin > 2 * other.margin  # whatever their order


def test_a_difference_of_few_events_is_no_verdict() -> None:
    found = rmse_difference(np.full(199, 9.0), np.full(199, 1.0))
    assert not found.better
    assert not found.worse


def test_the_newest_fifth_by_time_is_held_out_whatever_the_order_of_the_files(months: dict[int, str]) -> None:
    found = windows(TASK, f"{months[2]} {months[1]}", None, say)
    assert times_of(found.learning).max() < found.begins <= times_of(found.holdout).min()
    share = len(found.holdout.target) / (len(found.holdout.target) + len(found.learning.target))
    assert 0.19 < share < 0.21
    assert (np.diff(times_of(found.holdout)) >= np.timedelta64(0, "us")).all()


def test_nothing_that_is_learnt_from_is_newer_than_the_holdout(months: dict[int, str]) -> None:
    found = windows(TASK, f"{months[1]},{months[2]}", months[3], say)
    assert found.begins >= np.datetime64("2021-03-01")
    assert times_of(found.learning).max() < found.begins


def test_rides_dated_in_the_future_move_no_window(months: dict[int, str], tmp_path: Path) -> None:
    frame = pd.read_parquet(months[1])
    stray = frame.head(3).copy()
    for column in ("lpep_pickup_datetime", "lpep_dropoff_datetime"):
        stray[column] += pd.Timedelta(days=4_000)
    pd.concat([frame, stray]).to_parquet(tmp_path / "strays.parquet")
    found = windows(TASK, str(tmp_path / "strays.parquet"), months[3], say)
    assert found.learning.target.size > 1_000
    assert newest(found.learning, 10).sum() > 300


@pytest.mark.parametrize(
    ("data", "holdout", "told"),
    [
        (
            "{2}",
            "{1}",
            "HOLDOUT begins on 2021-01-01 .*, and DATA goes on to 2021-02-28 .*: .* later HOLDOUT=",
        ),
        ("{1} {2}", "{2}", "HOLDOUT= and DATA= have a file in common"),
        ("{few}", None, "labelled events to learn from and .* newer ones to judge on; it takes 200"),
        ("{unlabelled}", None, "dropoff_datetime"),
        ("sqlite:///{folder}/none.db", None, "DATA: there is no database .*none.db"),
        ("sqlite:///{folder}/rides.db#other", None, "name its table after a #"),
    ],
)
def test_bad_input_is_refused_with_the_mend(
    months: dict[int, str], tmp_path: Path, data: str, holdout: str | None, told: str
) -> None:
    frame = pd.read_parquet(months[1])
    frame.head(150).to_parquet(tmp_path / "few.parquet")
    frame.drop(columns="lpep_dropoff_datetime").to_parquet(tmp_path / "unlabelled.parquet")
    sa.create_engine(f"sqlite:///{tmp_path}/rides.db").connect().close()
    names: dict[str, Any] = {
        "few": tmp_path / "few.parquet", "unlabelled": tmp_path / "unlabelled.parquet", "folder": tmp_path,
    }  # fmt: skip
    given = [None if one is None else one.format(*["", *months.values()], **names) for one in (data, holdout)]
    with pytest.raises(DataError, match=told):
        windows(TASK, str(given[0]), given[1], say)


def test_a_task_whose_training_knows_no_times_is_refused() -> None:
    with pytest.raises(UsageError, match=r"TASK=copyright cannot be retrained by time"):
        windows(tasks.find("copyright"), None, None, say)


def test_a_table_of_a_database_is_read_as_a_file_is(months: dict[int, str], tmp_path: Path) -> None:
    frame = pd.read_parquet(months[1])
    engine = sa.create_engine(f"sqlite:///{tmp_path}/rides.db")
    texts = frame.rename(columns=lambda name: str(name).removeprefix("lpep_"))
    for column in ("pickup_datetime", "dropoff_datetime"):
        texts[column] = texts[column].dt.strftime("%Y-%m-%d %H:%M:%S")
    texts.to_sql("rides", engine, index=False)
    engine.dispose()
    ways = [windows(TASK, one, None, say) for one in (f"sqlite:///{tmp_path}/rides.db", months[1])]
    for one, other in zip(
        (ways[0].learning, ways[0].holdout), (ways[1].learning, ways[1].holdout), strict=True
    ):
        assert (one.block == other.block).all()
        assert (one.target == other.target).all()


def examples(zone: Any, target: Any) -> Examples:
    block = np.zeros((len(target), len(TASK.columns)))
    block[:, TASK.columns.index("PULocationID")] = zone
    times = np.datetime64("2021-01-01") + np.arange(len(target)) * np.timedelta64(60, "s")
    return Examples("made", (), block, target, len(target), {}, times=times)


def test_a_challenger_that_is_better_in_all_and_worse_in_a_part_does_not_stand() -> None:
    random = np.random.default_rng(3)
    zone = np.where(np.arange(10_000) % 10 == 0, 7, 8)
    holdout = examples(zone, np.zeros(10_000))
    champion = random.normal(0, 5, 10_000)
    better = gate.judged(TASK, holdout, champion, champion * 0.8)
    assert better.stands
    assert better.champion.rmse > better.challenger.rmse
    mixed = np.where(zone == 7, champion * 1.2, champion * 0.8)
    found = gate.judged(TASK, holdout, champion, mixed)
    assert found.difference.better
    assert not found.stands
    assert [one.part for one in found.parts if one.is_worse] == ["7"]
    assert "it is worse on pickup zone 7" in found.reasons[1]


def test_equal_models_are_no_reason_to_promote() -> None:
    off = np.random.default_rng(4).normal(0, 5, 5_000)
    found = gate.judged(TASK, examples(8, np.zeros(5_000)), off, off)
    assert not found.stands
    assert "no difference is certain" in found.reasons[0]


def test_the_bias_is_the_mean_of_what_is_predicted_too_much() -> None:
    holdout = replace(examples(8, np.full(1_000, 10.0)))
    assert gate.judged(TASK, holdout, np.full(1_000, 8.5), np.full(1_000, 10.0)).champion.bias == -1.5
