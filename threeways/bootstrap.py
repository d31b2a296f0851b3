"""The composition root of a model service: the one place where settings, artifact and task are put together.

The stream, the web service, the batch job and the commands all load their model here, so that TASK,
MODEL_SHA256, MODEL_RUNTIME and RUN_ID mean the same to each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threeways import artifact
from threeways.artifact import reference
from threeways.artifact.interval import IntervalTable
from threeways.scoring import golden, tasks
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.settings import DEFAULT_TASK, Settings


def service_of(
    folder: Path | None, settings: Settings, threads: int = 1, interval: IntervalTable | None = None
) -> ModelService[Any]:
    """Load the artifact in a folder for the settings' task, check that they fit, and prove the model.

    It is proven by its golden set, or by the task's example where the artifact has none.

    folder: None: what the settings name is fetched, once there is such a task; that is the default one where
    TASK, the artifact and its signature tell none, as in stacks of before. threads: how many share a large
    block where onnxruntime serves it. interval: the table in place of the artifact's own. Raises
    SettingsError for an unknown task, ArtifactError for a model that cannot serve it, ModelFailed where it
    fails on the task's example.
    """
    default = DEFAULT_TASK if folder is None else None
    named = tasks.find(settings.task) if settings.task else None
    folder = folder or artifact.fetch(artifact.find(settings))
    model = artifact.load(folder, settings.model_sha256, settings.model_runtime, threads)
    task: Task[Any] = tasks.of_model(
        model.info,
        folder,
        named,
        settings.model_name,
        settings.event_id,
        default,
        model.categories,
    )
    artifact.check(model, task.columns, task.dict_keys, mixed=task.mixed)
    service = ModelService(model, task, settings.run_id or model.version, interval=interval)
    golden.prove(service, folder, model.hashes)
    if settings.counts_location:
        service.reference = reference.read_or_none(folder)
    return service
