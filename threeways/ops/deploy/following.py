"""The pointer that a deployed stack follows: which model really serves, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threeways.artifact.fetch import bucket as buckets
from threeways.errors import PointerError, UsageError
from threeways.lifecycle import promotion
from threeways.lifecycle.pointer import Held, Named, PointerStore, now, plain
from threeways.ops.account import Client
from threeways.ops.deploy.changes import FOLLOW
from threeways.ops.deploy.history import Deployment
from threeways.ops.deploy.stack import Stack


@dataclass(frozen=True)
class Following:
    """A stack's pointer. store: of the object. held: what it is now."""

    store: PointerStore
    held: Held

    @property
    def version(self) -> str | None:
        """The version that serves; None where there is no pointer yet."""
        return self.held.pointer.version if self.held.pointer else None


def of(parameters: dict[str, str], client: Client) -> Following | None:
    """Return the pointer that parameters name; None where the stack follows none. Raises PointerError."""
    if not parameters.get(FOLLOW):
        return None
    store = PointerStore(client("s3"), parameters[FOLLOW])
    return Following(store, store.read())


def version_of(stack: Stack, run_id: str, client: Client) -> str:
    """Return the version that has to answer an event: the pointer's where there is one, else the run."""
    following = of(dict(stack.parameters), client)
    return (following.version if following else None) or run_id


def to_take_back(target: Deployment, values: dict[str, str], client: Client) -> Following | None:
    """Return the pointer of the deployment that is gone back to, where it names another model than that had.

    Raises UsageError where it cannot be read: the deployment alone would bring no model back.
    """
    try:
        following = of(values, client)
    except PointerError as error:
        raise UsageError(
            f"{target.id} follows a pointer, which decides the model, and it cannot be taken back: {error}. "
            "Mend that; or go on without it: make deploy PARAMETERS='Follow='"
        ) from None
    pointer = following.held.pointer if following else None
    if pointer is None or (pointer.location, pointer.sha256) == _model(target, values):
        return None
    return following


def take_back(following: Following, target: Deployment, values: dict[str, str], by: str) -> None:
    """Have the pointer name the model of a deployment. Raises PointerMoved, PointerUnreachable."""
    location, sha256 = _model(target, values)
    model = Named(
        location=location,
        sha256=sha256,
        version=values["RunId"] or sha256[:12],
        name=plain(target.model, 256),
        task=values.get("Task", ""),
        by=plain(by, 256),
        at=now(),
        because=f"make rollback to {target.id}",
    )
    promotion.put(following.store, following.held.pointer, following.held.etag, model)


def _model(target: Deployment, values: dict[str, str]) -> tuple[str, Any]:
    return str(buckets.parse(target.model_location)), values["ModelSha256"]
