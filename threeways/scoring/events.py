"""Events of a source with what is known of them: what a task's producer gives to whoever needs events.

A producer is a module that `Task.producer` names, with one function::

    load(spec: str | None, count: int, task: Task) -> Events

spec: what the user names as EVENTS, None for events of the module's own making. count: how many, 0 for all.
It raises DataError where the source has none. `threeways/systems/taxi/trips/producer.py` is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.task import EventId, Truth


@dataclass(frozen=True, slots=True)
class Events:
    """n valid events of a task, in order.

    name: where they are from, for people. ids: the events' own ids. payloads: their JSON, made anew by each
    call. truth: (n,) what the task's output really was: float64, NaN where that is unknown, or of
    objects where labels are, None where unknown. counted: (n,)
    which of them an error is told of: those that training keeps. skipped: rows of the source that are no
    valid event, and are not among the n. skipped_because: why the first of them is none. labels: position ->
    a few values by which a person knows the event, each by its name, the first two the ones that matter most.
    """

    name: str
    ids: Sequence[EventId]
    payloads: Callable[[], Iterator[bytes]]
    truth: NDArray[Any]
    counted: NDArray[np.bool_]
    skipped: int = 0
    skipped_because: str = ""
    labels: Callable[[int], Mapping[str, str]] = lambda _: {}

    def __len__(self) -> int:
        return len(self.ids)


def within(truth: Truth | None, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of the values a training on this truth keeps: none that is unknown."""
    if truth is None:
        return np.isfinite(values)
    return np.isfinite(values) & (values >= truth.least) & (values <= truth.most)


def unusable(truth: Truth | None, rows: int, beyond: int, unit: str) -> str:
    """Say why none of some rows can be judged. beyond: how many have a truth that no training keeps."""
    parts = [f"{rows - beyond:,} of {rows:,} rows hold no value"] if beyond < rows else []
    if beyond and truth:
        kept = f"{truth.least:g} to {truth.most:g} {unit}".rstrip()
        parts.append(f"{beyond:,} of {rows:,} are not within {kept}, as training keeps them")
    return ", ".join(parts)
