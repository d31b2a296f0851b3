"""Promote a model: find it, hold it against the one that serves, upload it, and have the pointer name it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from threeways import artifact, bootstrap
from threeways.artifact import mlmodel
from threeways.errors import PointerRefused, PromotionRefused, ThreewaysError, UsageError
from threeways.lifecycle import gate, golden, loading, promotion
from threeways.lifecycle.gate import Comparison
from threeways.lifecycle.pointer import Held, Named, Pointer, PointerStore, now, plain
from threeways.lifecycle.promotion import Change
from threeways.ops import account
from threeways.ops.deploy import model as models
from threeways.ops.deploy.model import Chosen
from threeways.scoring.events import Events
from threeways.scoring.task import Task
from threeways.settings import Settings

ALIAS = "champion"

type Window = Callable[[Task[Any]], Events]
"""Returns labelled events of a task."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be promoted, as a person or a program says it.

    model: `models:/name/version`, a folder or `s3://…`. pointer: `s3://bucket/key`. by: who. because: why;
    None: what the gate found. alias: of the registry, which moves along. force: promote it although the gate
    refuses; what could not be followed, such as another task, stays refused. settings: task, runtime and
    digest, where the model's own do not do.
    """

    model: str
    pointer: str
    by: str
    because: str | None = None
    alias: str = ALIAS
    force: bool = False
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Promoted:
    """A promotion that was made.

    change: of the pointer. comparison: of the two models; None where there was nothing to compare. alone: its
    error on the window, in words, where no model served. forced: the reasons that a person overruled. alias:
    what became of the registry's, in words.
    """

    change: Change
    comparison: Comparison | None
    alone: str | None
    forced: tuple[str, ...]
    alias: str


def promote(request: Request, window: Window | None, local: Path) -> Promoted:
    """Promote a model where the gate lets it pass.

    window: the newest labelled events; they are read, and scored where that can be done, even if no model
    serves yet. local: where MLflow's store is. Raises PromotionRefused with the
    gate's reason, PointerMoved where another was faster, and what finding and loading the model raises.
    """
    if request.force and not request.because:
        raise UsageError("FORCE=1 overrules the gate, and wants a reason that is kept: BECAUSE='…'")
    with tempfile.TemporaryDirectory(prefix="threeways-promote-") as scratch:
        return _promoted(request, window, local, Path(scratch))


def _promoted(request: Request, window: Window | None, local: Path, scratch: Path) -> Promoted:
    """Promote a model. scratch: for a copy of its files, where it gets its golden set here."""
    store = store_of(request.pointer)
    held, broken = _held(store, force=request.force)
    chosen, asked = _checked(request, held.pointer, local)
    require_alias(chosen.name, request.alias, local)
    events = window(chosen.task) if window and chosen.task else None
    chosen = _with_golden_set(chosen, asked, scratch / "artifact")
    comparison, alone, faults = None, None, list[str]()
    if held.pointer is None:
        alone, faults = _alone(chosen, asked, events)
    else:
        comparison, faults = _gate(chosen, asked, held.pointer, events)
    faults = [*broken, *faults]
    if faults and not request.force:
        raise PromotionRefused(
            f"{chosen.name} is not promoted: {'; '.join(faults)}. Mend that, or overrule it: FORCE=1 "
            "BECAUSE='…'"
        )
    models.upload(chosen, store.place.bucket, account.client("s3"))
    first = "the first one" + (f": {alone}" if alone else "")
    because = request.because or (str(comparison) if comparison else first)
    new = Named(
        location=chosen.location(store.place.bucket),
        sha256=chosen.sha256,
        version=plain(chosen.run_id, 256) or chosen.sha256[:12],
        name=plain(chosen.name, 256),
        task=models.settings_of(chosen, asked).task or "",
        by=plain(request.by, 256),
        at=now(),
        because=plain(because, 1_000),
    )
    change = promotion.put(store, held.pointer, held.etag, new)
    return Promoted(change, comparison, alone, tuple(faults), move_alias(chosen.name, request.alias, local))


def store_of(pointer: str) -> PointerStore:
    """Return a pointer in the account of the user's environment. Raises SettingsError or LocationError."""
    return PointerStore(account.client("s3"), pointer)


def _held(store: PointerStore, *, force: bool) -> tuple[Held, list[str]]:
    """Return what a pointer holds, and why it is none where a person overrules that: it is replaced then.

    Raises PointerUnreachable or PointerRefused.
    """
    try:
        return store.read(), []
    except PointerRefused as error:
        if not force:
            raise
        return Held(None, error.etag), [str(error).rpartition("; ")[0]]


def read(pointer: str) -> Held:
    """Return what a pointer holds. Raises PointerUnreachable or PointerRefused."""
    return store_of(pointer).read()


def demote(pointer: str, by: str, because: str, alias: str, local: Path) -> tuple[Change, str]:
    """Go back to the model before, at once; return the change, and what became of the registry's alias."""
    store = store_of(pointer)
    if (now := store.read().pointer) and now.previous:
        require_alias(now.previous.name, alias, local)
    change = promotion.demote(store, by, because)
    return change, move_alias(change.pointer.name, alias, local)


