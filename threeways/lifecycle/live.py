"""How good a model really is: errors of closed cohorts, aggregated from label outcomes.

What takes long is known late, so the error of what has come so far is the error of what was quick. Events are
therefore judged by *cohorts*, those of one hour of event time, when the cohort is *closed*: its hour and
the join's deadline have passed, and each prediction has an outcome, labelled or not.

Outcomes come at least once and in any order. An open cohort keeps one entry a prediction, so that the highest
revision counts and a repeated one changes nothing; a closed one becomes sums, and its entries go. That bounds
the memory: by the predictions of the cohorts that are open, and `MOST_OPEN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any

import msgspec

from threeways.lifecycle.cohorts import STEPS, Cohort, Entry, Sums, Version, sums_of
from threeways.scoring.slices import Slice

GRACE = 300.0
"""Seconds after a cohort's deadline until it is closed: the sweeper's minute, and the way of the messages."""
MOST_OPEN = 1_000_000
"""Predictions of open cohorts that are kept. Beyond it the cohort that began first is closed early."""


@dataclass
class Live:
    """Aggregates label outcomes.

    id_name, slices, length, deadline: of the join of labels, which makes one: the field with the event's id,
    and the seconds of a cohort and of the wait for labels. A cohort is closed `grace` seconds after that.

    late: outcomes of cohorts that were closed before they came, which count nowhere. unpredicted: outcomes
    without a prediction: labels of the other side.
    """

    id_name: str
    slices: Sequence[Slice]
    length: float = 3_600.0
    deadline: float = 3 * 3_600.0
    grace: float = GRACE
    most_open: int = MOST_OPEN
    late: int = 0
    unpredicted: int = 0
    _open: dict[float, dict[tuple[str, Version], Entry]] = field(default_factory=dict)
    _closed: set[float] = field(default_factory=set)
    _early: list[Cohort] = field(default_factory=list)
    _count: int = 0

    def add(self, outcome: Mapping[str, Any]) -> bool:
        """Take a message `label` or `unmatched`; return whether it changed something."""
        if outcome.get("version") is None:
            self.unpredicted += 1
            return False
        start = self.cohort_of(outcome["at"])
        if start in self._closed:
            self.late += 1
            return False
        entries = self._open.setdefault(start, {})
        key = (msgspec.json.encode(outcome[self.id_name]).decode(), (outcome["model"], outcome["version"]))
        before = entries.get(key)
        if before is not None and before.revision >= outcome["revision"]:
            return False
        entries[key] = self._entry(outcome)
        self._count += before is None
        while self._count > self.most_open:
            self._early += self._close(min(self._open), early=True)
        return True

    def cohort_of(self, at: str) -> float:
        """Return the start of the cohort of an event's time, seconds of Unix time."""
        time = datetime.fromisoformat(at)
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        return seconds // self.length * self.length

    def _entry(self, outcome: Mapping[str, Any]) -> Entry:
        low, high = outcome.get("interval") or (None, None)
        actual = outcome.get("actual")
        return Entry(
            outcome["revision"],
            outcome["predicted"],
            low,
            high,
            actual,
            actual is not None and bool(outcome.get("judged", True)) and isfinite(actual),
            outcome.get("waited"),
            tuple(one.part(outcome["slices"].get(one.field, float("nan"))) for one in self.slices),
        )

    def merge(self, other: Live) -> None:
        """Take all that another one has: of other shards, or of the same outcomes read by somebody else.

        The other one's closed cohorts have to be this one's, too.
        """
        for start, entries in other._open.items():
            mine = self._open.setdefault(start, {})
            for key, entry in entries.items():
                before = mine.get(key)
                if before is None or before.revision < entry.revision:
                    mine[key] = entry
                    self._count += before is None
        self.late += other.late
        self.unpredicted += other.unpredicted

    def now(self) -> list[Cohort]:
        """Return the cohorts as they stand, closed or not: what a naive look sees. It changes nothing."""
        return [one for start in sorted(self._open) for one in self._cohorts(start, closed=False)]

    def close(self, now: float = inf) -> list[Cohort]:
        """Return the cohorts that are closed by now, seconds of Unix time by the events' clock, each once.

        Their entries go; what still comes for them counts as `late`.
        """
        made, self._early = self._early, []
        for start in sorted(self._open):
            if self.closes(start) <= now:
                made += self._close(start)
        return made

    def closes(self, start: float) -> float:
        """Return when the cohort that starts then is closed."""
        return start + self.length + self.deadline + self.grace

    def _close(self, start: float, *, early: bool = False) -> list[Cohort]:
        made = list(self._cohorts(start, closed=not early))
        self._count -= len(self._open.pop(start))
        self._closed.add(start)
        return made

    def _cohorts(self, start: float, *, closed: bool) -> Iterator[Cohort]:
        versions: dict[Version, list[Entry]] = {}
        for (_, named), entry in self._open[start].items():
            versions.setdefault(named, []).append(entry)
        for (model, version), entries in sorted(versions.items()):
            judged = [one for one in entries if one.judged]
            labelled = [one for one in entries if one.actual is not None]
            yield Cohort(
                model=model,
                version=version,
                start=start,
                labelled=len(labelled),
                unmatched=len(entries) - len(labelled),
                unjudged=len(labelled) - len(judged),
                whole=sums_of(judged),
                slices={
                    one.field: _by_part(judged, place) for place, one in enumerate(self.slices)
                },
                waits=self._waits(labelled),
                closed=closed,
            )  # fmt: skip

    def _waits(self, labelled: Iterable[Entry]) -> tuple[int, ...]:
        counts = [0] * STEPS
        for one in labelled:
            share = (one.waited or 0.0) / self.deadline
            counts[min(STEPS - 1, int(share * STEPS))] += 1
        return tuple(counts)


def _by_part(entries: Iterable[Entry], place: int) -> dict[str, Sums]:
    parts: dict[str, list[Entry]] = {}
    for one in entries:
        parts.setdefault(one.parts[place], []).append(one)
    return {part: sums_of(of) for part, of in sorted(parts.items())}
