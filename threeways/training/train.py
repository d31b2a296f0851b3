"""Train and register a model of a task, or find the registered one."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threeways.atomic_files import write_json
from threeways.errors import ArtifactMissing, TrackingError
from threeways.masking import masked
from threeways.scoring import tasks
from threeways.scoring.task import Task
from threeways.settings import DEFAULT_TASK, LOCAL
from threeways.training import flavour, intervals
from threeways.training.examples import Examples, Fitted, training_of
from threeways.training.lock import exclusive
from threeways.training.measures import in_file
from threeways.training.record import Trained, evaluated, method_of, record, table_types_of
from threeways.training.registry import (
    ALIAS,
    RegisteredModel,
    champion_of,
    name_of,
    newest_of,
    register,
    resolve,
)
from threeways.training.report import TrainingReport, cleaning_table, metrics_table, step
from threeways.training.tracking import connect, experiment_id, named_faults, store_of

if TYPE_CHECKING:
    from rich.console import Console


TASK = DEFAULT_TASK
"""The task where none is named."""
LAST_TRAIN = "last-train.json"


def train(
    data: str | None = None,
    validation: str | None = None,
    *,
    console: Console,
    folder: Path = LOCAL,
    task: str = TASK,
) -> TrainingReport:
    """Train, judge, log and register a model, tell `console` about it and write `folder/last-train.json`.

    data, validation: as the task's training takes them; None for the system's own. task: whose model; the
    file of another than the default is `last-train-<task>.json`. A second training in the same folder waits
    for the first. The alias moves last: one that is killed leaves it where it was.
    Raises DataError, TrackingError, UsageError.
    """
    with alone(console, folder):
        return _train(tasks.find(task), data, validation, console, folder)


def resolve_or_train(*, console: Console, folder: Path = LOCAL, task: str = TASK) -> RegisteredModel:
    """Return the task's champion; where no model of it is registered, train one on the system's own data.

    Where another process is training in this folder, its model is waited for. A registered model that cannot
    be used is never replaced by this. Raises as `train` does, and ArtifactMissing.
    """
    found = tasks.find(task)
    with suppress(ArtifactMissing):  # another process may be registering a new one
        registered = resolve(champion_of(found.name), folder)
        if registered is not None:
            return registered
    with alone(console, folder):
        registered = _champion(found, task, folder)
        if registered is None:
            console.out(f"no model of {found.name} is registered yet: training one", highlight=False)
            registered = _train(found, None, None, console, folder).model
        return registered


def _champion(task: Task[Any], asked: str, folder: Path) -> RegisteredModel | None:
    """Return the task's champion; None where no model of it is registered. Raises ArtifactMissing."""
    mend = f"or train a new one: make train TASK={asked} registers it as {ALIAS}"
    try:
        registered = resolve(champion_of(task.name), folder)
    except ArtifactMissing as error:
        raise ArtifactMissing(str(error).replace("or train a new one", mend)) from None
    name = name_of(task.name)
    if registered is None and (newest := newest_of(name, folder)):
        raise ArtifactMissing(
            f"models of {task.name} are registered, up to models:/{name}/{newest}, and none has the alias "
            f"{ALIAS}; name one (MODEL_LOCATION=models:/{name}/{newest}), give it the alias in MLflow, {mend}"
        )
    return registered


def alone(console: Console, folder: Path) -> AbstractContextManager[None]:
    """Hold the folder's lock of trainings; another training in it is waited for."""

    def waiting() -> None:
        console.out(
            "another training is running here: waiting for it to end (Ctrl-C gives up)", highlight=False
        )

    return exclusive(folder / "train.lock", waiting)


def _train(
    task: Task[Any], data: str | None, validation: str | None, console: Console, folder: Path
) -> TrainingReport:
    began = time.monotonic()
    store, name = store_of(folder), name_of(task.name)
    training, judging = training_of(task).load(
        task, data, validation, lambda line: console.out(line, highlight=False)
    )
    console.print(cleaning_table(training, judging))
    with step(console, f"opening MLflow's store, {masked(store.uri)}"), named_faults(store):
        client = connect(store)
        experiment = experiment_id(client, store, name)
    trained = trained_of(task, None, training, judging, console)
    with step(console, "logging to MLflow and registering"), named_faults(store):
        run_id, model_id = record(trained, experiment)
        version = register(client, name, model_id, run_id, f"{task.name}, from `make train`.")
    registered = resolve(f"models:/{name}/{version}", folder)
    if registered is None:
        raise TrackingError(f"{name} version {version} was registered and is gone; train again")
    report = TrainingReport(
        measures=in_file(trained.measured) | dict(trained.more),
        rows_train=len(training.target),
        rows_validation=len(judging.target),
        seconds=round(time.monotonic() - began, 3),
        model=registered,
    )
    file = folder / (LAST_TRAIN if task.name == TASK else f"last-train-{task.name}.json")
    write_json(file, report.figures())
    if reported := getattr(training_of(task), "reported", None):
        reported(task, training, report.figures(), folder)
    console.print(metrics_table(trained.measured, getattr(task.output, "unit", "")))
    for measure, value in trained.more.items():
        console.out(f"{measure.replace('_', ' ')}: {value:.4f}", highlight=False)
    console.out(f"registered {registered.uri} as {ALIAS}; figures in {file}", highlight=False)
    return report


def trained_of(
    task: Task[Any],
    fitted: Fitted | None,
    training: Examples[Any],
    validation: Examples[Any],
    console: Console,
) -> Trained:
    """Return a training that is ready to be logged: judged, and written as ONNX where that can be.

    fitted: the model, None to fit it here.
    """
    how = training_of(task)
    if fitted is None:
        with step(console, f"fitting the model on {len(training.target):,} rows"):
            found = how.fit(task, training)
        fitted = found if isinstance(found, Fitted) else Fitted(found)
    with step(console, "fitting the linear baseline, judging both"):
        trained = evaluated(task, fitted, how.fit_baseline(task, training), training, validation)
    trained = _with_intervals(trained, console)
    with step(console, "writing it as ONNX, comparing that with scikit-learn"):
        types = table_types_of(trained)
        model, method = trained.fitted.model, method_of(task)
        onnx = flavour.onnx_of(model, validation.block, table_types=types, method=method)
    if isinstance(onnx, str):
        console.out(flavour.lacking(onnx), highlight=False)
        return trained
    console.out(f"ONNX flavour: {flavour.describe(onnx.gate)}", highlight=False)
    return replace(trained, onnx=onnx)


def _with_intervals(trained: Trained, console: Console) -> Trained:
    """Return the training with its predictions' intervals, where they are numbers and enough to fit them."""
    found = intervals.of_training(trained.task, trained.validation, trained.measured["validation"].predicted)
    if isinstance(found, str):
        console.out(f"no prediction intervals: {found}", highlight=False)
        return trained
    return replace(trained, intervals=found, more=dict(trained.more) | found.figures())
