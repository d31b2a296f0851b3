"""Give a model its golden set while it is logged: see `threeways.scoring.golden`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from threeways import artifact
from threeways.artifact.mlmodel import NAME as MLMODEL
from threeways.errors import ArtifactMismatch
from threeways.scoring import golden
from threeways.scoring.golden import examples as golden_examples
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.settings import Runtime
from threeways.training.examples import Examples, training_of


@dataclass(frozen=True)
class GoldenMaker:
    """Makes the golden set of a task's model. seeds: payloads of known events."""

    task: Task[Any]
    seeds: Sequence[bytes] = ()

    def write(self, folder: Path) -> int:
        """Write the set with the answers of scikit-learn's flavour; return its number of examples."""
        return golden_examples.write(self._service(folder, "sklearn"), folder, self.seeds)

    def check(self, folder: Path, runtime: Runtime) -> int:
        """Check the artifact as it is served by a runtime; see `golden.check`. Raises ArtifactMismatch."""
        return golden.check(self._service(folder, runtime), folder)

    def _service(self, folder: Path, runtime: Runtime) -> ModelService[Any]:
        # It was made by this process, so that a pickle may be loaded.
        model = artifact.load(folder, artifact.digest(folder), runtime)
        return ModelService(model, self.task, model.version)

    def add(self, folder: Path, mlflow_model: Any) -> str | None:
        """Write the set into an artifact's folder and name it in its MLmodel.

        Returns why the graph is not exact, where it answers an example otherwise than scikit-learn; its
        flavour is removed then. None: it is, or there is none.
        """
        count, why = self.write(folder), None
        if count and "onnx" in mlflow_model.flavors:
            try:
                self.check(folder, "onnx")
            except ArtifactMismatch as error:
                (folder / mlflow_model.flavors.pop("onnx")["data"]).unlink()
                why = str(error)
                mlflow_model.save(str(folder / MLMODEL))
                self.write(folder)
        if count:
            mlflow_model.metadata = (mlflow_model.metadata or {}) | {"golden": golden.NAME}
            mlflow_model.save(str(folder / MLMODEL))
        return why


def of_training(task: Task[Any], validation: Examples[Any]) -> GoldenMaker:
    """Return the maker for a training: its module's `events` are known events, if it has that."""
    events = getattr(training_of(task), "events", None)
    return GoldenMaker(task, [msgspec.json.encode(one) for one in events(validation)] if events else ())
