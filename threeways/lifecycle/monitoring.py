"""Put together what a monitoring run was given, and judge it: counts, label outcomes, quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from threeways.artifact.reference import Reference
from threeways.lifecycle.counts import CountsRecord
from threeways.lifecycle.drift.counts import Window, judge_counts, whole_days, windows_of
from threeways.lifecycle.drift.errors import LEAST_ROWS, UNLOOKED, Outcomes, judge_errors
from threeways.lifecycle.drift.finding import FAMILY, Finding, Measured, drifted

TOLERATED = 0.05
"""The share of events in quarantine above which it is a finding; the stack's alarm has the same."""


@dataclass(frozen=True)
class Report:
    """What monitoring found. notes: what could not be judged, and why. quarantined: reason -> events."""

    task: str
    version: str | None
    reference: str
    findings: list[Finding]
    series: list[Measured]
    notes: list[str]
    windows: int
    rows: int
    labels: int
    quarantined: Mapping[str, int] = field(default_factory=dict)
    unit: str = ""

    @property
    def judged(self) -> bool:
        """Whether anything was compared: counts of a window, or enough labels."""
        looked = self.labels >= LEAST_ROWS and UNLOOKED not in self.notes
        return bool(self.findings or self.series or looked)

    @property
    def headline(self) -> str:
        """The result in a sentence."""
        count = len(self.findings)
        if count:
            return f"{count} finding{'s' * (count > 1)}, the most important first."
        if not self.judged:
            return f"Nothing was judged: {'; '.join(self.notes) or 'no window and no label had enough rows'}."
        quiet = "Nothing moved beyond what the reference's own time shows"
        return f"{quiet}, in what was judged; not all was." if self.notes else f"{quiet}."

    def figures(self) -> dict[str, Any]:
        """Return it as `last-monitor.json` has it."""
        names = dict.fromkeys(one.what for one in self.findings if one.part)
        return {
            "task": self.task, "version": self.version, "reference": self.reference, "judged": self.judged,
            "headline": self.headline, "windows": self.windows, "rows": self.rows, "labels": self.labels,
            "quarantined": dict(self.quarantined),
            "drifted": {name: drifted(self.findings, name) for name in names},
            "findings": self.findings, "notes": self.notes,
        }  # fmt: skip


def of_records(
    reference: Reference, records: Sequence[CountsRecord], version: str | None, length: timedelta
) -> tuple[list[Window], Counter[str], list[Finding], list[str]]:
    """Return windows of counts, what was quarantined by reason, the finding about that, and notes.

    version: whose records; None: all of this task's that have the reference's bins.
    """
    notes, counted = list[str](), []
    quarantined, rows, since = Counter[str](), 0, ""
    other_versions = other_bins = empty = 0
    for one in records:
        if one.task != reference.task or (version is not None and one.version != version):
            other_versions += 1
            continue
        quarantined.update(one.quarantined)
        rows += one.rows
        bad = sum(one.quarantined.values())
        if not since and bad > TOLERATED * (one.rows + bad):
            since = one.start.isoformat()
        arrays = one.arrays(reference)
        if arrays is None:
            other_bins += 1
        elif one.rows:
            counted.append((one.start, arrays))
        else:
            empty += 1
    for count, what in (
        (other_versions, "of another task or version"),
        (other_bins, "in other bins than the reference's: they cannot be compared; name their model's"),
        (empty, "with no scored event"),
    ):
        if count:
            notes.append(f"{count:,} records of counts are passed over: {what}")
    counted = _whole(counted, reference, records, notes)
    found = _filled(quarantined, rows, since)
    return windows_of(counted, length, reference.block_days), quarantined, found, notes


def _whole(
    counted: list[tuple[datetime, Any]],
    reference: Reference,
    records: Sequence[CountsRecord],
    notes: list[str],
) -> list[tuple[datetime, Any]]:
    """Return what was counted on whole days."""
    if not counted or not reference.block_days:
        return counted
    begins, ends = whole_days(counted[0][0], max(one.end for one in records))
    kept = [one for one in counted if begins <= one[0].date() <= ends]
    if len(kept) < len(counted):
        notes.append(f"{len(counted) - len(kept):,} records are of days that are not whole yet")
    return kept


def _filled(quarantined: Counter[str], rows: int, since: str) -> list[Finding]:
    """Return the finding about too many events in quarantine."""
    bad = quarantined.total()
    if bad <= TOLERATED * (rows + bad):
        return []
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in quarantined.most_common(3))
    return [
        Finding(
            "quarantine", "quarantine", "", since, 0.0, bad / (rows + bad), rows + bad,
            f"{bad / (rows + bad):.1%} of the events are in quarantine ({reasons})",
            "`threeways quarantine` shows them by reason; mend the producer or the model, and replay.",
        )
    ]  # fmt: skip


def monitor(
    reference: Reference | None,
    *,
    task: str,
    length: timedelta,
    version: str | None = None,
    windows: Sequence[Window] = (),
    records: Sequence[CountsRecord] = (),
    outcomes: Outcomes | None = None,
    quarantined: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    unit: str = "",
    family: float = FAMILY,
) -> Report:
    """Judge what was given, by windows of a length. A report of a model at rest has a finding in `family`.

    windows: of a table's rows. records: of the function. outcomes: of labels.
    """
    told, findings, series, labels = [*notes], list[Finding](), list[Measured](), 0
    counted, bad = [*windows], Counter(quarantined or {})
    share = family / 2 if outcomes is not None else family
    if reference is not None and records:
        more, aside, about, why = of_records(reference, records, version, length)
        counted, bad = counted + more, bad + aside
        findings += about
        told += why
    if reference is not None and counted:
        moved, series = judge_counts(reference, counted, share)
        findings += moved
        late = [one for one in counted if one.rows < 50]
        if late:
            told.append(f"{len(late):,} windows have too few rows to be judged")
    if outcomes is not None:
        off, by_window, why = judge_errors(reference, outcomes, length, family / 2, unit)
        findings, labels = off + findings, len(outcomes.sorted().at)
        series = by_window + series
        told += why
    return Report(
        task, version, reference.source if reference else "none", findings, series, told, len(counted),
        sum(one.rows for one in counted), labels, bad, unit,
    )  # fmt: skip
