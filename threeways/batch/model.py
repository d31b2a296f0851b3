"""The model service of a batch run: the artifact of a folder, verified and proven."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from threeways import artifact
from threeways.service import ModelService
from threeways.tasks.ride_duration import task


def service_of(folder: Path, sha256: str | None = None, version: str | None = None) -> ModelService[Any]:
    """Load an artifact for the task that has columns, ride_duration.

    version: what rows name as their model's version; default: the run that the artifact names. Raises
    ArtifactError, or ModelFailed where the model fails on the task's example.
    """
    model = artifact.load(folder, sha256, threads=os.process_cpu_count() or 1)
    artifact.check(model, task.columns, task.dict_features)
    service: ModelService[Any] = ModelService(model, task, version or model.version)
    service.prove()
    return service
