"""Provision an emulator: `template.yaml`'s resources, with a model in its bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threeways import project
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.provision import provision
from threeways.emulator.resources import STACK
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.local_run.model_choice import resolved
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

TEMPLATE = project.ROOT / "template.yaml"


@dataclass(frozen=True)
class Provisioned:
    """A running emulator with the stack's streams, buckets and queues, the model in its bucket.

    stack: as the template describes it with this model's parameters.
    """

    emulator: Endpoint
    stack: Stack


@contextmanager
def provisioned(
    emulator: Endpoint,
    model: RegisteredModel,
    shards: int | None = None,
    settings: Settings | None = None,
) -> Iterator[Provisioned]:
    """Start the emulator and put everything into it; it ends with the context.

    shards: of every stream, the template's if None. settings: how the model is served, their defaults if
    None. Raises LocalError.
    """
    with emulator:
        yield Provisioned(emulator, deployed(emulator, model, shards, settings or Settings()))


def deployed(
    emulator: Endpoint,
    model: RegisteredModel,
    shards: int | None,
    settings: Settings,
    name: str = STACK,
    parameters: Mapping[str, str] | None = None,
) -> Stack:
    """Put a stack of the template, and the model, into a running emulator.

    name: the stack's, another for each in one emulator. parameters: the template's, beside the model's.
    Raises LocalError.
    """
    stack = _load(model, settings, emulator.region, name, parameters or {})
    provision(stack, emulator, shards=shards)
    _upload(model, stack.buckets["ModelBucket"].name, emulator)
    return stack


def _load(
    model: RegisteredModel, settings: Settings, region: str, name: str, further: Mapping[str, str]
) -> Stack:
    names, served = load(TEMPLATE, name=name).buckets, resolved(settings, model)
    parameters = {
        "ModelLocation": f"s3://{names['ModelBucket'].name}/{_key(model)}",
        "ModelSha256": served.model_sha256 or "",
        "ModelRuntime": served.model_runtime or "",
        "RunId": served.run_id or "",
        "Task": served.task or "",
        "ModelName": served.model_name or "",
        "EventId": served.event_id or "",
        **further,
    }
    return load(TEMPLATE, parameters, region=region, name=name)


def _upload(model: RegisteredModel, bucket: str, emulator: Endpoint) -> None:
    """Put the model's files where MLflow would."""
    for file in sorted(path for path in model.folder.rglob("*") if path.is_file()):
        key = f"{_key(model)}/{file.relative_to(model.folder).as_posix()}"
        emulator.client("s3").upload_file(str(file), bucket, key)


def _key(model: RegisteredModel) -> str:
    """Where MLflow puts the artifact of a model in a bucket: version 3 by the model, version 2 by its run."""
    if model.model_id:
        return f"{model.experiment_id}/models/{model.model_id}/artifacts"
    return f"{model.experiment_id}/{model.run_id}/artifacts/model"
