"""The model service of a batch run: the artifact of a folder, verified and proven."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from threeways import bootstrap
from threeways.scoring.service import ModelService
from threeways.settings import Settings


def service_of(folder: Path, settings: Settings | None = None) -> ModelService[Any]:
    """Load an artifact for the settings' task.

    settings: TASK, MODEL_SHA256, MODEL_RUNTIME and RUN_ID; None: their defaults. Raises SettingsError,
    ArtifactError, or ModelFailed where the model fails on the example.
    """
    return bootstrap.service_of(folder, settings or Settings(), threads=os.process_cpu_count() or 1)
