"""From trips to a registered model: `train`, and `resolve_or_train` for whoever needs just any model."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from threeways.errors import ArtifactMissing, TrackingError
from threeways.training import baseline, flavour, model
from threeways.training.data import Rides, load
from threeways.training.lock import exclusive
from threeways.training.record import Trained, judged, record
from threeways.training.registry import ALIAS, CHAMPION, NAME, RegisteredModel, register, resolve
from threeways.training.report import TrainingReport, cleaning_table, metrics_table, step
from threeways.training.tracking import FOLDER, connect, experiment_id, named_faults, store_of

if TYPE_CHECKING:
    from rich.console import Console


def train(
    data: str | None = None,
    validation: str | None = None,
    *,
    console: Console,
    tracking_uri: str | None = None,
    folder: Path = FOLDER,
) -> TrainingReport:
    """Train, judge, log and register a model, tell `console` about it and write `folder/last-train.json`.

    data, validation: parquet files, as `threeways.training.data.load` takes them; None for the synthetic
    city. tracking_uri: None for `MLFLOW_TRACKING_URI`, else an SQLite file in `folder`. A second training in
    the same folder waits for the first. The alias moves last: one that is killed leaves it where it was.
    Raises DataError, TrackingError.
    """
    with _alone(console, folder):
        return _train(data, validation, console, tracking_uri, folder)


def resolve_or_train(
    *, console: Console, tracking_uri: str | None = None, folder: Path = FOLDER
) -> RegisteredModel:
    """The model that `CHAMPION` names; where there is none, one trained on the synthetic city first.

    Where another process is training in this folder, its model is waited for. Raises as `train` does.
    """
    registered = _resolved(console, tracking_uri, folder)
    if registered is not None:
        return registered
    with _alone(console, folder):
        registered = _resolved(console, tracking_uri, folder)
        if registered is None:
            console.print("no model is registered yet: training one on the synthetic city", highlight=False)
            registered = _train(None, None, console, tracking_uri, folder).model
        return registered


def _resolved(console: Console, tracking_uri: str | None, folder: Path) -> RegisteredModel | None:
    try:
        return resolve(CHAMPION, tracking_uri, folder)
    except ArtifactMissing as error:
        console.print(str(error), highlight=False, markup=False)
        return None


def _alone(console: Console, folder: Path) -> AbstractContextManager[None]:
    def waiting() -> None:
        console.print(
            "another training is running here: waiting for it to end (Ctrl-C gives up)", highlight=False
        )

    return exclusive(folder / "train.lock", waiting)


def _train(
    data: str | None, validation: str | None, console: Console, tracking_uri: str | None, folder: Path
) -> TrainingReport:
    began = time.monotonic()
    store = store_of(tracking_uri, folder)
    training, judging = load(
        data, validation, lambda line: console.print(line, highlight=False, markup=False)
    )
    console.print(cleaning_table(training, judging))
    with step(console, f"opening MLflow's store, {store.uri}"), named_faults(store):
        client = connect(store)
        experiment = experiment_id(client, store)
    trained = _fitted(training, judging, console)
    with step(console, "logging to MLflow and registering"), named_faults(store):
        run_id, model_id = record(trained, experiment)
        version = register(client, model_id, run_id)
    registered = resolve(f"models:/{NAME}/{version}", tracking_uri, folder)
    if registered is None:
        raise TrackingError(f"{NAME} version {version} was registered and is gone; train again")
    report = _report(trained, registered, time.monotonic() - began)
    file = report.write(folder)
    console.print(metrics_table(trained.errors))
    console.print(f"registered {registered.uri} as {ALIAS}; figures in {file}", highlight=False, markup=False)
    return report


def _fitted(training: Rides, validation: Rides, console: Console) -> Trained:
    with step(console, f"fitting the model on {len(training.minutes):,} rides"):
        fitted = model.fit(training.block, training.minutes)
    with step(console, "fitting the linear baseline, judging both"):
        trained = judged(fitted, baseline.fit(training.block, training.minutes), training, validation)
    with step(console, "writing it as ONNX, comparing that with scikit-learn"):
        onnx = flavour.onnx_of(fitted, validation.block)
    if isinstance(onnx, str):
        said = f"no ONNX flavour: {onnx}. It is served by scikit-learn"
        console.print(said, highlight=False, markup=False)
        return trained
    console.print(f"ONNX flavour: {flavour.describe(onnx.gate)}", highlight=False)
    return replace(trained, onnx=onnx)


def _report(trained: Trained, registered: RegisteredModel, seconds: float) -> TrainingReport:
    found = trained.errors["validation"]
    return TrainingReport(
        rmse=found.rmse,
        mae=found.mae,
        baseline_rmse=trained.errors["baseline_validation"].rmse,
        rows_train=len(trained.training.minutes),
        rows_validation=len(trained.validation.minutes),
        seconds=round(seconds, 3),
        model_uri=registered.uri,
        model=registered,
    )
