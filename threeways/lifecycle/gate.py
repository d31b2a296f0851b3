"""Compare the model that is to serve with the one that does: better, or at least no worse.

Both score the same labelled events, each by itself, and their errors are compared event by event: what both
find hard cancels out, so that a small difference shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import PermanentError, PromotionRefused
from threeways.lifecycle.parts import parted
from threeways.scoring.events import Events
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.output import number_of, text_of
from threeways.scoring.service import ModelService

LEAST_EVENTS = 200
"""Fewer labelled events decide nothing."""
TOLERATED = 0.01
"""So much larger may the new model's error be, as a share, where chance alone may have made it larger."""
_SURE, _VERY_SURE = 1.96, 3.29
"""Standard errors: 95 %, and for each of many slices 99.9 %."""
_AT_ONCE = 10_000

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A slice of the events. champion, challenger: their errors there. worse: surely so, and by over 5 %."""

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
        return None

    def __str__(self) -> str:
        verdict = "better" if self.gain > self.margin else "worse" if -self.gain > self.margin else "no worse"
        return (
            f"{self.measure} {self.challenger:.4g} against {self.champion:.4g} on {self.events:,} events of "
            f"{self.window}: {verdict} by {abs(self.gain):.3g} ± {self.margin:.2g}"
        )


def compare(champion: ModelService[Any], challenger: ModelService[Any], events: Events) -> Comparison:
    """Have both score labelled events. Raises PromotionRefused where nothing can be told."""
    losses, fields, refused = _losses(champion, challenger, events)
    both = np.isfinite(losses).all(axis=0)
    count = int(both.sum())
    if count < LEAST_EVENTS:
        raise PromotionRefused(
            f"{events.name}: {count} events with a known truth decide nothing, {LEAST_EVENTS} are the least; "
            "name a larger window, EVENTS=, and its column with what really was so, ACTUAL="
        )
    measure = "rmse" if _is_number(champion) else "error rate"
    parts = [
        _part(f"{title} {name}", losses[:, chosen], measure)
        for title, name, places in parted(fields, champion.task.slices)
        if len(chosen := places[both[places]]) >= LEAST_EVENTS
    ]
    was, now = losses[:, both]
    errors = _error(was, measure), _error(now, measure)
    return Comparison(
        events.name,
        measure,
        count,
        *errors,
        errors[0] - errors[1],
        _margin(was, now, measure),
        tuple(sorted(parts, key=lambda part: part.champion - part.challenger)),
        refused,
    )


def _losses(
    champion: ModelService[Any], challenger: ModelService[Any], events: Events
) -> tuple[Floats, list[Mapping[str, Any]], tuple[int, int]]:
    """Return (2, n) losses, NaN where unknown; the slices' fields; and how many each does not score."""
    names = [one.field for one in champion.task.slices]
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
            leaves = _leaves(msgspec.json.decode(payload))
            fields.append({name: leaves.get(name) for name in names})
    return np.array(found), fields, (refused[0], refused[1])


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


def _margin(was: Floats, now: Floats, measure: str, sure: float = _SURE) -> float:
    """Return the half-width of the difference's confidence interval, of paired errors."""
    spread = sure * float((was - now).std()) / math.sqrt(len(was))
    if measure != "rmse":
        return spread
    both = _error(was, measure) + _error(now, measure)
    return spread / both if both else 0.0


def _part(name: str, losses: Floats, measure: str) -> Part:
    was, now = losses
    errors = _error(was, measure), _error(now, measure)
    more = errors[1] - errors[0]
    worse = more > _margin(was, now, measure, _VERY_SURE) and more > 5 * TOLERATED * errors[0]
    return Part(name, len(was), *errors, worse)


def _leaves(event: Any) -> Mapping[str, Any]:
    """Return an event's values by their own names, whatever they are nested in."""
    found: dict[str, Any] = {}
    waiting: Sequence[Any] = [event]
    while waiting:
        one, *waiting = waiting
        for name, value in one.items():
            if isinstance(value, dict):
                waiting.append(value)
            else:
                found.setdefault(name, value)
    return found
