"""The model service of a batch run: the artifact of a folder, verified and proven."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from threeways import bootstrap
from threeways.artifact import mlmodel
from threeways.batch.layout import Naming
from threeways.scoring.service import ModelService
from threeways.settings import Settings


def service_of(
    folder: Path, settings: Settings | None = None, naming: Naming | None = None
) -> ModelService[Any]:
    """Load an artifact for the settings' task.

    settings: TASK, MODEL_SHA256, MODEL_RUNTIME and RUN_ID; None: their defaults. naming: ID= names the id's
    field too, where the signature makes the task and EVENT_ID names none. Raises SettingsError,
    ArtifactError, or ModelFailed where the model fails on the example.
    """
    settings = settings or Settings()
    if naming and naming.id and not (settings.event_id or settings.task or mlmodel.read(folder).task):
        settings = msgspec.structs.replace(settings, event_id=naming.id)
    return bootstrap.service_of(folder, settings, threads=os.process_cpu_count() or 1)
