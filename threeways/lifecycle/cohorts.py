"""The figures of a cohort: errors, completeness and slices, as sums that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import fsum, sqrt
from typing import Any, NamedTuple

import msgspec

STEPS = 20
"""The points of a completeness curve, in equal parts of the deadline."""

type Version = tuple[str, str]
"""A model's name, and its version."""


class Entry(NamedTuple):
    """The last outcome of one prediction. actual, waited: None without a label. parts: one of each slice."""

    revision: int
    predicted: float
    low: float | None
    high: float | None
    actual: float | None
    judged: bool
    waited: float | None
    parts: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True):
    """The error of n predictions, in the output's unit; None where n is 0.

    bias: the mean of predicted - actual: below 0 the model says too little. coverage: the share of actual
    values within their interval, of those that have one; width: the mean width of these.
    """

    n: int = 0
    mae: float | None = None
    rmse: float | None = None
    bias: float | None = None
    coverage: float | None = None
    width: float | None = None


class Sums(msgspec.Struct, frozen=True):
    """What figures are made of; those of parts add up."""

    n: int = 0
    error: float = 0.0
    absolute: float = 0.0
    square: float = 0.0
    intervals: int = 0
    covered: int = 0
    width: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        """Return the sums of both."""
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @property
    def figures(self) -> Figures:
        """The figures that they make."""
        if not self.n:
            return Figures()
        found = self.intervals or None
        return Figures(
            n=self.n,
            mae=self.absolute / self.n,
            rmse=sqrt(self.square / self.n),
            bias=self.error / self.n,
            coverage=found and self.covered / found,
            width=found and self.width / found,
        )


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """One version's events of one cohort. Those of several shards, of different events, add up by `+`.

    start: of the event's time, seconds of Unix time. labelled, unmatched: predictions with and without a
    label; unjudged: of the labelled those whose actual value is beyond the task's bounds. whole: what was
    judged. slices: field -> part -> its sums. waits: how many labels came within so many `STEPS`-ths of the
    deadline after the event, the last within it or later. closed: False where it was closed early.
    """

    model: str
    version: str
    start: float
    labelled: int
    unmatched: int
    unjudged: int
    whole: Sums
    slices: dict[str, dict[str, Sums]]
    waits: tuple[int, ...]
    closed: bool = True

    @property
    def figures(self) -> Figures:
        """The errors of what was judged."""
        return self.whole.figures

    @property
    def completeness(self) -> float:
        """The share of the predictions that have a label."""
        return self.labelled / (self.labelled + self.unmatched)

    @property
    def curve(self) -> list[float]:
        """The share of the predictions that had a label after each `STEPS`-th of the deadline."""
        shares, seen = [], 0
        for one in self.waits:
            seen += one
            shares.append(seen / (self.labelled + self.unmatched))
        return shares

    def __add__(self, other: Cohort) -> Cohort:
        """Return both together: cohorts of one version, the earlier start's."""
        if (self.model, self.version) != (other.model, other.version):
            raise ValueError("cohorts of two versions do not add up; add those of one")
        slices = {name: dict(parts) for name, parts in self.slices.items()}
        for name, parts in other.slices.items():
            mine = slices.setdefault(name, {})
            for part, sums in parts.items():
                mine[part] = mine.get(part, Sums()) + sums
        return Cohort(
            model=self.model,
            version=self.version,
            start=min(self.start, other.start),
            labelled=self.labelled + other.labelled,
            unmatched=self.unmatched + other.unmatched,
            unjudged=self.unjudged + other.unjudged,
            whole=self.whole + other.whole,
            slices=slices,
            waits=tuple(one + two for one, two in zip(self.waits, other.waits, strict=True)),
            closed=self.closed and other.closed,
        )

    def message(self, length: float, tops: Mapping[str, int]) -> dict[str, Any]:
        """Return it as JSON values, for a stream.

        length: of the cohort, in seconds. tops: of each slice's field, how many parts are told: the largest.
        """
        return {
            "model": self.model,
            "version": self.version,
            "start": _text(self.start),
            "end": _text(self.start + length),
            "closed": self.closed,
            "labelled": self.labelled,
            "unmatched": self.unmatched,
            "unjudged": self.unjudged,
            "completeness": self.completeness,
            "curve": self.curve,
            **msgspec.to_builtins(self.figures),
            "slices": {
                name: {part: msgspec.to_builtins(sums.figures) for part, sums in _top(parts, tops[name])}
                for name, parts in self.slices.items()
                if name in tops
            },
        }


def _top(parts: Mapping[str, Sums], most: int) -> list[tuple[str, Sums]]:
    """Return the parts with the most events, by name."""
    largest = sorted(parts.items(), key=lambda one: (-one[1].n, one[0]))[:most]
    return sorted(largest)


def sums_of(entries: Sequence[Entry]) -> Sums:
    """Return sums that do not depend on the order of the entries."""
    pairs = [(one.predicted, one.actual) for one in entries if one.actual is not None]
    errors = [predicted - actual for predicted, actual in pairs]
    within = [
        (one.high - one.low, one.low <= one.actual <= one.high)
        for one in entries
        if one.actual is not None and one.low is not None and one.high is not None
    ]
    return Sums(
        n=len(errors),
        error=fsum(errors),
        absolute=fsum(map(abs, errors)),
        square=fsum(one * one for one in errors),
        intervals=len(within),
        covered=sum(covered for _, covered in within),
        width=fsum(width for width, _ in within),
    )


def by_version(cohorts: Iterable[Cohort]) -> dict[Version, Cohort]:
    """Return all cohorts of each version together."""
    found: dict[Version, Cohort] = {}
    for one in cohorts:
        key = one.model, one.version
        found[key] = found[key] + one if key in found else one
    return found


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
