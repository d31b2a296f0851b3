"""The consumers that read an upload's texts: trained, served from an artifact without pickle, explained."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from threeways import bootstrap
from threeways.artifact import mlmodel
from threeways.errors import DataError
from threeways.scoring import tasks
from threeways.scoring.outcomes import ScoredEvent
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.systems.moderation import nsfw, producer, training
from threeways.systems.moderation.generator import uploads
from threeways.systems.moderation.texts import texts_of
from threeways.systems.moderation.training import data
from threeways.systems.moderation.uploads import Upload, example
from threeways.training.examples import Examples
from threeways.training.report import TrainingReport
from threeways.training.train import train

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOME = [one.upload for one in uploads(300, seed=9)]


@dataclass(frozen=True)
class Trained:
    report: TrainingReport
    folder: Path
    said: str
    service: ModelService[Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("moderation") / ".local"
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(data, "GENERATED_TRAINING", (1_500, 1))
        patched.setattr(data, "GENERATED_VALIDATION", (1_000, 2))
        patched.setattr(training.model, "TERMS", 5_000)
        report = train(console=Console(file=said, width=120), folder=folder, task="nsfw")
    service = bootstrap.service_of(report.model.folder, Settings(task="nsfw"))
    return Trained(report, folder, said.getvalue(), service)


def scored(service: ModelService[Any], some: list[Upload]) -> list[Any]:
    return service.score([msgspec.json.encode(one) for one in some], [NOW] * len(some))


@pytest.mark.exhaustive
def test_training_on_generated_uploads_tells_the_category(trained: Trained) -> None:
    measures = trained.report.measures
    assert measures["auc"] > 0.85
    assert measures["ece"] < 0.03
    assert measures["precision"] > 0.6
    assert trained.report.model_uri == "models:/nsfw/1"
    assert f"{measures['auc']:.3f}" in trained.said


@pytest.mark.exhaustive
def test_the_artifact_is_skops_and_loads_without_a_pickle_or_a_digest(trained: Trained) -> None:
    info = mlmodel.read(trained.report.model.folder)
    assert info.flavors.sklearn is not None
    assert info.flavors.sklearn.serialization_format == "skops"
    assert info.method == "predict_proba"
    chosen = (info.metadata or {})["chosen"]
    assert 0 < chosen["threshold"] < 1


@pytest.mark.exhaustive
def test_a_verdict_has_label_probabilities_and_the_words_that_moved_it(trained: Trained) -> None:
    upload = Upload("u1", "user", "uncensored version", "a nude model, adults only", ("explicit",), "Norway")
    [outcome] = scored(trained.service, [upload])
    message = json.loads(trained.service.messages([outcome], ["shard:1"])[0])
    assert list(message) == ["model", "version", "prediction", "source_event_id", "flags", "because"]
    assert message["model"] == "nsfw"
    prediction = message["prediction"]
    assert prediction["upload_id"] == "u1"
    assert prediction["label"] == "nsfw"
    assert set(prediction["probabilities"]) == {"nsfw", "ok"}
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    assert {one["feature"] for one in message["because"]} <= set(nsfw.task.columns)
    assert any(one["value"] in {"uncensored", "nude", "nude model", "adults"} for one in message["because"])
    words = {
        "uncensored",
        "version",
        "nude",
        "model",
        "nude model",
        "adults",
        "only",
        "adults only",
        "explicit",
    }
    assert {one["value"] for one in message["because"]} <= words | {"uncensored version", "norway"}


@pytest.mark.exhaustive
def test_all_contributions_and_the_intercept_sum_to_the_score_of_each_verdict(trained: Trained) -> None:
    service: Any = trained.service
    contributions, rest = service._because._terms.of(service.model.converted(texts_of(SOME)))
    total = np.asarray(contributions.sum(axis=1)).ravel() + rest
    told = [outcome.value for outcome in scored(service, SOME)]
    for score, (label, probabilities) in zip(total, told, strict=True):
        assert probabilities[label] == pytest.approx(1 / (1 + np.exp(-score)), rel=1e-9)


@pytest.mark.exhaustive
def test_uploads_without_any_text_and_with_strange_ones_get_a_verdict(trained: Trained) -> None:
    strange = [
        Upload(1, "u", ""),
        Upload(2, "u", "\x00\u202e🎬 ﷽", tags=("", " ", "\n", "a b"), country=", ,"),
        Upload(3, "u", "x" * 20_000, "nude " * 3_000, tuple(f"t{n}" for n in range(100)), "Norway," * 28),
    ]
    for outcome in scored(trained.service, strange):
        assert isinstance(outcome, ScoredEvent)
        assert outcome.because is not None


def test_the_features_of_an_upload_are_its_texts_tags_countries_and_their_combinations() -> None:
    upload = msgspec.structs.replace(
        example, country="Norway, South Korea", tags=("Stand-Up  Comedy", "sea", "sea")
    )
    row = {name: values[0] for name, values in texts_of([upload]).columns.items()}
    assert row["text"].split("\n") == [upload.title, upload.description, upload.transcript]
    assert row["tags"] == "sea stand-up_comedy"
    assert row["country"] == "norway south_korea"
    assert row["combinations"].split() == [
        "sea&stand-up_comedy", "sea&norway", "sea&south_korea", "stand-up_comedy&norway",
        "stand-up_comedy&south_korea",
    ]  # fmt: skip


def test_a_run_s_truth_is_the_category_or_ok() -> None:
    events = producer.load(None, 200, nsfw.task)
    assert set(events.truth) == {"nsfw", "ok"}


@pytest.mark.parametrize("name", ["nsfw", "violence"])
def test_a_consumer_is_found_by_its_category_and_its_messages_have_that_name(name: str) -> None:
    task = tasks.find(name)
    assert task.model_name == name


@pytest.mark.exhaustive
def test_each_training_adds_its_figures_by_task_and_data_set(trained: Trained) -> None:
    file = trained.folder / training.LAST_TRAIN
    told = json.loads(file.read_text())
    name = "generated uploads, seed 1"
    assert told["nsfw"][name]["auc"] == trained.report.measures["auc"]
    other = Examples(
        "other", (data.Source("/some/where/titles.csv", 1, ""),), texts_of([]), np.zeros(0), 0, {}
    )
    training.reported(nsfw.task, other, {"auc": 0.5}, trained.folder)
    training.reported(tasks.find("violence"), other, {"auc": 0.6}, trained.folder)
    told = json.loads(file.read_text())
    assert set(told["nsfw"]) == {name, "titles.csv"}
    assert told["violence"] == {"titles.csv": {"auc": 0.6}}


def test_a_file_that_is_no_json_is_replaced_by_the_next_training(tmp_path: Path) -> None:
    (tmp_path / training.LAST_TRAIN).write_text("{")
    other = Examples("other", (data.Source("titles.csv", 1, ""),), texts_of([]), np.zeros(0), 0, {})
    training.reported(nsfw.task, other, {"auc": 0.5}, tmp_path)
    assert json.loads((tmp_path / training.LAST_TRAIN).read_text()) == {"nsfw": {"titles.csv": {"auc": 0.5}}}


def test_too_few_uploads_of_a_category_are_refused_in_one_line() -> None:
    one = data.Labelled(data.Source("few", 30, ""), SOME[:30], np.array([1.0] * 3 + [0.0] * 27), 30, {})
    with pytest.raises(DataError, match=r"^3 of 30 usable rows are 'nsfw'; give data with 20 of each class"):
        training.fit(nsfw.task, one.part())