def require_alias(name: str, alias: str, local: Path) -> None:
    """Raise UsageError for an alias that a registered model does not have, before anything is written.

    A registry that cannot be asked is no reason to stop: `move_alias` tells what became of it.
    """
    from threeways.training.registry import CHALLENGER, aliases_of

    if alias in (usual := {ALIAS, CHALLENGER}) or not name.startswith("models:/"):
        return
    try:
        there = aliases_of(name, local)
    except ThreewaysError:
        return
    if there is not None and alias not in there:
        raise UsageError(
            f"TO={alias} is no alias of {name.rpartition('/')[0]}; name one of "
            f"{', '.join(sorted(usual | there))}, or set it in the registry first"
        )


def move_alias(name: str, alias: str, local: Path) -> str:
    """Set the registry's alias to a registered model's version; return what became of it, in words.

    The pointer is what serves: an alias that cannot be set is told, and undoes nothing.
    """
    if not name.startswith("models:/"):
        return f"{name} is no registered model: no alias was moved"
    from threeways.training.registry import set_alias

    try:
        set_alias(name, alias, local)
    except ThreewaysError as error:
        return f"the alias {alias} could not be moved to {name}: {error}"
    return f"the alias {alias} is {name}'s now"


def _checked(request: Request, before: Pointer | None, local: Path) -> tuple[Chosen, Settings]:
    """Return the model, loaded and proven once, and the settings that it was asked for with."""
    asked = request.settings
    found = models.find(request.model, local, asked.task, asked.model_sha256)
    if asked.task is None and before is not None and before.task:
        own = mlmodel.read(found.folder).task
        asked = msgspec.structs.replace(asked, task=own or before.task)
    return models.check(found, asked), asked


def _with_golden_set(chosen: Chosen, asked: Settings, copy: Path) -> Chosen:
    """Return the model with its golden set: what has none is copied, and gets one."""
    if models.pickle_of(chosen, asked.model_runtime) and not chosen.trained_here:
        return chosen
    if bootstrap.service_of(chosen.folder, models.settings_of(chosen, asked)).golden:
        return chosen
    shutil.copytree(chosen.folder, copy)
    if not golden.add(copy, models.settings_of(chosen, asked)):
        return chosen
    return replace(chosen, folder=copy, sha256=artifact.digest(copy))


def _alone(chosen: Chosen, asked: Settings, events: Events | None) -> tuple[str | None, list[str]]:
    """Score the window by the first model; return its error in words, and why it must not serve."""
    if events is None or (models.pickle_of(chosen, asked.model_runtime) and not chosen.trained_here):
        return None, []
    service = bootstrap.service_of(chosen.folder, models.settings_of(chosen, asked))
    try:
        found = gate.compare(service, service, events)
    except PromotionRefused as error:
        return None, [str(error)]
    refused = f", and {found.refused[1]:,} are not scored" if found.refused[1] else ""
    return f"{found.measure} {found.challenger:.4g} on {found.events:,} events of {found.window}{refused}", []


def _gate(
    chosen: Chosen, asked: Settings, before: Pointer, events: Events | None
) -> tuple[Comparison | None, list[str]]:
    """Hold a model against the one that serves; return the comparison, and why it must not take over.

    Raises PromotionRefused or ArtifactMismatch for what no one can overrule.
    """
    if (before.sha256, before.interval) == (chosen.sha256, None):
        raise PromotionRefused(f"{before} is this very model: it serves already")
    if models.pickle_of(chosen, asked.model_runtime) and not chosen.trained_here:
        return None, ["it is a pickle that was not trained here, and is not loaded here to be compared"]
    task = models.settings_of(chosen, asked).task or ""
    loading.require_task(before.task, msgspec.structs.replace(before, name=chosen.name, task=task))
    challenger = bootstrap.service_of(chosen.folder, models.settings_of(chosen, asked))
    try:
        folder = artifact.fetch(before.location)
        champion = loading.load(before, Settings(task=before.task or None))
    except ThreewaysError as error:
        return None, [f"the one that serves cannot be loaded to be compared: {error}"]
    loading.require_alike(champion, challenger)
    faults = [fault] if (fault := _older(chosen, before, folder)) else []
    if champion.intervals is not None and challenger.intervals is None:
        faults.append(
            f"it has no interval table, and {before.name}, which serves, has one (train it again, or "
            "overrule this and have make recalibrate fit one)"
        )
    if events is None:
        return None, [*faults, "no labelled window was named to compare it on, EVENTS=… ACTUAL=…"]
    try:
        comparison = gate.compare(champion, challenger, events)
    except PromotionRefused as error:
        return None, [*faults, str(error)]
    return comparison, faults + ([comparison.fault] if comparison.fault else [])


def _older(chosen: Chosen, before: Pointer, serving: Path) -> str | None:
    """Tell, where it is so, that a model is older than the one that serves: by version, else by its time."""
    (name, version), (other, than) = (one.rpartition("/")[::2] for one in (chosen.name, before.name))
    if name == other and version.isdecimal() and than.isdecimal():
        older = int(version) < int(than)
    else:
        made, served = (mlmodel.read(one).utc_time_created or "" for one in (chosen.folder, serving))
        older = bool(made and served) and made < served
    return f"it is older than {before.name}, which serves (make demote goes back)" if older else None
