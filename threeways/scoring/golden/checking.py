"""Check a loaded model by its golden set: events with the answers that it gave when the set was made.

The set is a file of the artifact, `golden.json`, so that the artifact's digest covers it. Its examples are
payloads as they arrive, and go through the whole scoring path: decoding, features, model, output, and the
refusals of each. What is wrong in any of these is found before the first event, whether it is the machine, a
library, a file or the task's code.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from threeways.artifact import digests
from threeways.errors import ArtifactMismatch, ModelFailed
from threeways.scoring.golden import fault
from threeways.scoring.golden.format import NAME, Example, GoldenSet, read
from threeways.scoring.output import number_of
from threeways.scoring.service import ModelService

logger = logging.getLogger(__name__)

TOLERANCE = 1e-9
"""The largest accepted difference of a number: absolute up to 1, relative above, as in the exactness gate."""
_SHOWN = 200


def prove(service: ModelService[Any], folder: Path, hashes: digests.Hashes | None = None) -> None:
    """Prove the service of an artifact in a folder, by its golden set, and by the task's example without one.

    Raises as `check` does, and ModelFailed.
    """
    service.golden = check(service, folder, hashes)
    if not (service.golden and service.only_predicts):
        service.prove()


def check(service: ModelService[Any], folder: Path, hashes: digests.Hashes | None = None) -> int:
    """Score the golden set of the artifact in a folder, by one predict; return how many examples agree.

    hashes: of the artifact's files, where its digest was verified. 0: it has no set, or one of another task's
    events, which is logged. Raises ArtifactMismatch where an answer differs, ArtifactIncomplete for a damaged
    set, ModelFailed.
    """
    found = read(folder, hashes)
    if found is None:
        return 0
    if contradiction := _contradiction(service, found):
        raise ArtifactMismatch(
            f"{folder / NAME}: {contradiction}; upload the artifact again, or make "
            "another set: threeways export"
        )
    payloads = payloads_for(service, found)
    if payloads is None:
        logger.warning(
            "the golden set of %s is not checked: its events are those of %s, with the id %s; the task is %s",
            folder, found.task or "its signature", found.id, service.task.name,
        )  # fmt: skip
        return 0
    differing = difference(service, found, payloads)
    if differing:
        raise ArtifactMismatch(
            f"{folder}: {differing}; {fault.likely(found, folder, service.runtime, model_files(service))}"
        )
    return len(found.examples)


def _contradiction(service: ModelService[Any], golden: GoldenSet) -> str:
    """Tell what of a set its artifact's metadata or its own events contradict; "" where nothing does."""
    info: Any = getattr(service.model, "info", None)
    if info and info.task is not None and golden.task != info.task:
        return (
            f"its events are those of {golden.task or 'a signature'}, and the MLmodel's task is {info.task}"
        )
    name = msgspec.json.encode(golden.id).decode()
    if not all(name in one.event for one in golden.examples if one.refused is None):
        return f"its events are said to have their id in {name:.100}, and what was predicted of them has none"
    return ""


def told(agreed: int | None) -> str:
    """Return a line for people. agreed: what `check` returned; None: it was checked in another process."""
    if agreed is None:
        return "golden set: checked where the model is loaded, if it has one"
    if not agreed:
        return (
            "golden set: none that is checked, so that a wrong library or machine is not noticed; "
            "`threeways export` and `threeways import` make one"
        )
    return f"golden set: {agreed} examples are answered as when it was made"


def payloads_for(service: ModelService[Any], golden: GoldenSet) -> list[bytes] | None:
    """Return the set's events as the service's task takes them; None where they are of another task."""
    task = service.task
    payloads = [one.event.encode() for one in golden.examples]
    if golden.task != task_name(service):
        return None
    if golden.id == task.id_name:
        return payloads
    if {golden.id, task.id_name} & set(map(str, task.columns)):  # EVENT_ID names another field
        return None
    old, new = (msgspec.json.encode(name) + b":" for name in (golden.id, task.id_name))
    return [one.replace(b"{" + old, b"{" + new, 1) for one in payloads]


def task_name(service: ModelService[Any]) -> str | None:
    """Return the task's name; None of one that a signature makes: it is called as the model is."""
    return None if service.task.from_signature else service.task.name


def difference(service: ModelService[Any], golden: GoldenSet, payloads: Sequence[bytes]) -> str:
    """Tell how many examples are answered otherwise, and the first of them; "" where none is."""
    examples = golden.examples
    try:
        told = answered(service, payloads, golden.arrived)
    except ModelFailed:
        raise
    except Exception as error:  # noqa: BLE001  (a task's own code may raise anything)
        return f"the events of its golden set cannot be scored: {error!r:.500}"
    differs = [at for at, (one, now) in enumerate(zip(examples, told, strict=True)) if not same(one, now)]
    if not differs:
        return ""
    first = differs[0]
    return (
        f"{len(differs)} of the {len(examples)} examples of its golden set are answered otherwise than when "
        f"it was made; the first, {_short(examples[first].event)}: {_said(told[first])} instead of "
        f"{_said(examples[first])}"
    )


def model_files(service: ModelService[Any]) -> list[str]:
    """Return the paths of its model's files; none of a model that is of no artifact."""
    info: Any = getattr(service.model, "info", None)
    return info.model_files() if info else []


def answered(service: ModelService[Any], payloads: Sequence[bytes], arrived: datetime) -> list[Example]:
    """Return what becomes of payloads, as examples; of a number with an interval the number alone."""
    told = service.plain().score(payloads, [arrived] * len(payloads))
    return [
        Example(payload.decode(), refused=getattr(one, "code", type(one).__name__))
        if isinstance(one, Exception)
        else Example(payload.decode(), number_of(one.value), one.flags)
        for payload, one in zip(payloads, told, strict=True)
    ]


def same(one: Example, other: Example) -> bool:
    """Whether two answers of one event agree: texts, labels and flags are equal, numbers within TOLERANCE."""
    told = one.refused == other.refused and one.flags == other.flags
    return told and _like(one.value, other.value)


def _like(one: Any, other: Any) -> bool:
    if type(one) is float and one == other and type(other) is float:
        return True
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_like, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_like(value, other[name]) for name, value in one.items())
    if _is_number(one) and _is_number(other) and float in (type(one), type(other)):
        apart = abs(float(one) - float(other))
        return one == other or apart <= TOLERANCE * max(1.0, abs(float(other)))
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(one: Example) -> str:
    if one.refused is not None:
        return f"refused as {one.refused}"
    flags = f" with {', '.join(one.flags)}" if one.flags else ""
    return f"{_short(repr(one.value))}{flags}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
