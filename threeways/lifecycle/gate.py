"""Compare the model that is to serve with the one that does: better, or at least no worse.

Both score the same labelled events, each by itself, and their errors are compared event by event: what both
find hard cancels out, so that a small difference shows. The difference, its interval and the parts of slices
are those of a retraining: see `threeways.scoring.paired`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress, islice
from typing import Any

import numpy as np

from threeways.errors import PermanentError, PromotionRefused
from threeways.lifecycle.fields import leaves, unix_times
from threeways.scoring import paired
from threeways.scoring.events import Events
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.output import number_of, text_of
from threeways.scoring.paired import Clusters, Difference, Floats
from threeways.scoring.parts import PART_EVENTS, WORSE, columns_of, parted
from threeways.scoring.service import ModelService

LEAST_EVENTS = 200
"""Fewer labelled events decide nothing."""
TOLERATED = 0.01
"""So much larger may the new model's error be, as a share, where chance alone may have made it larger."""
_AT_ONCE, _NAMED = 10_000, 3


@dataclass(frozen=True)
class Part:
    """A slice of the events. champion, challenger: their errors there. worse: surely so, and by over 5 %.

    One of under 500 events is not judged; the others together are told as worse by chance as rarely as one.
    """

    name: str
    events: int
    champion: float
    challenger: float
    worse: bool


@dataclass(frozen=True)
class Comparison:
    """Two models on the same events.

    measure: rmse, or error rate of labels. gain: by how much the challenger's error is smaller; margin: give
    or take, at 95 %. refused: the events that each does not score: champion's, challenger's.
    """

    window: str
    measure: str
    events: int
    champion: float
    challenger: float
    gain: float
    margin: float
    parts: tuple[Part, ...] = ()
    refused: tuple[int, int] = (0, 0)

    @property
    def fault(self) -> str | None:
        """Why the challenger must not take over; None where it may."""
        if self.refused[1] > self.refused[0]:
            return (
                f"it does not score {self.refused[1]:,} of the events in {self.window}, and the one that "
                f"serves does not score {self.refused[0]:,}"
            )
        if self.gain < 0 and (-self.gain > self.margin or -self.gain > TOLERATED * self.champion):
            return f"it is worse than the one that serves: {self}"
        if worse := [one for one in self.parts if one.worse]:
            told = "; ".join(
                f"{one.name}, {one.challenger:.4g} against {one.champion:.4g} on {one.events:,} events"
                for one in worse[:_NAMED]
            )
            return f"it is worse on {told}"
        return None

    def __str__(self) -> str:
        verdict = "better" if self.gain > self.margin else "worse" if -self.gain > self.margin else "no worse"
        return (
            f"{self.measure} {self.challenger:.4g} against {self.champion:.4g} on {self.events:,} events of "
            f"{self.window}: {verdict} by {abs(self.gain):.3g} ± {self.margin:.2g}"
        )


def compare(champion: ModelService[Any], challenger: ModelService[Any], events: Events) -> Comparison:
    """Have both score labelled events. Raises PromotionRefused where nothing can be told."""
    losses, columns, times, refused = _losses(champion, challenger, events)
    both = np.isfinite(losses).all(axis=0)
    count = int(both.sum())
    if count < LEAST_EVENTS:
        raise PromotionRefused(
            f"{events.name}: {count} events with a known truth decide nothing, {LEAST_EVENTS} are the least; "
            "name a larger window, EVENTS=, and its column with what really was so, ACTUAL="
        )
    measure = "rmse" if _is_number(champion) else "error rate"
    was, now = known = losses[:, both]
    clusters = paired.clusters_of(times[both])
    columns = {name: list(compress(values, both.tolist())) for name, values in columns.items()}
    found = [
        (f"{title} {name}", rows)
        for title, name, rows in parted(columns, champion.task.slices)
        if len(rows) >= LEAST_EVENTS
    ]
    sure = paired.of_each(sum(len(rows) >= PART_EVENTS for _, rows in found))
    parts = [_part(name, known[:, at], measure, paired.within(clusters, at), sure) for name, at in found]
    errors = _error(was, measure), _error(now, measure)
    return Comparison(
        events.name,
        measure,
        count,
        *errors,
        errors[0] - errors[1],
        _margin(_difference(was, now, measure, clusters)),
        tuple(sorted(parts, key=lambda part: part.champion - part.challenger)),
        refused,
    )


def _losses(
    champion: ModelService[Any], challenger: ModelService[Any], events: Events
) -> tuple[Floats, Mapping[str, Sequence[Any]], Floats, tuple[int, int]]:
    """Return (2, n) losses, NaN where unknown; the slices' fields; times; how many each does not score."""
    slices, time = champion.task.slices, champion.task.time
    names = [one.field for one in slices] + ([time.field] if time else [])
    found: list[list[float]] = [[], []]
    fields: list[Mapping[str, Any]] = []
    refused, arrived = [0, 0], datetime.now(UTC)
    truths: Iterator[tuple[Any, bool]] = zip(events.truth.tolist(), events.counted.tolist(), strict=True)
    payloads = events.payloads()
    while chunk := list(islice(payloads, _AT_ONCE)):
        known = [one if counted else None for one, counted in islice(truths, len(chunk))]
        for place, service in enumerate((champion, challenger)):
            outcomes = service.score(chunk, [arrived] * len(chunk))
            refused[place] += sum(isinstance(one, PermanentError) for one in outcomes)
            found[place] += [_loss(one, true) for one, true in zip(outcomes, known, strict=True)]
        for payload in chunk if names else ():
            said = leaves(payload)
            fields.append({name: said.get(name) for name in names})
    at = [one.get(time.field) for one in fields] if time else [None] * len(found[0])
    return np.array(found), columns_of(fields, slices), unix_times(at, time), (refused[0], refused[1])


def _is_number(service: ModelService[Any]) -> bool:
    return "label" not in service.output.fields and not service.task.messages


def _loss(outcome: Outcome, true: Any) -> float:
    """Return the squared error of a number, 0 or 1 of a label; NaN where it is unknown."""
    if not isinstance(outcome, Scored) or true is None or true != true:
        return np.nan
    value = number_of(outcome.value)
    value = value[0] if isinstance(value, tuple) else value
    if isinstance(value, str | bool) or isinstance(true, str | bool):
        return float(text_of(value).lower() != text_of(true).lower())
    try:
        return (float(value) - float(true)) ** 2
    except (TypeError, ValueError):
        return np.nan


def _error(losses: Floats, measure: str) -> float:
    mean = float(losses.mean())
    return math.sqrt(mean) if measure == "rmse" else mean


def _difference(
    was: Floats, now: Floats, measure: str, clusters: Clusters | None, confidence: float = paired.CONFIDENCE
) -> Difference:
    """Return by how much the challenger's error is smaller; of numbers the losses are squares."""
    if measure == "rmse":
        return paired.rmse_difference(np.sqrt(was), np.sqrt(now), clusters, confidence)
    return paired.difference(was - now, clusters, confidence)


def _margin(found: Difference) -> float:
    return math.inf if found.margin is None else found.margin


def _part(
    name: str,
    losses: Floats,
    measure: str,
    clusters: Clusters | None = None,
    confidence: float = paired.CONFIDENCE,
) -> Part:
    was, now = losses
    errors = _error(was, measure), _error(now, measure)
    surely = len(was) >= PART_EVENTS and _difference(was, now, measure, clusters, confidence).worse
    return Part(name, len(was), *errors, surely and errors[1] - errors[0] > WORSE * errors[0])
