"""Vary events as the JSON that arrives, so that those of any task can be: one value changed at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

type Event = dict[str, Any]
type Place = tuple[str | int, ...]
"""Where a value is in an event: the names, and the places in lists, that lead to it."""
type Answers = Callable[[Sequence[Event]], list[Any]]
"""Returns the answers for events, None for one that is refused."""

MARGIN = 1e-9
"""How far from a jump its two sides are, relative."""
_ROUNDS = 60
_EXTREMES: Mapping[type, Sequence[Any]] = {
    float: (0.0, -1.0, 0.5, 1e-300, 1e15, 1e300),
    int: (0, -1, 1, 2**31, 2**53),
    str: ("", "unseen", "\u00e9\u4e16", "NaN"),
    bool: (True, False),
    list: ([],),
    type(None): (),
}
_WRONG: Mapping[type, Any] = {float: "3.5", int: 2.5, str: 7, bool: "true", list: "x", type(None): {}}


def _leaves(value: Any, path: Place = (), *, lists: bool = False) -> Iterator[tuple[Place, Any]]:
    """Yield the values of an event that are no objects; lists: nor lists."""
    if isinstance(value, dict) or (lists and isinstance(value, list)):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(one, (*path, name), lists=lists)
    else:
        yield path, value


def _with(event: Any, path: Place, value: Any) -> Any:
    """Return an event with one value changed."""
    name, *rest = path
    made = event.copy()
    made[name] = _with(event[name], tuple(rest), value) if rest else value
    return made


def _without(event: dict[Any, Any], path: Place) -> dict[Any, Any]:
    name, *rest = path
    if rest:
        return event | {name: _without(event[name], tuple(rest))}
    return {other: value for other, value in event.items() if other != name}


def edges(
    events: Sequence[Event], categories: Mapping[str, Collection[Any]], id_name: str
) -> Iterator[Event]:
    """Yield events with one value that is extreme, unknown, missing or of another type.

    One of each kind for each field comes before the second of any, as not all may be taken.
    """
    first = events[0]
    fields = [(path, value) for path, value in _leaves(first) if path != (id_name,)]
    kinds: list[list[Event]] = []
    for place, (path, value) in enumerate(fields):
        event = events[place % len(events)]
        if dict(_leaves(event)).keys() != dict(_leaves(first)).keys():
            event = first
        seen = [other for one in events for at, other in _leaves(one) if at == path]
        values = [*_EXTREMES[type(value)], *_beyond(seen), *_few(categories.get(str(path[-1]), ()))]
        made = [_without(event, path), _with(event, path, None), _with(event, path, _WRONG[type(value)])]
        kinds.append([made[0], *(_with(event, path, one) for one in values), *made[1:]])
    for place in range(max(map(len, kinds), default=0)):
        yield from (made[place] for made in kinds if place < len(made))


def _beyond(values: Sequence[Any]) -> list[Any]:
    """Return a number below all that were seen, and one above."""
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return [min(numbers) - 1, max(numbers) + 1] if numbers else []


def _few(values: Collection[Any]) -> list[Any]:
    """Return some of a column's categories, evenly."""
    told = [one for one in values if isinstance(one, str | int | float) and one == one]
    return told[:: max(1, len(told) // 5)][:5]


@dataclass(slots=True)
class _Pair:
    """Two events that differ in one number. place: where that is."""

    low: Event
    high: Event
    place: Place

    @property
    def numbers(self) -> tuple[float, float]:
        """The number in each."""
        return _at(self.low, self.place), _at(self.high, self.place)

    @property
    def margin(self) -> float:
        """How far from a jump its two sides are."""
        return MARGIN * max(*map(abs, self.numbers), 1e-9)

    def middle(self) -> Event | None:
        """Return the event between the two; None where they are as near as a jump's sides may be."""
        low, high = self.numbers
        return None if abs(high - low) <= self.margin else _with(self.low, self.place, low + (high - low) / 2)

    def apart(self) -> tuple[Event, Event]:
        """Return the two events, each moved away from the jump between them."""
        low, high = self.numbers
        step = math.copysign(self.margin, high - low)
        return _with(self.low, self.place, low - step), _with(self.high, self.place, high + step)


def jumps(events: Sequence[Event], answers: Answers, most: int) -> list[Event]:
    """Return at most so many events, in pairs on both sides of a number at which the answer jumps."""
    pairs = list(_pairs(events, most // 2))
    if not pairs:
        return []
    told = list(
        zip(pairs, answers([one.low for one in pairs]), answers([one.high for one in pairs]), strict=True)
    )
    open_ = [(pair, low) for pair, low, high in told if None not in (low, high) and low != high]
    found = [pair for pair, _ in open_]
    for _ in range(_ROUNDS):
        asked = [(pair, base, middle) for pair, base in open_ if (middle := pair.middle()) is not None]
        if not asked:
            break
        for (pair, base, middle), answer in zip(asked, answers([one[2] for one in asked]), strict=True):
            if answer == base:
                pair.low = middle
            else:
                pair.high = middle
        open_ = [(pair, base) for pair, base, _ in asked]
    return [side for pair in found for side in pair.apart()]


def _pairs(events: Sequence[Event], most: int) -> Iterator[_Pair]:
    """Yield an event, and the same with a number of another event."""
    rng = np.random.default_rng(0)
    numbers = [
        {place: one for place, one in _leaves(event, lists=True) if type(one) is float} for event in events
    ]
    made = 0
    for _ in range(6 * most):
        at, other = (int(one) for one in rng.integers(0, len(events), 2))
        common = list(numbers[at].keys() & numbers[other].keys())
        if not common or made == most:
            continue
        place = sorted(common, key=str)[int(rng.integers(0, len(common)))]
        there = numbers[other][place] if at != other else numbers[at][place] * 4 + 1
        if there != numbers[at][place]:
            made += 1
            yield _Pair(events[at], _with(events[at], place, there), place)


def _at(event: Any, place: Place) -> float:
    for name in place:
        event = event[name]
    return float(event)


def moved(payload: bytes, factor: float) -> bytes:
    """Return an event with each fraction multiplied."""
    try:
        event = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload
    if not isinstance(event, dict):
        return payload
    for path, value in _leaves(event, lists=True):
        if type(value) is float:
            event = _with(event, path, value * factor)
    return msgspec.json.encode(event)
