"""`make retrain`: a challenger out of the newest labelled events, judged against the champion."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.errors import TrackingError, UsageError
from threeways.scoring import tasks
from threeways.scoring.outputs import Value
from threeways.scoring.task import Task
from threeways.settings import LOCAL, Settings
from threeways.training.record import record
from threeways.training.registry import (
    CHALLENGER,
    RegisteredModel,
    champion_of,
    name_of,
    register,
    resolve,
)
from threeways.training.report import step
from threeways.training.retrain import champion as champions
from threeways.training.retrain import gate, windows
from threeways.training.retrain.candidates import Challenger, challenger
from threeways.training.retrain.gate import Verdict
from threeways.training.retrain.report import Report, say, tags, write
from threeways.training.tracking import connect, experiment_id, named_faults, store_of
from threeways.training.train import alone, trained_of

if TYPE_CHECKING:
    from rich.console import Console

    from threeways.training.examples import Measured
    from threeways.training.record import Trained

WINDOW_DAYS, HALF_LIFE_DAYS = 31.0, 90.0
"""Of half-lives tried on real months, a year apart, 90 days had the lowest RMSE of the month after."""


@dataclass(frozen=True)
class Options:
    """What the user chose.

    data: labelled events, as the task's training takes them; None: the system's own. holdout: newer ones;
    None: the newest fifth of `data`. window: days of the newest window. half_life: days after which an event
    weighs half where all are taken. because: why it is retrained, for the version's tags. settings: how the
    champion is loaded.
    """

    data: str | None = None
    holdout: str | None = None
    window: float = WINDOW_DAYS
    half_life: float = HALF_LIFE_DAYS
    because: str = ""
    settings: Settings = field(default_factory=Settings)


def retrain(
    task_name: str,
    options: Options,
    *,
    console: Console,
    folder: Path = LOCAL,
    champion: RegisteredModel | None = None,
) -> Report:
    """Train, judge and register a challenger; tell `console` of it and write `folder/last-retrain.json`.

    champion: the model that serves; None: the one registered as champion. A challenger that is not worse gets
    the alias; nothing is promoted here. Raises ArtifactError, DataError, TrackingError, UsageError.
    """
    task = tasks.find(task_name)
    if not isinstance(task.output, Value):
        raise UsageError(
            f"TASK={task.name} does not predict a number, and retraining judges numbers; use make train"
        )
    began = time.monotonic()
    with alone(console, folder):
        serving = champions.require(task, champion or resolve(champion_of(task.name), folder))
        sets = windows.windows(
            task, options.data, options.holdout, lambda line: console.out(line, highlight=False)
        )
        champions.require_unseen(serving, sets.holdout, sets.begins)
        before = champions.predictions(task, serving, sets.holdout, options.settings)
        with step(console, "trying windows, and fitting the challenger"):
            made = challenger(
                task,
                sets.learning,
                options.window,
                options.half_life,
                lambda line: console.out(line, highlight=False),
            )
        trained = trained_of(task, made.fitted, made.examples, sets.holdout, console)
        verdict = gate.judged(task, sets.holdout, before, _predicted(trained.measured["validation"]))
        report = _registered(task, options, serving, made, trained, verdict, console, folder, began)
    write(report, task.name, folder)
    say(report, console, folder, task)
    return report


def _predicted(found: Measured) -> np.ndarray[Any, Any]:
    return np.asarray(found.predicted, np.float64)


def _registered(
    task: Task[Any],
    options: Options,
    serving: RegisteredModel,
    made: Challenger,
    trained: Trained,
    verdict: Verdict,
    console: Console,
    folder: Path,
    began: float,
) -> Report:
    """Log and register it; the alias is moved last, and not to a model that is worse."""
    store, name = store_of(folder), name_of(task.name)
    alias = None if verdict.difference.worse else CHALLENGER
    with step(console, "logging to MLflow and registering"), named_faults(store):
        client = connect(store)
        run_id, model_id = record(trained, experiment_id(client, store, name))
        told = tags(options.because, serving, made, verdict)
        version = register(client, name, model_id, run_id, f"{task.name}, from `make retrain`.", alias, told)
    model = resolve(f"models:/{name}/{version}", folder)
    if model is None:
        raise TrackingError(f"{name} version {version} was registered and is gone; retrain again")
    return Report(
        model=model,
        champion=serving,
        alias=alias,
        because=options.because,
        verdict=verdict,
        challenger=made,
        holdout=trained.validation,
        seconds=round(time.monotonic() - began, 3),
    )
