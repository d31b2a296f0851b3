"""Which model a command uses, for which task: TASK, MODEL_LOCATION, MODEL_SHA256, MODEL_RUNTIME and RUN_ID.

Every command that needs a model asks here, so that the settings mean the same to each. What a command cannot
honour is refused, never ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways import artifact
from threeways.artifact import digests, mlmodel, runtime
from threeways.artifact.examples import all_rows
from threeways.artifact.sklearn import pickles
from threeways.errors import ArtifactMismatch, ArtifactMissing, UsageError
from threeways.local_run.event_schema import value_fields_of
from threeways.scoring import tasks
from threeways.settings import DEFAULT_TASK, Settings, refuse

if TYPE_CHECKING:
    from threeways.scoring.task import Task
    from threeways.training.registry import RegisteredModel

__all__ = [
    "choose",
    "example_rows",
    "named",
    "names_model",
    "refuse",
    "require_run",
    "resolved",
    "task_of",
    "with_event_id",
]

REGISTRY = "models:/"
_EXAMPLES = 1_000
"""How many rows of an input example are used."""


def choose(settings: Settings, console: Console, local: Path, *, loads: bool = True) -> RegisteredModel:
    """Find the model that the settings name, check that they fit it, and say which it is.

    MODEL_LOCATION (`models:/name@alias`, a folder or `s3://…`) or MODEL_BUCKET name it; without them it is
    the registered one, trained first where there is none. local: where MLflow's store is. loads: whether the
    command loads it, so that a pickle has to be pinned. Raises UsageError: SettingsError, ArtifactError,
    TrackingError or DataError among them.
    """
    if settings.task:
        tasks.find(settings.task)  # a wrong name is told before a model is fetched
    model = _found(settings, console, local)
    hashes = digests.verify(model.folder, settings.model_sha256) if settings.model_sha256 else None
    info = mlmodel.read(model.folder, hashes)
    task = task_of(settings, model)
    served = f", served by {_runtime(settings, info, model.folder)}" if loads else ""
    if loads and served.endswith("sklearn") and not (settings.model_sha256 or model.trained_here):
        _refuse_pickles(info, model.folder)
    console.out(
        f"Model: {model.uri} (run {settings.run_id or model.run_id}), task {task.name}{served}",
        highlight=False,
    )
    return model


def names_model(settings: Settings) -> bool:
    """Tell whether the settings name a model; without one a command takes the registered one of the task."""
    return bool(settings.model_location or settings.model_bucket)


def task_of(settings: Settings, model: RegisteredModel | None) -> Task[Any]:
    """Return the task that a model is used for; None: the registered one, which is still to be found.

    Raises SettingsError or ArtifactError, as `tasks.of_model`.
    """
    if model is None or not names_model(settings):
        return tasks.find(settings.task or DEFAULT_TASK)
    named = tasks.find(settings.task) if settings.task else None
    info, name = mlmodel.read(model.folder), settings.model_name or model.name
    return tasks.of_model(info, model.folder, named, name, settings.event_id)


def with_event_id(settings: Settings, model: RegisteredModel | None, column: str | None) -> Settings:
    """Return the settings for events with their id in a column, the id of the task that a signature makes."""
    if column is None or model is None or _task_name(settings, model) is not None:
        return settings
    return msgspec.structs.replace(settings, event_id=column)


def example_rows(task: Task[Any], folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a model's input example, by the names of the event's fields."""
    names = [field.path[-1] for field in value_fields_of(task.event) if field.path[-1] != task.id_name]
    return all_rows(mlmodel.read(folder), folder, names, _EXAMPLES)


def resolved(settings: Settings, model: RegisteredModel) -> Settings:
    """Return the same settings with the chosen model in them: its folder, name, task, run and digest.

    The digest pins it. It is the person's, or that of a model which this checkout trained. Any other model's
    own digest would pin what nobody vouches for.
    """
    own = artifact.digest(model.folder) if model.trained_here and not settings.model_sha256 else None
    return msgspec.structs.replace(
        settings,
        model_location=str(model.folder.absolute()),
        model_sha256=settings.model_sha256 or own,
        run_id=settings.run_id or model.run_id,
        model_name=settings.model_name or model.name,
        task=_task_name(settings, model),
    )


def serving_variables(settings: Settings, model: RegisteredModel) -> dict[str, str]:
    """Return the variables by which a process of this machine serves the chosen model."""
    served = resolved(settings, model)
    chosen = {
        "MODEL_LOCATION": served.model_location,
        "MODEL_SHA256": served.model_sha256,
        "RUN_ID": served.run_id,
        "TASK": served.task,
        "MODEL_NAME": served.model_name,
    }
    return {name: value or "" for name, value in chosen.items()} | tasks.search_path(settings.task or "")


def _task_name(settings: Settings, model: RegisteredModel) -> str | None:
    """Return what names the task of a model: TASK, or its metadata; None where its signature makes it."""
    if settings.task or not names_model(settings):
        return settings.task or DEFAULT_TASK
    return mlmodel.read(model.folder).task


def named(settings: Settings, location: str | None) -> Settings:
    """Return the settings with the command line's location. Raises UsageError where both name another."""
    if location is None or settings.model_location in (None, location):
        return msgspec.structs.replace(settings, model_location=location or settings.model_location)
    raise UsageError(
        f"the command names the model {location}, and MODEL_LOCATION is {settings.model_location}: "
        "give one of them, or the same to both"
    )


def require_run(settings: Settings, model: RegisteredModel) -> None:
    """Raise ArtifactMismatch where RUN_ID names another run than the one that made the model."""
    if settings.run_id and settings.run_id != model.run_id:
        raise ArtifactMismatch(
            f"RUN_ID is {settings.run_id}, and {model.uri} was made by the run {model.run_id}; unset RUN_ID, "
            "or name that run's model with MODEL_LOCATION"
        )


def _found(settings: Settings, console: Console, local: Path) -> RegisteredModel:
    from threeways.training.registry import RegisteredModel, resolve
    from threeways.training.train import resolve_or_train

    location = settings.model_location
    if location and location.startswith(REGISTRY):
        found = resolve(location, folder=local)
        if found is None:
            raise ArtifactMissing(f"no model is registered as {location}; name another in MODEL_LOCATION")
        require_run(settings, found)
        return found
    if names_model(settings):
        location = artifact.find(settings)
        folder = artifact.fetch(location)
        hashes = digests.verify(folder, settings.model_sha256) if settings.model_sha256 else None
        info = mlmodel.read(folder, hashes)
        return RegisteredModel(
            location, "", info.version, info.model_id, settings.mlflow_experiment_id, folder
        )
    console.print("Looking up the registered model in MLflow")
    model = resolve_or_train(console=console, folder=local, task=settings.task or DEFAULT_TASK)
    require_run(settings, model)
    return model


def _runtime(settings: Settings, info: mlmodel.MLmodel, folder: Path) -> str:
    mlmodel.require_served(info, str(folder / mlmodel.NAME))
    return runtime.choose(info.flavors, settings.model_runtime, folder)


def _refuse_pickles(info: mlmodel.MLmodel, folder: Path) -> None:
    flavour = info.flavors.sklearn
    if flavour and flavour.serialization_format in pickles.FORMATS:
        pickles.refuse(folder, flavour.serialization_format)
