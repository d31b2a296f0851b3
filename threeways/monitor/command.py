"""Run `make monitor`: read what the user names, judge it, and write the report, tables and figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import sqlalchemy
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from threeways.artifact import reference as references
from threeways.artifact.reference import Reference
from threeways.atomic_files import write_atomic, write_json
from threeways.aws import clients
from threeways.batch.command import is_database
from threeways.batch.layout import Naming
from threeways.errors import ArtifactError, DataError, UsageError
from threeways.lifecycle import counts, outcomes, report
from threeways.lifecycle.drift import Finding, Measured, Outcomes, Window, judge_counts
from threeways.lifecycle.monitoring import Report, monitor
from threeways.masking import masked
from threeways.monitor.table import EventsTable, read
from threeways.scoring.service import ModelService
from threeways.settings import LOCAL

LAST_MONITOR = "last-monitor.json"
_WINDOWS = {"day": 1, "week": 7, "month": 28}
_SHOWN = 12


@dataclass(frozen=True)
class Options:
    """What the user chose.

    counts: where records of counts are. events, table: a table of events. labels: label outcomes, as JSON
    lines. quarantine: a folder or S3. reference: a table to compare with, in place of the artifact's own.
    days: of counts in S3, back from today. window: `day`, `week`, `month` or a number of days, `3d`. out: a
    database's URL, or a folder for parquet.
    """

    counts: str | None = None
    events: str | None = None
    table: str | None = None
    labels: str | None = None
    quarantine: str | None = None
    reference: str | None = None
    days: int = 28
    window: str = "day"
    out: str | None = None
    html: Path = LOCAL / "monitor.html"
    naming: Naming = field(default_factory=Naming)


def run(options: Options, service: ModelService[Any], folder: Path, console: Console, local: Path) -> Report:
    """Monitor once; writes the report, its tables and `last-monitor.json`. Raises UsageError.

    folder: the artifact's, where its reference is.
    """
    length = length_of(options.window)
    if not (options.counts or options.events or options.labels):
        raise UsageError("nothing to monitor: give COUNTS=, EVENTS= or LABELS=")
    notes = list[str]()
    events = _table(options.events, options, service, console) if options.events else None
    given = options.reference
    other = _table(given, options, service, console, "REFERENCE") if given else None
    reference = other.reference(service.task.name) if other else _own(folder, notes)
    if other and reference is None:
        raise DataError(f"REFERENCE={options.reference} has too few rows to compare with: 200 or more")
    records: Sequence[counts.CountsRecord] = ()
    if options.counts and reference is not None:
        since = datetime.now(UTC).date() - timedelta(days=options.days)
        found = counts.read(options.counts, _s3, since)
        records = found.records
        notes += [f"no record of counts: {one}" for one in found.unreadable[:5]]
        notes += [] if found.records else [f"COUNTS={masked(options.counts)} holds no record of counts"]
    told = _outcomes(options, service, events, notes)
    windows: list[Window] = []
    if events and reference:
        windows = events.windows(reference, length)
        notes += events.left_out(reference)
    made = monitor(
        reference,
        task=service.task.name,
        version=service.version,
        length=length,
        windows=windows,
        records=records,
        outcomes=told,
        quarantined=_quarantined(options, events, console),
        notes=notes,
        unit=service.task.output.unit,
    )
    if events is not None and other is not None:
        made = _with_truths(made, events, other, service.task.name, length)
    _write(made, options, console, local)
    return made


def length_of(text: str) -> timedelta:
    """Return how long a window is. Raises UsageError."""
    days = _WINDOWS.get(text) or (int(found[1]) if (found := re.fullmatch(r"(\d{1,3})d", text)) else 0)
    if not days:
        raise UsageError(f"WINDOW={text} is no window; give day, week, month, or days such as 3d")
    return timedelta(days=days)


def _own(folder: Path, notes: list[str]) -> Reference | None:
    try:
        return references.read(folder)
    except ArtifactError as error:
        notes.append(f"features are not compared: {error}; or give REFERENCE=, a table of events at rest")
        return None


def _table(
    spec: str, options: Options, service: ModelService[Any], console: Console, variable: str = "EVENTS"
) -> EventsTable:
    return read(spec, options.table, service, options.naming, console, variable)


def _outcomes(
    options: Options, service: ModelService[Any], events: EventsTable | None, notes: list[str]
) -> Outcomes | None:
    if options.labels is None:
        known = events.outcomes() if events else None
        if events and known is None and options.naming.actual:
            notes.append(
                f"ACTUAL={options.naming.actual}: only errors of one number are judged, not of classes"
            )
        return known
    found = outcomes.read(options.labels, _s3, service.version)
    for count, what in (
        (found.others, "of other versions"),
        (found.unmatched, "unmatched: a label without its prediction, or a prediction without its label"),
        (found.unreadable, "that cannot be read"),
    ):
        notes += [f"{count:,} label outcomes are passed over: {what}"] if count else []
    notes += (
        [] if len(found.outcomes.at) else [f"LABELS={masked(options.labels)} holds no label outcome to judge"]
    )
    return found.outcomes


def _quarantined(options: Options, events: EventsTable | None, console: Console) -> Counter[str]:
    found = Counter(events.refused if events else {})
    if options.quarantine:
        from threeways.ops.quarantine import Reader

        seen = {entry.source_event_id: entry.code for _, entry in Reader(options.quarantine, console).read}
        found.update(seen.values())
    return found


def _with_truths(
    made: Report, events: EventsTable, other: EventsTable, task: str, length: timedelta
) -> Report:
    """Add what moved of the truth in each kind of row, trained on or not."""
    from dataclasses import replace

    from threeways.monitor import watched

    reference = watched.reference_of(other.extra, other.extra_at, task, other.name)
    if reference is None or not events.extra:
        return made
    findings, series = judge_counts(reference, events.extra_windows(reference, length))
    return replace(made, findings=made.findings + findings, series=made.series + series)


def _write(made: Report, options: Options, console: Console, local: Path) -> None:
    options.html.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(options.html, report.page(made).encode())
    local.mkdir(parents=True, exist_ok=True)
    write_json(local / LAST_MONITOR, made.figures())
    out = options.out or f"sqlite:///{local / 'monitor.db'}"
    _store(out, made)
    for one in made.findings[:_SHOWN]:
        console.print(f"- {one.told}. {one.advice}", highlight=False, markup=False, soft_wrap=True)
    rest = len(made.findings) - _SHOWN
    if rest > 0:
        console.print(f"… and {rest:,} more findings, in the report", highlight=False)
    if not made.findings:
        console.print(made.headline, highlight=False, markup=False, soft_wrap=True)
    for note in made.notes if made.judged else ():
        console.print(f"not judged: {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Report: {options.html}; table: {masked(out)}", highlight=False, soft_wrap=True)


def _store(out: str, made: Report) -> None:
    """Write the findings and the measures as two tables; they replace the last run's. Raises DataError."""
    tables: tuple[tuple[str, Sequence[Any], Any], ...] = (
        ("findings", made.findings, Finding),
        ("measures", made.series, Measured),
    )
    for name, rows, kind in tables:
        frame = pd.DataFrame(
            [msgspec.structs.asdict(row) for row in rows],
            columns=list(kind.__struct_fields__),
        )
        try:
            if is_database(out):
                engine = sqlalchemy.create_engine(out)
                frame.to_sql(f"monitor_{name}", engine, if_exists="replace", index=False)
                engine.dispose()
            else:
                Path(out).mkdir(parents=True, exist_ok=True)
                frame.to_parquet(Path(out) / f"{name}.parquet")
        except (OSError, ValueError, ImportError) as error:
            raise DataError(f"OUT={masked(out)} cannot be written: {error}") from None
        except SQLAlchemyError as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"OUT={masked(out)} cannot be written: {reason}") from None


def _s3() -> Any:
    return clients.client("s3")
