"""The composition root: what the environment says becomes a handler, or stops the start with the mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_training import Training

import model
from threeways.errors import ArtifactMismatch, ArtifactMissing, SettingsError
from threeways.local.emulator import Emulator
from threeways.settings import Settings, from_environment
from threeways.stream.quarantine import read

EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return emulator


def event(name: str) -> Any:
    return json.loads((EVENTS / f"kinesis-{name}.json").read_text())


def test_the_earlier_pipeline_s_environment_makes_a_whole_handler(
    training: Training, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinesis, s3 = aws.client("kinesis"), aws.client("s3")
    kinesis.create_stream(StreamName="build-predictions", ShardCount=1)
    for bucket in ("build-models", "build-quarantine"):
        s3.create_bucket(Bucket=bucket)
    registered = training.report.model
    for file in registered.folder.iterdir():
        s3.upload_file(str(file), "build-models", f"9/models/{registered.model_id}/artifacts/{file.name}")
    for name, value in {
        "PREDICTIONS_STREAM_NAME": "build-predictions",
        "RUN_ID": registered.run_id,
        "MODEL_BUCKET": "build-models",
        "MLFLOW_EXPERIMENT_ID": "9",
        "QUARANTINE_LOCATION": "s3://build-quarantine/q",
    }.items():
        monkeypatch.setenv(name, value)
    answer = model.build()(event("mixed"))
    assert answer == {"batchItemFailures": []}
    shard = kinesis.get_shard_iterator(
        StreamName="build-predictions", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    records = kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    made = [json.loads(record["Data"]) for record in records]
    assert [prediction["prediction"]["ride_id"] for prediction in made] == [256, "b-257", 258]
    assert {prediction["version"] for prediction in made} == {registered.run_id}
    assert made[2]["flags"] == ["unknown_zone", "assumed_pickup_datetime"]
    codes = [entry.code for _, entry in read(s3, "s3://build-quarantine/q")]
    assert codes == ["invalid_event", "undecodable", "invalid_event"]


def test_init_answers_with_predictions_and_puts_nothing_in_a_test_run(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    service = model.init("nowhere", run_id="Test123", test_run=True)
    answer = service.lambda_handler(event("good"))
    assert answer["batchItemFailures"] == []
    assert [made["version"] for made in answer["predictions"]] == ["Test123"] * 3


def test_without_a_run_id_the_version_is_the_run_that_the_artifact_names(training: Training) -> None:
    handler = model.build(Settings(model_location=str(training.report.model.folder), test_run=True))
    assert handler.service.version == training.report.model.run_id


@pytest.mark.parametrize(
    ("settings", "error", "mend"),
    [
        ({}, SettingsError, "PREDICTIONS_STREAM_NAME"),
        ({"task": "ride_tip"}, SettingsError, "ride_duration"),
        ({"model_location": "/nowhere/at/all"}, ArtifactMissing, "/nowhere/at/all"),
        ({"model_sha256": "0" * 64}, ArtifactMismatch, "0" * 64),
        ({"test_run": True, "quarantine_location": "bucket"}, SettingsError, "s3://bucket/prefix"),
    ],
)
def test_what_cannot_work_stops_the_start_with_the_mend(
    training: Training, settings: dict[str, Any], error: type[Exception], mend: str
) -> None:
    given = {"model_location": str(training.report.model.folder)} | settings
    with pytest.raises(error, match=mend):
        model.build(Settings(**given))


def test_settings_are_typed_and_empty_means_unset() -> None:
    settings = from_environment(Settings, {"TEST_RUN": "True", "RUN_ID": "", "UNKNOWN": "x"})
    assert (settings.test_run, settings.run_id, settings.returns_predictions) == (True, None, True)
    with pytest.raises(SettingsError, match="TEST_RUN"):
        from_environment(Settings, {"TEST_RUN": "perhaps"})
