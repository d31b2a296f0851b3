"""Compare two models by what they said of the same events, and by what really happened.

A challenger is a consumer of its own on the champion's stream (a shadow), so that both say something of each
event under one `source_event_id`. What is compared is therefore paired: see `threeways.scoring.paired`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from threeways.errors import DataError
from threeways.lifecycle.answers import Labels, Numbers
from threeways.scoring import paired
from threeways.scoring.paired import Difference, Floats
from threeways.scoring.parts import columns_of, parted
from threeways.scoring.slices import Slice
from threeways.scoring.task import EventId

LEAST_JUDGED = 30
"""The labelled events of which a difference, or one of a part, is told."""
_DIGITS = 15


class Told(msgspec.Struct, frozen=True):
    """What a model said of an event.

    source: its `source_event_id`. key: the event's own id. at: Unix time at which its stream took it, None
    where unknown.
    """

    source: str
    key: EventId
    value: Any
    version: str | None = None
    at: float | None = None


class Actual(msgspec.Struct, frozen=True):
    """What really was. at: the event's Unix time, None where unknown. slices: the event's fields, by name."""

    value: Any
    at: float | None = None
    slices: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Side(msgspec.Struct, frozen=True):
    """One of the two. versions: of its first answers. errors: measure -> its value, of the labelled events.

    alone: events of which only it said something. repeated: answers beyond an event's first. replaced: those
    of them by another version. invalid: answers that are no number or label, such as NaN.
    """

    name: str
    versions: dict[str, int]
    alone: int
    repeated: int
    replaced: int
    invalid: int
    errors: dict[str, float]


class Part(msgspec.Struct, frozen=True):
    """Events of one part of a slice. apart: mean distance of the two answers. difference: of the errors."""

    slice: str
    part: str
    events: int
    apart: float
    difference: Difference | None


class Comparison(msgspec.Struct, frozen=True):
    """What is known of two models. unit: of their numbers; of labels: share.

    both: events that both answered. apart: mean, p50, p95, p99 and most of the distance of their answers, and
    the share of those that differ. later: p50 and p99 of the seconds by which the challenger's came later.
    labelled: of both, those whose truth is known. difference: champion's error less the challenger's, over 0
    where the challenger is better; None of too few. parts: the largest distances first. looks: how often the
    two are compared at most as events come; all looks together are at the confidence.
    """

    champion: Side
    challenger: Side
    unit: str
    measure: str
    both: int
    apart: dict[str, float]
    later: dict[str, float] | None
    labelled: int
    difference: Difference | None
    parts: list[Part]
    looks: int = 1

    @property
    def verdict(self) -> str:
        """`better` or `worse`, of the challenger; `alike`: they can't be told apart; `unknown`."""
        if self.difference is None or self.difference.margin is None:
            return "unknown"
        return "better" if self.difference.better else "worse" if self.difference.worse else "alike"

    @property
    def worse_parts(self) -> list[Part]:
        """The parts in which the challenger is surely worse, all of them together at the confidence."""
        return [one for one in self.parts if one.difference and one.difference.worse]

    def said(self) -> str:
        """Return the verdict in a line."""
        new, old = _name(self.challenger), _name(self.champion)
        after = f"after {self.labelled:,} events"
        if self.looks > 1:
            after += f" (at {100 * paired.of_each(self.looks):.4g} %, as one of at most {self.looks} looks)"
        if self.difference is None or self.difference.margin is None:
            return (
                f"{new} and {old} cannot be judged: {self.labelled:,} of the {self.both:,} events that both "
                f"answered have a known truth, and {LEAST_JUDGED} are the least"
            )
        by = f"{abs(self.difference.value):.2g}" if self.verdict == "alike" else _rounded(self.difference)
        by += f" ± {self.difference.margin:.2g} {self.unit}".rstrip()
        if self.verdict == "alike":
            return f"{new} and {old} can't be told apart {after}: they differ by {by}"
        if self.verdict == "worse":
            return f"{new} is worse by {by} {after}: keep {old}"
        worse = ", ".join(f"{one.slice} {one.part}" for one in self.worse_parts[:3])
        return f"{new} is better by {by} {after}: promote?{f' It is worse in {worse}' if worse else ''}"


def _name(side: Side) -> str:
    return next(iter(side.versions)) if len(side.versions) == 1 else side.name


def _rounded(found: Difference) -> str:
    """Return a mean with the decimals of two digits of its margin."""
    margin = found.margin or abs(found.value) or 1.0
    return f"{abs(found.value):.{min(_DIGITS, max(0, 1 - int(np.floor(np.log10(margin)))))}f}"


