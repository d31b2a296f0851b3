"""Recalibrate a model that serves: a newer interval table in the pointer, promoted without retraining."""

from __future__ import annotations

from dataclasses import dataclass

from threeways.errors import PromotionRefused
from threeways.lifecycle import loading, promotion, recalibration
from threeways.lifecycle.promotion import Change
from threeways.lifecycle.recalibration import Recalibration
from threeways.ops.promote import Window, store_of
from threeways.settings import Settings


@dataclass(frozen=True)
class Recalibrated:
    """A recalibration that was made. change: of the pointer."""

    change: Change
    found: Recalibration


def recalibrate(
    pointer: str, window: Window, by: str, because: str | None, settings: Settings
) -> Recalibrated:
    """Have the pointer's model go on with intervals fitted to the newest labels, where they cover better.

    window: those labelled events. by: who. because: why; None: what was found. settings: the task, where the
    pointer names none. Raises PromotionRefused with the reason, PointerMoved where another was promoted
    meanwhile, and what loading the model raises.
    """
    store = store_of(pointer)
    held = store.read()
    if held.pointer is None:
        raise PromotionRefused(f"there is no pointer at {store.place}: promote a model first")
    task = settings.task or held.pointer.task or None
    service = loading.load(held.pointer, Settings(task=task, event_id=settings.event_id))
    recalibration.require_table(service)
    found = recalibration.recalibrated(service, window(service.declared))
    if found.fault:
        raise PromotionRefused(
            f"{held.pointer.name} is not recalibrated: {found.fault}. It serves on as it does; take more or "
            "newer labels, EVENTS=, or make retrain where its error has risen, too"
        )
    change = promotion.recalibrate(store, found.table, by, because or f"recalibrated: {found}", held)
    return Recalibrated(change, found)
