"""Give an artifact that was logged elsewhere its golden set, or check the one that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threeways import bootstrap
from threeways.artifact.examples import all_rows
from threeways.scoring.golden import MOST, examples
from threeways.settings import Settings


def add(folder: Path, settings: Settings) -> int:
    """Write a golden set into an artifact's folder, unless it has one; return its number of examples.

    settings: task, runtime and the digest of what is there. The set is made of the artifact's input example
    and of the task's, by what serves the model here; the digest is another one then. 0: no answer is stable.
    Raises what `bootstrap.service_of` does: of a set that is there, where an example is answered otherwise.
    """
    service = bootstrap.service_of(folder, settings)
    if service.golden:
        return service.golden
    model: Any = service.model
    rows = all_rows(model.info, folder, service.task.columns, MOST)
    return examples.write(service, folder, examples.rows_as_events(service, rows))