def compared(
    champion: Iterable[Told],
    challenger: Iterable[Told],
    actual: Mapping[EventId, Actual],
    slices: Sequence[Slice] = (),
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    unit: str = "",
    looks: int = 1,
) -> Comparison:
    """Compare what two models said. actual: what really was, by the events' own ids; {}: nobody knows yet.

    slices: how the events are parted by the fields that `actual` has; those of which it has none are left
    out. names: what the two are called where one has several versions. unit: of numbers.
    looks: how often they are compared at most until the difference is sure; each look is then at a higher
    confidence.
    Raises DataError: one said nothing, or they have no event in common, or answer in two kinds.
    """
    old, new = (_Answers(told, name) for told, name in zip((champion, challenger), names, strict=True))
    both = [source for source in old.first if source in new.first]
    if not both:
        raise DataError(
            f"{names[0]} and {names[1]} have no event in common, of {len(old.first):,} and "
            f"{len(new.first):,}: give the output of two consumers of one input stream, of the same hours"
        )
    pairs = [(old.first[source], new.first[source]) for source in both]
    kind = _kind(pairs, names)
    distance = kind.distances([one.value for one, _ in pairs], [other.value for _, other in pairs])
    known = [at for at, (one, _) in enumerate(pairs) if _is_known(actual.get(one.key), kind)]
    truth = [actual[pairs[at][0].key] for at in known]
    known_values = [one.value for one in truth]
    losses = [kind.losses([pairs[at][side].value for at in known], known_values) for side in (0, 1)]
    gain = losses[0] - losses[1]
    sure = paired.of_each(looks)
    clusters = paired.clusters_of(_times(truth, [pairs[at][0] for at in known]))
    return Comparison(
        champion=old.side(new, kind.errors([pairs[at][0].value for at in known], known_values)),
        challenger=new.side(old, kind.errors([pairs[at][1].value for at in known], known_values)),
        unit=unit if kind.is_number else "of the events",
        measure="mean absolute error" if kind.is_number else "share of wrong labels",
        both=len(both),
        apart=_apart(distance, [one.value != other.value for one, other in pairs]),
        later=_later(pairs),
        labelled=len(known),
        difference=paired.difference(gain, clusters, sure) if len(known) >= LEAST_JUDGED else None,
        parts=_parts(truth, slices, distance[known], gain, clusters, sure),
        looks=looks,
    )


class _Answers:
    """The first answer of each event, by its source; redeliveries and what is no answer are counted."""

    def __init__(self, told: Iterable[Told], name: str) -> None:
        self.name, self.first = name, dict[str, Told]()
        self.repeated = self.replaced = self.invalid = 0
        for one in told:
            if isinstance(one.value, float) and not np.isfinite(one.value):
                self.invalid += 1
                continue
            kept = self.first.get(one.source)
            if kept is None:
                self.first[one.source] = one
                continue
            self.repeated += 1
            self.replaced += kept.version != one.version
            if one.at is not None and kept.at is not None and one.at < kept.at:
                self.first[one.source] = one
        if not self.first:
            raise DataError(f"{name} holds no prediction: name its output stream, or a file of its messages")

    def side(self, other: _Answers, errors: dict[str, float]) -> Side:
        """Return it as a side of a comparison."""
        versions = Counter(str(one.version) for one in self.first.values())
        alone = sum(source not in other.first for source in self.first)
        return Side(self.name, dict(versions), alone, self.repeated, self.replaced, self.invalid, errors)


def _kind(pairs: Sequence[tuple[Told, Told]], names: tuple[str, str]) -> Numbers | Labels:
    """Return how answers are compared: all as numbers, or all as labels. Raises DataError for a mixture."""
    kinds = [{Numbers().takes(pair[side].value) for pair in pairs} for side in (0, 1)]
    if kinds[0] != kinds[1] or len(kinds[0]) > 1:
        raise DataError(
            f"{names[0]} and {names[1]} do not both answer numbers, or both labels: compare one task's models"
        )
    return Numbers() if kinds[0] == {True} else Labels()


def _is_known(actual: Actual | None, kind: Numbers | Labels) -> bool:
    return actual is not None and kind.takes(actual.value)


def _times(truth: Sequence[Actual], told: Sequence[Told]) -> Floats:
    """Return the events' own times, or else those at which the champion's answers came."""
    for times in ([one.at for one in truth], [one.at for one in told]):
        if all(one is not None for one in times):
            return np.array(times, dtype=np.float64)
    return np.full(len(truth), np.nan)


def _apart(distance: Floats, differs: Sequence[bool]) -> dict[str, float]:
    p50, p95, p99, most = (float(one) for one in np.percentile(distance, [50, 95, 99, 100]))
    return {
        "mean": float(distance.mean()), "p50": p50, "p95": p95, "p99": p99, "most": most,
        "differ": float(np.mean(differs)),
    }  # fmt: skip


def _later(pairs: Sequence[tuple[Told, Told]]) -> dict[str, float] | None:
    known = [other.at - one.at for one, other in pairs if one.at is not None and other.at is not None]
    if not known:
        return None
    p50, p99 = (float(one) for one in np.percentile(known, [50, 99]))
    return {"p50": p50, "p99": p99}


def _parts(
    truth: Sequence[Actual],
    slices: Sequence[Slice],
    distance: Floats,
    gain: Floats,
    clusters: paired.Clusters,
    sure: float,
) -> list[Part]:
    """Return the parts of the labelled events: those in which the answers are furthest apart first."""
    columns = columns_of([event.slices for event in truth], slices)
    found = [one for one in parted(columns, slices) if len(one[2]) >= LEAST_JUDGED]
    confidence = paired.of_each(len(found), sure)  # of all parts together
    made = [
        Part(
            name, part, len(rows), float(distance[rows].mean()),
            paired.difference(gain[rows], paired.within(clusters, rows), confidence),
        )
        for name, part, rows in found
    ]  # fmt: skip
    return sorted(made, key=lambda one: -one.apart)
