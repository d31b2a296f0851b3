"""A run whose function follows a pointer: the pointer's bucket, the models in it, and the first promotion."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threeways import artifact
from threeways.emulator.endpoint import Endpoint
from threeways.lifecycle import promotion
from threeways.lifecycle.pointer import Named, PointerStore, now, place_of
from threeways.local_run.model_choice import resolved
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


def parameters(settings: Settings) -> dict[str, str]:
    """Return the template's parameters of a function that follows; none where it does not."""
    if settings.follow is None:
        return {}
    place_of(settings.follow)
    return {"Follow": settings.follow, "FollowSeconds": f"{settings.follow_seconds:g}"}


def begin(emulator: Endpoint, model: RegisteredModel, settings: Settings) -> None:
    """Put the run's model into the pointer's bucket, which is made, and have the pointer name it."""
    if settings.follow is None:
        return
    s3, place = emulator.client("s3"), place_of(settings.follow)
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        s3.create_bucket(Bucket=place.bucket)
    store = PointerStore(s3, settings.follow)
    held = store.read()
    if held.pointer is None:
        served = resolved(settings, model)
        named = uploaded(s3, place.bucket, model.folder, served.run_id or "", served.task or "")
        promotion.put(store, None, held.etag, named)


def uploaded(s3: Any, bucket: str, folder: Path, version: str, task: str, name: str | None = None) -> Named:
    """Upload an artifact, and return what a pointer says of it."""
    sha256 = artifact.digest(folder)
    for path in filter(Path.is_file, folder.rglob("*")):
        s3.upload_file(str(path), bucket, f"models/{sha256}/{path.relative_to(folder).as_posix()}")
    return Named(
        location=f"s3://{bucket}/models/{sha256}",
        sha256=sha256,
        version=version,
        name=name or f"run {version}",
        task=task,
        by="the run",
        at=now(),
        because="the model that it began with",
    )
