"""A whole retraining: trained, judged, registered as challenger, told and written; and what it refuses."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_training import Training

from threeways.errors import ArtifactMismatch, ArtifactMissing, DataError
from threeways.settings import Settings
from threeways.systems.taxi.training import model
from threeways.systems.taxi.trips import city
from threeways.training.registry import RegisteredModel, resolve
from threeways.training.retrain.command import Options, retrain
from threeways.training.retrain.report import Report
from threeways.training.tracking import connect, store_of

pytestmark = pytest.mark.exhaustive


@dataclass(frozen=True)
class Retrained:
    report: Report
    folder: Path
    data: str
    said: str


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of the city, whose bridge is closed in the second one."""
    file = tmp_path_factory.mktemp("months") / "rides.parquet"
    closed = np.datetime64("2021-04-01")
    pd.concat([city.month(2021, 3, 2_500), city.month(2021, 4, 7_000, closed=closed)]).to_parquet(file)
    return file


@pytest.fixture(scope="module")
def folder(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the trained checkout, for what is registered here."""
    return shutil.copytree(training.folder, tmp_path_factory.mktemp("checkout") / ".local")


@pytest.fixture(scope="module")
def retrained(folder: Path, months: Path) -> Retrained:
    said = io.StringIO()
    options = Options(str(months), window=31, because="the bridge is closed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model.BOOSTING, "max_iter", 30)
        report = retrain("ride_duration", options, console=Console(file=said, width=80), folder=folder)
    return Retrained(report, folder, str(months), said.getvalue())


def test_a_city_that_has_changed_makes_a_challenger_that_stands(retrained: Retrained) -> None:
    report = retrained.report
    assert report.stands, report.verdict.reasons
    assert report.verdict.difference.better
    assert report.verdict.champion.rmse > report.verdict.challenger.rmse + 1
    assert report.verdict.champion.bias < -1 < report.verdict.challenger.bias < 1


def test_it_is_registered_as_challenger_and_the_champion_stays(retrained: Retrained) -> None:
    challenger = resolve("models:/ride-duration@challenger", retrained.folder)
    champion = resolve("models:/ride-duration@champion", retrained.folder)
    assert challenger is not None
    assert champion is not None
    assert challenger.uri == retrained.report.model.uri == "models:/ride-duration/2"
    assert champion.uri == retrained.report.champion.uri == "models:/ride-duration/1"


def test_the_reasons_are_in_the_versions_tags(retrained: Retrained) -> None:
    tags = connect(store_of(retrained.folder)).get_model_version("ride-duration", "2").tags
    assert tags["retrain.because"] == "the bridge is closed"
    assert tags["retrain.stands"] == "true"
    assert tags["retrain.champion"] == "models:/ride-duration/1"
    assert "its RMSE is lower by +" in tags["retrain.reasons"]
    assert float(tags["retrain.rmse"]) < float(tags["retrain.champion_rmse"])
    assert " to 2021-04-" in tags["retrain.window"]


def test_both_windows_are_tried_and_the_better_one_is_taken(retrained: Retrained) -> None:
    tried = {one.name: one.rmse for one in retrained.report.challenger.tried}
    assert list(tried) == ["the newest 31 days", "all, halved every 90 days"]
    assert retrained.report.challenger.taken.rmse == min(one for one in tried.values() if one is not None)


def test_the_file_and_the_console_tell_the_same(retrained: Retrained) -> None:
    figures = json.loads((retrained.folder / "last-retrain.json").read_text())
    verdict = retrained.report.verdict
    assert figures["challenger"]["rmse"] == verdict.challenger.rmse
    assert figures["rmse_lower_by"] == verdict.difference.value > figures["margin"] > 0
    assert figures["alias"] == "challenger"
    assert figures["stands"] is True
    assert f"{verdict.champion.rmse:.3f}" in retrained.said
    assert "it may be promoted" in retrained.said
    tables = [line for line in retrained.said.splitlines() if line.startswith(("│", "┃"))]
    assert len(tables) > 7
    assert max(map(len, tables)) <= 80


def test_a_champion_that_has_learnt_from_the_holdout_is_not_judged_on_it(retrained: Retrained) -> None:
    told = r"/2 has learnt from the holdout, rides.parquet.*give newer events as HOLDOUT="
    with pytest.raises(DataError, match=told):
        again(retrained, Options(retrained.data))


def test_a_champion_that_goes_on_into_the_holdouts_time_is_not_judged_on_it(
    retrained: Retrained, tmp_path: Path
) -> None:
    for month in (3, 4):
        city.month(2021, month, 500, seed=7).to_parquet(tmp_path / f"{month}.parquet")
    told = r"/2 has learnt from events up to 2021-04-2.*the holdout begins on 2021-04-01.* as HOLDOUT="
    with pytest.raises(DataError, match=told):
        again(retrained, Options(str(tmp_path / "3.parquet"), str(tmp_path / "4.parquet")))


def again(retrained: Retrained, options: Options) -> None:
    """Retrain with the challenger as the champion."""
    console, champion = Console(file=io.StringIO()), retrained.report.model
    retrain("ride_duration", options, console=console, folder=retrained.folder, champion=champion)


def test_without_a_champion_nothing_is_trained(tmp_path: Path, months: Path) -> None:
    with pytest.raises(ArtifactMissing, match=r"no champion of ride_duration .*make train"):
        retrain("ride_duration", Options(str(months)), console=Console(file=io.StringIO()), folder=tmp_path)


def test_a_champion_of_another_task_is_refused(training: Training, tmp_path: Path, months: Path) -> None:
    copy = shutil.copytree(training.report.model.folder, tmp_path / "tip")
    text = (copy / "MLmodel").read_text()
    (copy / "MLmodel").write_text(text.replace("task: ride_duration", "task: ride_tip"))
    other = RegisteredModel(str(copy), "", "run", None, "0", copy)
    with pytest.raises(
        ArtifactMismatch, match=r"a model of the task ride_tip, and ride_duration is retrained"
    ):
        retrain(
            "ride_duration",
            Options(str(months), settings=Settings()),
            console=Console(file=io.StringIO()),
            folder=training.folder,
            champion=other,
        )
