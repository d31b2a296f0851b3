"""The composition root: what the environment says becomes a handler, or stops the start with the mend."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doubles import FakeContext, FakeModel
from small_training import Training

import model
from threeways import bootstrap
from threeways.emulator.server import Emulator
from threeways.errors import ArtifactMismatch, ArtifactMissing, InvalidEvent, ModelFailed, SettingsError
from threeways.scoring.service import ModelService
from threeways.settings import Settings, from_environment
from threeways.stream.quarantine import read
from threeways.systems.taxi import duration

EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return emulator


def event(name: str) -> Any:
    return json.loads((EVENTS / f"kinesis-{name}.json").read_text())


def test_the_earlier_pipeline_s_environment_makes_a_whole_handler(
    training: Training, aws: Emulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
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
    handler = model.build()
    assert handler(event("mixed"), FakeContext()) == {"batchItemFailures": []}
    assert '"Predictions":[3.0]' in capfd.readouterr().out
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


def test_the_earlier_pipeline_s_integration_test_reads_the_predictions_in_the_answer(
    training: Training, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `docker-compose.yaml` sets no TEST_RUN, and its `test_docker.py` compares these names.

    The interval is of a model that was trained here; that test of theirs minds no further name.
    """
    aws.client("kinesis").create_stream(StreamName="compose-predictions", ShardCount=1)
    for name, value in {
        "PREDICTIONS_STREAM_NAME": "compose-predictions",
        "RUN_ID": "Test123",
        "MODEL_LOCATION": str(training.report.model.folder),
        "KINESIS_ENDPOINT_URL": aws.endpoint_url,
        "RETURN_PREDICTIONS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    first = model.build()(event("good"), FakeContext())["predictions"][0]
    assert (first["model"], first["version"]) == ("ride_duration_prediction_model", "Test123")
    assert first["prediction"].keys() == {"ride_duration", "ride_id", "interval"}
    assert first["prediction"]["ride_id"] == 256


def test_without_a_run_id_the_version_is_the_run_that_the_artifact_names(training: Training) -> None:
    handler = model.build(Settings(model_location=str(training.report.model.folder), test_run=True))
    assert handler.service.version == training.report.model.run_id


@pytest.mark.parametrize(("given", "service"), [("my-stack", "my-stack"), (None, "ride_duration")])
def test_the_metrics_are_of_the_stack_where_it_says_so_else_of_the_task(
    training: Training, capsys: pytest.CaptureFixture[str], given: str | None, service: str
) -> None:
    """The template's alarms name its stack, for a task may call itself otherwise than TASK does."""
    location = str(training.report.model.folder)
    handler = model.build(Settings(model_location=location, test_run=True, powertools_service_name=given))
    handler(event("good"), FakeContext())
    [metrics] = [line for line in capsys.readouterr().out.splitlines() if '"CloudWatchMetrics"' in line]
    assert json.loads(metrics)["service"] == service


@pytest.mark.parametrize(
    ("settings", "error", "mend"),
    [
        ({}, SettingsError, "PREDICTIONS_STREAM_NAME"),
        ({"task": "ride_speed"}, SettingsError, "ride_duration"),
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


def test_several_messages_of_an_event_are_not_aggregated_under_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = replace(duration.task, messages=lambda event, told: [])
    service = ModelService(FakeModel(), made, "v1")
    monkeypatch.setattr(bootstrap, "service_of", lambda *_: service)
    with pytest.raises(SettingsError, match="makes several with keys of their own; unset AGGREGATE"):
        model.build(Settings(predictions_stream_name="out", aggregate_predictions=True))
    assert model.build(Settings(predictions_stream_name="out")).service is service


def test_settings_are_typed_and_empty_means_unset() -> None:
    settings = from_environment(Settings, {"TEST_RUN": "True", "RUN_ID": "", "UNKNOWN": "x"})
    assert (settings.test_run, settings.run_id, settings.returns_predictions) == (True, None, True)
    with pytest.raises(SettingsError, match="TEST_RUN"):
        from_environment(Settings, {"TEST_RUN": "perhaps"})


def test_calls_to_aws_are_short_and_tried_once_since_the_stream_retries_them() -> None:
    client = model._client("kinesis", endpoint_url="http://127.0.0.1:4567")
    config = client.meta.config
    assert client.meta.endpoint_url == "http://127.0.0.1:4567"
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (2, 5)


def test_predictions_go_to_the_kinesis_endpoint_that_is_named(
    training: Training, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.client("kinesis").create_stream(StreamName="named-endpoint", ShardCount=1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    handler = model.build(
        Settings(
            model_location=str(training.report.model.folder),
            predictions_stream_name="named-endpoint",
            kinesis_endpoint_url=aws.endpoint_url,
        )
    )
    assert handler(event("good")) == {"batchItemFailures": []}


def test_a_model_of_another_task_stops_the_start(tmp_path: Path) -> None:
    from artifact_lab import logged

    with pytest.raises(ArtifactMismatch, match="columns"):
        model.build(Settings(model_location=str(logged("linear")), task="ride_duration", test_run=True))


def test_a_model_that_fails_on_the_example_stops_the_start(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    from doubles import FakeModel

    from threeways import artifact

    def broken(*_: object) -> FakeModel:
        return FakeModel(fails_on=lambda block: True)

    monkeypatch.setattr(artifact, "load", broken)
    monkeypatch.setattr(artifact, "check", lambda *_, **__: None)
    monkeypatch.setattr(artifact, "check_task", lambda *_: None)
    with pytest.raises(ModelFailed, match="example"):
        model.build(Settings(model_location=str(training.report.model.folder), run_id="r", test_run=True))


def test_without_a_context_the_earlier_pipeline_s_call_answers_within_lambda_s_time(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    monkeypatch.setenv("KINESIS_ENDPOINT_URL", "http://127.0.0.1:9")
    service = model.init("nowhere")
    begun = time.monotonic()
    answer = service.lambda_handler(event("good"))
    assert time.monotonic() - begun < 30  # it would never end if it had no deadline
    assert len(answer["batchItemFailures"]) == 1


def test_features_and_prediction_by_name_agree_with_the_stream(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    service = model.init("nowhere", test_run=True)
    ride = json.loads(base64.b64decode(event("good")["Records"][0]["kinesis"]["data"]))["ride"]
    features = service.prepare_features(ride)
    assert list(features) == list(service._service.task.columns)
    made = service.lambda_handler(event("good"))["predictions"][0]
    assert service.predict(features) == pytest.approx(made["prediction"]["ride_duration"], abs=1e-9)
    with pytest.raises(InvalidEvent, match="trip_distance"):
        service.prepare_features({"PULocationID": 1, "DOLocationID": 2, "trip_distance": "far"})
