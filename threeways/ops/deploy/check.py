"""`python -m threeways check`: whether the function would start with a model, before anything is built."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from threeways import artifact
from threeways.ops.deploy import model as models
from threeways.ops.deploy import runtime as runtimes
from threeways.settings import Settings


def check(named: str | None, settings: Settings, console: Console, local: Path) -> None:
    """Load the model and predict the task's example, with nothing but the packages of the function's image.

    named: as `make deploy` takes it. settings: task, runtime, and the digest that a pickle needs, unless it
    is a registered model. Raises what `model.build` would.
    """
    found = models.find(named, local, settings.task)
    if named and not named.startswith("models:/"):
        artifact.load(
            found.folder, settings.model_sha256, settings.model_runtime
        )  # refuses an unpinned pickle
    checked = models.check(found, settings.task, settings.model_runtime)
    target = runtimes.target(checked.runtime or "")
    console.print(
        f"{checked.name} serves {settings.task}, by {checked.runtime}, in the image's target {target}; "
        f"MODEL_SHA256={checked.sha256}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
