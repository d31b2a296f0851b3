"""Load the model that a pointer names, and tell whether it can take the place of the one that serves."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from threeways import artifact, bootstrap
from threeways.artifact import signature
from threeways.artifact.fetch import bucket
from threeways.errors import ArtifactMismatch, ArtifactMissing
from threeways.lifecycle.pointer import Named
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


SPARE = 1.5
"""Loading is begun where the deadline leaves so many times what it is expected to take."""
SECONDS_PER_BYTE = 1 / 20e6
"""What each byte more than those of the last artifact adds to that, to be fetched, hashed and built."""


@dataclass(frozen=True)
class Measured:
    """What the last load took: seconds, and the artifact's bytes, 0 where they are not known."""

    seconds: float
    bytes: int

    def seconds_for(self, more: int) -> float:
        """Return what loading an artifact of so many bytes is expected to take.

        Most of what a small one took is the same for any: it is not multiplied by the size.
        """
        return SPARE * (self.seconds + max(0, more - self.bytes) * SECONDS_PER_BYTE)


def settings_for(pointer: Named, settings: Settings) -> Settings:
    """Return the settings of a process that serves a pointer's model, pinned by its digest.

    Raises ArtifactMismatch where it is a model of another task than TASK.
    """
    if settings.task and pointer.task != settings.task:
        require_task(settings.task, pointer)
    return msgspec.structs.replace(
        settings,
        model_location=pointer.location,
        model_sha256=pointer.sha256,
        run_id=pointer.version,
        task=settings.task or pointer.task or None,
    )


def require_task(serving: str, pointer: Named) -> None:
    """Raise ArtifactMismatch unless the pointer's model is one of the task that is served, by its name."""
    if pointer.task and serving.rpartition(".")[2] != pointer.task.rpartition(".")[2]:
        raise ArtifactMismatch(
            f"{pointer.name} is a model of the task {pointer.task}, and {serving} is served; promote a model "
            f"of {serving}"
        )


def bytes_of(location: str, s3: S3Client) -> int:
    """Return the bytes of an artifact, as S3 lists it. Raises ArtifactError."""
    place = bucket.parse(location)
    found = sum(one.size for one in bucket.objects(s3, place))
    if not found:
        raise ArtifactMissing(f"there is no model at {place}, which the pointer names; promote one")
    return found


def load(pointer: Named, settings: Settings) -> ModelService[Any]:
    """Fetch, verify, load and prove the model of a pointer.

    Raises ArtifactError, SettingsError, ModelFailed.
    """
    asked = settings_for(pointer, settings)
    folder = artifact.fetch(pointer.location)
    return bootstrap.service_of(folder, asked, interval=pointer.interval)


def require_alike(serving: ModelService[Any], new: ModelService[Any]) -> None:
    """Raise ArtifactMismatch unless both take the same events and make the same messages.

    Of a task with a name the task says what an event is, whatever features its models take; of one that a
    signature makes, the signature does.
    """
    was, now = serving.declared, new.declared
    if (was.name, was.id_name, was.from_signature) != (now.name, now.id_name, now.from_signature):
        raise ArtifactMismatch(
            f"it is a model of the task {now.name}, and {was.name} is served; promote a model of {was.name}"
        )
    if was.from_signature and (faults := _differences(serving, new)):
        raise ArtifactMismatch(
            f"its signature is another than the one that is served: {'; '.join(faults)}. Events of today "
            "would be refused; deploy it as a consumer of its own"
        )
    said, says = _predicts(serving), _predicts(new)
    if said != says:
        raise ArtifactMismatch(
            f"it predicts {says}, and {said} is served; deploy it as a consumer of its own"
        )


def _differences(serving: ModelService[Any], new: ModelService[Any]) -> list[str]:
    was, now = _inputs(serving), _inputs(new)
    return [
        f"{name} is {now.get(name, 'not there')}, and was {was.get(name, 'not there')}"
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]


def _predicts(service: ModelService[Any]) -> str:
    """Tell what a model answers, its intervals left out: those may come and go."""
    return f"{type(service.answered).__name__} ({', '.join(service.answered.fields)})"


def _inputs(service: ModelService[Any]) -> dict[str, str]:
    """Return the signature's inputs by name: each one's type, and whether it may be missing."""
    info = getattr(service.model, "info", None)
    columns = [] if info is None else signature.inputs(info)
    return {
        str(one.name if one.name is not None else place): f"{one.type or one.tensor}"
        f"{'' if one.required else ', or missing'}"
        for place, one in enumerate(columns)
    }


def again(serving: ModelService[Any], pointer: Named) -> ModelService[Any]:
    """Return a service of the same loaded model under a pointer's version and interval table.

    Raises ArtifactMismatch or ModelFailed for a table that does not fit it.
    """
    task = dataclasses.replace(serving.declared, output=serving.answered)
    made: ModelService[Any] = ModelService(serving.model, task, pointer.version, interval=pointer.interval)
    made.golden = serving.golden
    made.prove()
    return made
