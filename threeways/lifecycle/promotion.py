"""Change which model the pointer names: promote, demote, recalibrate. Each is one conditional write."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from threeways.artifact.interval import IntervalTable
from threeways.errors import PromotionRefused
from threeways.lifecycle.pointer import Held, Named, Pointer, PointerStore, now, plain, without_previous


@dataclass(frozen=True)
class Change:
    """A pointer that was written. before: what was there, None where nothing was."""

    pointer: Pointer
    before: Pointer | None


def put(store: PointerStore, before: Pointer | None, etag: str | None, new: Named) -> Change:
    """Have the pointer name another model, in place of what was read. Raises PointerMoved."""
    told = {name: getattr(new, name) for name in Named.__struct_fields__}
    pointer = Pointer(**told, previous=None if before is None else without_previous(before))
    store.write(pointer, Held(before, etag))
    return Change(pointer, before)


def demote(store: PointerStore, by: str, because: str) -> Change:
    """Go back to the model before, at once. Raises PromotionRefused where there is none."""
    held = store.read()
    if held.pointer is None:
        raise PromotionRefused(f"there is no pointer at {store.place}: nothing was promoted there")
    if held.pointer.previous is None:
        raise PromotionRefused(
            f"{store.place} knows no model before {held.pointer}; promote another: make promote MODEL="
        )
    return put(store, held.pointer, held.etag, _signed(held.pointer.previous, by, because))


def recalibrate(
    store: PointerStore, table: IntervalTable | None, by: str, because: str, held: Held | None = None
) -> Change:
    """Have the model that serves go on with another interval table; None: with its artifact's own.

    held: the pointer as it was when the table was fitted; None: it is read. Raises PromotionRefused where no
    model serves, and PointerMoved where another was promoted since.
    """
    held = held or store.read()
    if held.pointer is None:
        raise PromotionRefused(f"there is no pointer at {store.place}: promote a model first")
    signed = _signed(held.pointer, by, because)
    new = msgspec.structs.replace(signed, interval=table)
    return put(store, held.pointer, held.etag, new)


def _signed(model: Named, by: str, because: str) -> Named:
    """Return the same model, promoted now."""
    told = {name: getattr(model, name) for name in Named.__struct_fields__}
    return Named(**{**told, "by": plain(by, 256), "at": now(), "because": plain(because, 1_000)})
