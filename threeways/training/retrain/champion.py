"""The model that serves: what it predicts of the holdout, and whether it may be judged by that."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways import bootstrap
from threeways.artifact import mlmodel
from threeways.errors import ArtifactMismatch, ArtifactMissing, DataError, ModelFailed, UsageError
from threeways.scoring.task import Task
from threeways.settings import Settings
from threeways.training.examples import Examples, Target
from threeways.training.record import digest_of
from threeways.training.registry import RegisteredModel


def require(task: Task[Any], champion: RegisteredModel | None) -> RegisteredModel:
    """Return the champion. Raises ArtifactMissing where there is none, ArtifactMismatch of another task."""
    if champion is None:
        raise ArtifactMissing(
            f"there is no champion of {task.name} to judge a challenger against; make train TASK={task.name} "
            "registers one, or name the model that serves: MODEL=models:/name/version"
        )
    told = mlmodel.read(champion.folder).task
    if told is not None and told.rpartition(".")[2] != task.name:
        raise ArtifactMismatch(
            f"{champion.uri} is a model of the task {told}, and {task.name} is retrained; name a model of "
            f"it, or retrain that one: TASK={told}"
        )
    return champion


def require_unseen(champion: RegisteredModel, holdout: Examples[Any], begins: np.datetime64) -> None:
    """Raise DataError where the champion has learnt from the holdout."""
    metadata = mlmodel.read(champion.folder).metadata or {}
    trained_on = metadata.get("trained_on")
    learnt = trained_on.get("training") if isinstance(trained_on, dict) else None
    if not isinstance(learnt, dict):
        return
    mend = "the comparison would favour it; give newer events as HOLDOUT="
    if learnt.get("sha256") == digest_of(holdout):
        raise DataError(f"{champion.uri} has learnt from the holdout, {learnt.get('name')}: {mend}")
    try:
        last = np.datetime64(str(learnt["until"]))
    except (KeyError, ValueError):
        return
    if last > begins:
        day = str(begins.astype("datetime64[m]")).replace("T", " ")
        raise DataError(
            f"{champion.uri} has learnt from events up to {str(last).replace('T', ' ')}, and the holdout "
            f"begins on {day}: {mend}"
        )


def predictions(
    task: Task[Any], champion: RegisteredModel, holdout: Examples[Any], settings: Settings
) -> Target:
    """Return what the champion predicts of the holdout, by the runtime that serves it.

    settings: MODEL_SHA256 and MODEL_RUNTIME. Raises ArtifactError, ModelFailed, UsageError.
    """
    service = bootstrap.service_of(
        champion.folder,
        Settings(task=task.name, model_sha256=settings.model_sha256, model_runtime=settings.model_runtime),
    )
    if service.task.columns != task.columns or getattr(service.model, "input_kind", "") == "dicts":
        raise UsageError(
            f"{champion.uri} takes other features than {task.name} trains on, so the two cannot be compared "
            "row by row; compare them on the stream: threeways compare"
        )
    found = service.answered.checked(service.model.predict(holdout.block.copy()), len(holdout.target))
    answers: Target = np.asarray(found, np.float64).reshape(len(holdout.target), -1)[:, 0]
    if not np.isfinite(answers).all():
        raise ModelFailed(f"{champion.uri} predicts no finite number of some of the holdout's events")
    return answers
