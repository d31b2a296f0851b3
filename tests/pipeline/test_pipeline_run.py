"""`make run`, for real: emulator, function process, mapping, model from S3, and the account of every ride."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from events_lab import workload
from rich.console import Console
from small_training import Training

from threeways.errors import DataError, LocalError
from threeways.local_run.collector import Collector
from threeways.local_run.pipeline import Options, run
from threeways.local_run.producer import Producer
from threeways.local_run.stack import RunningStack
from threeways.scoring import tasks
from threeways.systems.taxi.rides import features_of
from threeways.systems.taxi.trips.city import trips
from threeways.systems.taxi.trips.rides import columns_of
from threeways.training.registry import RegisteredModel

KEYS = (
    *("sent", "predicted", "quarantined", "abandoned", "pending", "lost", "duplicates", "batches"),
    *("cold_start_s", "seconds", "rides_per_s", "latency_p50_s", "latency_p99_s", "model_version"),
)


def test_every_ride_is_accounted_for(training: Training, tmp_path: Path) -> None:
    said = io.StringIO()
    options = Options(n=1200, poison=0.05, shards=2)
    ledger = run(options, lambda: training.report.model, Console(file=said, width=120), tmp_path)
    assert (ledger.sent, ledger.predicted, ledger.quarantined) == (1200, 1140, 60)
    assert (ledger.abandoned, ledger.pending, ledger.lost, ledger.duplicates) == (0, 0, 0, 0)
    assert ledger.model_version == training.report.model.run_id
    assert ledger.cold_start_s > 0
    assert ledger.rides_per_s > 0
    assert "lost 0" in said.getvalue()
    written = json.loads((tmp_path / "last-run.json").read_text())
    for key in KEYS:
        assert written[key] == getattr(ledger, key)
    [folder] = (tmp_path / "runs").iterdir()
    lines = [line for file in (folder / "quarantine").rglob("*.jsonl") for line in file.open()]
    assert len(lines) == 60


@pytest.mark.exhaustive
def test_what_is_on_the_output_stream_is_what_mlflow_s_pyfunc_predicts(
    training: Training, tmp_path: Path
) -> None:
    import mlflow

    rides = workload(1500)
    pyfunc = mlflow.pyfunc.load_model(str(training.report.model.folder))
    expected = pyfunc.predict(features_of(columns_of(trips(2021, 3, 1500).frame)))
    with RunningStack(tmp_path, training.report.model, 1, Console(file=io.StringIO())) as stack:
        producer = Producer(stack.kinesis, stack.input_stream, rides.outgoing(), None)
        collector = Collector(stack.kinesis, stack.output_stream, tasks.find("ride_duration"))
        for thread in (producer, collector):
            thread.start()
        producer.join()
        while not stack.mapping.drained():
            collector.join(0.05)
        stack.mapping.stop()
        collector.stop()
    predicted = {
        producer.sent[event_id].index: received.value for event_id, received in collector.predictions.items()
    }
    assert np.array_equal([predicted[n] for n in range(len(rides))], expected)


def test_the_rmse_of_a_run_is_the_one_that_training_printed(training: Training, tmp_path: Path) -> None:
    options = Options(events=training.validation, n=0, poison=0)
    ledger = run(options, lambda: training.report.model, Console(file=io.StringIO()), tmp_path)
    assert ledger.lost == 0
    assert ledger.rmse_rides == training.report.rows_validation
    assert ledger.rmse is not None
    assert math.isclose(ledger.rmse, training.report.rmse, abs_tol=1e-9)


def test_a_model_that_cannot_be_used_stops_the_start(training: Training, tmp_path: Path) -> None:
    import shutil
    from dataclasses import replace

    broken = tmp_path / "model"
    shutil.copytree(training.report.model.folder, broken)
    (broken / "model.onnx").write_bytes((broken / "model.skops").read_bytes()[:-1000])
    model = replace(training.report.model, folder=broken)
    with pytest.raises(LocalError, match=r"(?s)does not start.*model\.onnx.*function\.log"):
        run(Options(n=10), lambda: model, Console(file=io.StringIO()), tmp_path)


def test_a_file_that_is_not_there_is_named_before_a_model_is_looked_for(tmp_path: Path) -> None:
    def not_looked_for() -> RegisteredModel:
        raise AssertionError("events come first")

    with pytest.raises(DataError, match=r"EVENTS.*nowhere\.parquet"):
        run(Options(events="nowhere.parquet"), not_looked_for, Console(file=io.StringIO()), tmp_path)
