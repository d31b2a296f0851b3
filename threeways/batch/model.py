"""The model service of a batch run: the artifact of a folder, verified and proven."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from threeways import bootstrap
from threeways.errors import SettingsError
from threeways.scoring import tasks
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.settings import Settings

OUTPUT = "ride_duration"
"""The column that predictions are written to, and so the only output that there is a place for."""


def service_of(folder: Path, settings: Settings | None = None) -> ModelService[Any]:
    """Load an artifact for the settings' task.

    settings: TASK, MODEL_SHA256, MODEL_RUNTIME and RUN_ID; None: their defaults. Raises SettingsError for a
    task that the job cannot write, ArtifactError, or ModelFailed where the model fails on the example.
    """
    settings = settings or Settings()
    require_written(settings.task)
    return bootstrap.service_of(folder, settings, threads=os.process_cpu_count() or 1)


def require_written(name: str) -> None:
    """Raise SettingsError for a task that the job cannot read rows for or has no column for."""
    task: Task[Any] = tasks.find(name)
    if task.output.name != OUTPUT or task.features_by_column is None:
        raise SettingsError(
            f"TASK={name} predicts {task.output.name}, and the batch job reads rides and writes "
            f"{OUTPUT} only; "
            f"unset TASK and MODEL_LOCATION for it, or serve {name} with `make web` or on the stream"
        )
